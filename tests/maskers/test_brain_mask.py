"""Where the brain is said to be, on synthetic heads of known brain and on data sets if they are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.bids.scans import File, Scan
from lumirage_bids.maskers import _template_fit, brain_mask, masking
from lumirage_bids.maskers._checks import MAX_ALIKE, MAX_DEPTH, MIN_DEPTH, carry, implausible
from lumirage_bids.maskers._head import Head
from lumirage_bids.maskers._regions import largest_piece
from lumirage_bids.maskers.stripped import skull_stripped_region
from lumirage_bids.maskers.t1w import OfT1w
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import bounding_box, crop, reorient, resample, resample_isotropic
from lumirage_bids.spatial.images import Volume, write_image
from tests.labellers.phantom import label_file, scan
from tests.maskers.heads import dice, whole_head

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


TEMPLATE = masking({"order": ["existing", "skull-stripped", "T1w", "template"]})


def test_template_finds_a_tilted_biased_brain_however_stored() -> None:
    image, truth = (reorient(v, "PSL") for v in whole_head())
    mask, source = brain_mask(scan(), image, Context(masking=TEMPLATE))
    assert source == "template"
    assert mask.array.dtype == np.uint8
    np.testing.assert_array_equal(mask.affine, image.affine)
    assert dice(mask.array > 0, truth.array > 0) > 0.9


@pytest.mark.slow
def test_heads_in_which_no_masker_finds_a_brain_are_refused_with_every_reason() -> None:
    image, _ = whole_head()
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.standard_normal(image.shape), 2)
    noise = Volume(array=texture.astype(np.float32), affine=image.affine)
    context = Context(masking=masking({"order": ["existing", "deepbet", "template"]}))
    with pytest.raises(BadDataError, match=r"sub-1_T1w.*no plausible.*deepbet: it.*template: .*--derivatives"):
        brain_mask(scan(), noise, context)


def changed(truth: Volume, scale: float, image: Volume) -> np.ndarray:
    """A mask grown or shrunk about its centre."""
    centre = truth.affine[:3, :3] @ np.argwhere(truth.array).mean(0) + truth.affine[:3, 3]
    grown = np.eye(4)
    grown[:3, :3] *= scale
    grown[:3, 3] = (1 - scale) * centre
    moved = replace(truth, array=truth.array.astype(np.float32), affine=grown @ truth.affine)
    return np.asarray(resample(moved, image.shape, image.affine).array >= 0.5)


def test_masks_that_are_too_large_or_too_small_are_refused() -> None:
    image, truth = whole_head(bias=0.0)
    right = truth.array > 0
    assert implausible(right, image) == []
    assert Head(image).border_depth(right) > MIN_DEPTH
    assert Head(image).alike_beyond(right) < MAX_ALIKE
    small, large = (changed(truth, scale, image) for scale in (0.82, 1.5))
    assert Head(image).border_depth(small) > MAX_DEPTH
    assert "too small" in implausible(small, image)[0]
    assert implausible(large, image)
    assert Head(image).border_depth(large) < MIN_DEPTH
    assert "0.09 l" in implausible(changed(truth, 0.4, image), image)[0]
    assert Head(image).border_depth(np.zeros(image.shape, dtype=bool)) == 0


def test_a_fit_that_explains_little_is_believed_only_where_the_border_speaks_for_it() -> None:
    image, truth = whole_head(bias=0.0)
    right = truth.array > 0
    assert implausible(right, image, explained=0.3) == []
    assert "explains 0.10" in implausible(right, image, explained=0.1)[0]
    aside = np.roll(right, 5, axis=1)  # 20 mm
    assert "explains 0.30" in implausible(aside, image, explained=0.3)[0]


# Masks of the session's T1w scan

POSE = np.eye(4)
POSE[:3, :3] = _template_fit._about_x(-9.0)
POSE[:3, 3] = 8, -20, 15


def other_contrast() -> tuple[Volume, Volume]:
    """The same head with other intensities, its scalp as bright as its brain, elsewhere in the world."""
    image, truth = whole_head(bias=0.0)
    array = np.where(image.array > 100, 1300 - image.array, image.array)
    there = tuple(replace(v, affine=POSE @ v.affine) for v in (replace(image, array=array), truth))
    return reorient(there[0], "PSL"), reorient(there[1], "PSL")


def session(folder: Path, **t1w: object) -> Scan:
    """A T2w scan without a mask, and its session's T1w scan, whose file is there."""
    write_image(whole_head()[0], folder / "sub-1_T1w.nii.gz")
    return scan("T2w", folder, lender=scan("T1w", folder, **t1w))


def test_the_mask_of_the_t1w_scan_comes_to_where_the_brain_lies(tmp_path: Path) -> None:
    write_image(whole_head()[1], tmp_path / "m.nii.gz", np.uint8)
    given = File(path=tmp_path / "m.nii.gz", dataset=tmp_path)
    image, truth = other_contrast()
    mask, source = brain_mask(session(tmp_path, mask=given), image, Context())
    assert source == "T1w-existing"
    np.testing.assert_array_equal(mask.affine, image.affine)
    assert dice(mask.array > 0, truth.array > 0) > 0.93


@pytest.mark.slow
def test_the_t1w_scan_may_have_a_skull_stripped_image_but_must_be_a_head(tmp_path: Path) -> None:
    head, brain = whole_head()
    stripped = replace(head, array=np.where(brain.array, head.array, 0))
    write_image(stripped, tmp_path / "brain.nii.gz")
    image, truth = other_contrast()
    beside = session(tmp_path, brain=File(path=tmp_path / "brain.nii.gz", dataset=tmp_path))
    mask, source = brain_mask(beside, image, Context())
    assert source == "T1w-skull-stripped"
    assert dice(mask.array > 0, truth.array > 0) > 0.93
    only = session(tmp_path)
    assert only.lender is not None
    write_image(stripped, tmp_path / "sub-1_T1w.nii.gz")
    with pytest.raises(BadDataError, match="skull-stripped"):
        OfT1w().find(only, image, Context())


def test_a_carried_mask_that_lies_outside_the_image_is_refused() -> None:
    image, truth = whole_head(bias=0.0)
    aside = truth.affine.copy()
    aside[:3, 3] += 500
    assert "0% of it lie inside" in carry(replace(truth, affine=aside), image)[1][0]


def test_explained_variance_tells_good_fits_from_bad() -> None:
    image, _ = whole_head(bias=0.0)
    fine = _template_fit.level(image)
    true = np.eye(4)
    true[:3, :3] = 0.9 * _template_fit._about_x(12.0)
    true[:3, 3] = 5, -12, 20
    good = _template_fit.share_explained(fine, true)
    assert good > 0.5
    for shift in ((0, 0, 20), (0, 20, 0), (20, 0, 0)):
        moved = true.copy()
        moved[:3, 3] += shift
        assert _template_fit.share_explained(fine, moved) < good / 2


def test_skull_stripped_images_are_recognised() -> None:
    image, truth = whole_head()
    stripped = replace(image, array=np.where(truth.array, image.array, 0))
    hollow = stripped.array.copy()
    i, j, k = np.argwhere(truth.array).mean(0).astype(int)
    hollow[i, j, k] = 0  # a zero within the brain is brain
    hollow[0, 0, 0] = 5  # a speck outside is not
    mask, source = brain_mask(scan(), replace(image, array=hollow), Context())
    assert source == "skull-stripped"
    np.testing.assert_array_equal(mask.array, truth.array)
    assert skull_stripped_region(image) is None


def test_heads_on_empty_background_are_not_taken_for_brains() -> None:
    image, _ = whole_head()
    clean = np.where(image.array > 90, image.array, 0)
    assert (clean == 0).mean() > 0.2
    for spacing in (4.0, 2.0):  # the second is a head of a monkey's size, cut at the neck
        affine = image.affine @ np.diag([spacing / 4] * 3 + [1])
        assert skull_stripped_region(Volume(array=clean, affine=affine)) is None


def test_what_the_sidecar_says_is_checked() -> None:
    image, truth = whole_head()
    stripped = replace(image, array=np.where(truth.array, image.array, 0))
    mask, source = brain_mask(scan(skull_stripped=True), stripped, Context())
    assert source == "skull-stripped"
    np.testing.assert_array_equal(mask.array, truth.array)
    with pytest.raises(BadDataError, match="SkullStripped"):
        brain_mask(scan(skull_stripped=True), replace(image, array=image.array + 1), Context())


def test_mask_file_comes_first_through_its_header(tmp_path: Path) -> None:
    image, truth = whole_head()
    write_image(reorient(truth, "LPS"), tmp_path / "m.nii.gz", np.uint8)
    given = label_file(tmp_path, "m.nii.gz")
    mask, source = brain_mask(scan(mask=File(path=given.path, dataset=given.dataset)), image, Context())
    assert source == "existing"
    assert mask.array.dtype == np.uint8
    np.testing.assert_array_equal(mask.array, truth.array)


@pytest.mark.parametrize("species", ["homo_sapiens", "Homo sapiens", "humans", "9606", "Macaca mulatta"])
def test_humans_are_recognised_however_they_are_written(species: str) -> None:
    assert masking().is_human(scan(species=species)) == (species != "Macaca mulatta")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ((1, 1), "covers 64000 voxels, 100"),
        ((np.nan, 1), "brain mask holds nan"),
        ((-1, 1), "brain mask holds -1"),
        ((0, 0.97), "brain mask holds 0.97"),
        ((0, 0), "brain mask is 0 everywhere"),
    ],
)
def test_masks_that_cannot_be_a_brain_are_named(tmp_path: Path, values: tuple[float, float], says: str) -> None:
    inside = np.indices((40, 40, 40)).sum(0) < 50
    mask = Volume(array=np.where(inside, *values[::-1]).astype(np.float32), affine=np.eye(4))
    write_image(mask, tmp_path / "m.nii.gz")
    image = Volume(array=inside.astype(np.float32), affine=np.eye(4))
    given = scan(mask=File(path=tmp_path / "m.nii.gz", dataset=tmp_path))
    with pytest.raises(BadDataError, match=says) as raised:
        brain_mask(given, image, Context())
    assert "m.nii.gz" in str(raised.value)
    assert "label" not in str(raised.value)


def real(file: str) -> Volume:
    """An image of shared/data, RAS."""
    from lumirage_bids.spatial.images import read_image

    if not (DATA / file).exists():
        pytest.skip(f"shared/data/{file} is not here")
    return reorient(read_image(DATA / file))


def cut_off(image: Volume, before: tuple[float, ...], after: tuple[float, ...]) -> Volume:
    """What is left of the box around an image's foreground when shares of it are cut off at either end."""
    box = bounding_box(largest_piece(image.array != 0)).astype(float)
    size = (box[:, 1] - box[:, 0])[:, None]
    box += np.stack([before, after], axis=1) * size * [1, -1]
    return crop(image, np.rint(box).astype(np.int64))


CUTS = [((0, 0, 0.33), (0, 0, 0)), ((0.12, 0.12, 0.12), (0.12, 0.12, 0.12)), ((0, 0, 0.35), (0, 0, 0.35))]
"""Without its lowest third, an eighth on each side, a slab."""


def filled(image: Volume) -> list[Volume]:
    """The same with other intensities of what is there or is not there."""
    inside = image.array != 0
    z = ((image.array - image.array[inside].mean()) / image.array[inside].std()).astype(np.float32)
    return [image, *(replace(image, array=np.where(inside, z, fill)) for fill in (0.0, 1.5))]


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), CUTS)
@pytest.mark.parametrize(
    "file",
    [
        "oasis-braincolor/sub-1001/ses-1/anat/sub-1001_ses-1_T1w.nii.gz",
        "openms/sub-26/anat/sub-26_FLAIR.nii.gz",
        "openms/sub-26/anat/sub-26_T2w.nii.gz",
        "macaque/sub-yerkes19/anat/sub-yerkes19_T1w.nii.gz",
    ],
)
def test_real_skull_stripped_scans_that_are_cut_are_recognised(
    file: str, before: tuple[float, ...], after: tuple[float, ...]
) -> None:
    image = cut_off(real(file), before, after)
    for one in filled(image):
        region = skull_stripped_region(one)
        assert region is not None
        assert dice(region, largest_piece(image.array != 0)) > 0.999


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [((0, 0, 0), (0, 0, 0)), *CUTS, ((0, 0, 0.6), (0, 0, 0))])
@pytest.mark.parametrize(
    "file",
    [
        "heads/sub-01/anat/sub-01_T1w.nii.gz",
        "heads/sub-02/anat/sub-02_T1w.nii.gz",
        *(f"openms-raw/sub-01/ses-1/anat/sub-01_ses-1_{kind}.nii.gz" for kind in ("T1w", "T2w", "FLAIR")),
    ],
)
def test_real_heads_are_not_taken_for_skull_stripped_however_they_are_cut(
    file: str, before: tuple[float, ...], after: tuple[float, ...]
) -> None:
    image = cut_off(real(file), before, after)
    around = replace(image, array=np.pad(image.array, 10))
    assert [skull_stripped_region(one) for one in (*filled(image), around)] == [None] * 4


def test_a_skull_stripped_scan_that_is_cut_is_told_from_a_head() -> None:
    head, truth = (resample_isotropic(v, 2.0) for v in whole_head(bias=0.0))
    inside = truth.array > 0.5
    clean = replace(head, array=np.where(head.array > 60, head.array, 0))
    for image, is_brain in ((clean, False), (replace(head, array=np.where(inside, head.array, 0)), True)):
        assert (skull_stripped_region(cut_off(image, *CUTS[0])) is not None) == is_brain


@pytest.mark.parametrize(
    "file",
    [
        "oasis-braincolor/sub-1000/ses-1/anat/sub-1000_ses-1_T1w.nii.gz",
        "openms/sub-07/anat/sub-07_FLAIR.nii.gz",
        "macaque/sub-yerkes19/anat/sub-yerkes19_T1w.nii.gz",
    ],
)
def test_real_skull_stripped_scans_are_recognised(file: str) -> None:
    image = real(file)
    region = skull_stripped_region(image)
    assert region is not None
    assert dice(region, image.array != 0) > 0.99
