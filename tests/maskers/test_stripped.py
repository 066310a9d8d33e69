"""Images whose skull was taken off, told from heads; synthetic ones, and real ones if they are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.maskers import brain_mask
from lumirage_bids.maskers._regions import largest_piece
from lumirage_bids.maskers.stripped import Stripped, skull_stripped_region
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import bounding_box, crop, reorient, resample_isotropic
from lumirage_bids.spatial.images import Volume
from lumirage_bids.testing.small_brain import scan
from lumirage_bids.testing.whole_head import dice, whole_head

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def test_skull_stripped_images_are_recognised() -> None:
    image, truth = whole_head()
    stripped = replace(image, array=np.where(truth.array, image.array, 0))
    hollow = stripped.array.copy()
    i, j, k = np.argwhere(truth.array).mean(0).astype(int)
    hollow[i, j, k] = 0  # a zero within the brain is brain
    hollow[0, 0, 0] = 5  # a speck outside is not
    mask, found = brain_mask(scan(), replace(image, array=hollow), Context())
    assert found.source == "skull-stripped"
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
    mask, found = brain_mask(scan(skull_stripped=True), stripped, Context())
    assert found.source == "skull-stripped"
    np.testing.assert_array_equal(mask.array, truth.array)
    with pytest.raises(BadDataError, match="SkullStripped"):
        brain_mask(scan(skull_stripped=True), replace(image, array=image.array + 1), Context())


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


def noisy(image: Volume, level: float, *, rician: bool) -> Volume:
    """The image with noise everywhere, of so much of its brightest intensities."""
    rng = np.random.default_rng(2)
    noise = level * np.percentile(image.array, 99) * rng.standard_normal((2, *image.shape))
    array = np.hypot(image.array + noise[0], noise[1]) if rician else image.array + noise[0]
    return replace(image, array=array.astype(np.float32))


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (0.01, -3.0)])
@pytest.mark.parametrize("rician", [True, False])
def test_a_brain_among_noise_is_found_where_it_is_said_to_be_one(rician: bool, scale: float, offset: float) -> None:
    image, truth = whole_head(bias=0.0)
    brain = noisy(replace(image, array=np.where(truth.array, image.array, 0)), 0.03, rician=rician)
    brain = replace(brain, array=(scale * brain.array + offset).astype(np.float32))
    mask, found = brain_mask(scan(skull_stripped=True), brain, Context())
    assert found.masker == "skull-stripped"
    assert dice(mask.array > 0, truth.array > 0) > 0.97


def test_a_brain_among_noise_with_empty_corners_is_found_too() -> None:
    image, truth = whole_head(bias=0.0)
    brain = noisy(replace(image, array=np.where(truth.array, image.array, 0)), 0.03, rician=True)
    corners = np.indices(image.shape)[:2].sum(0) < 34
    assert 0.1 < corners.mean() < 0.2
    mask, _ = brain_mask(scan(skull_stripped=True), replace(brain, array=np.where(corners, 0, brain.array)), Context())
    assert dice(mask.array > 0, truth.array > 0) > 0.97


def test_a_head_among_noise_is_taken_for_no_brain() -> None:
    image = noisy(whole_head(bias=0.0)[0], 0.03, rician=True)
    assert skull_stripped_region(image) is None
    with pytest.raises(BadDataError, match=r"no brain stands out from noise.*--derivatives"):
        brain_mask(scan(skull_stripped=True), image, Context())


@pytest.mark.parametrize("rim", [0.0, 7.0])
def test_two_values_around_a_brain_are_both_background_where_it_is_said_to_be_one(rim: float) -> None:
    """Scaled to [-1, 1], so that what was 0 is -1, and padded with something else."""
    image, truth = whole_head()
    scaled = np.where(truth.array, image.array / image.array.max(), -1).astype(np.float32)
    # Of a size at which the whole box could be a brain.
    padded = Volume(array=scaled, affine=image.affine @ np.diag([0.6, 0.6, 0.6, 1]))
    for axis in range(3):
        ends = np.moveaxis(padded.array, axis, 0)
        ends[:4] = rim
        ends[-4:] = rim
    inside = truth.array & (padded.array != rim)
    found = Stripped().find(scan(skull_stripped=True), padded, Context())
    assert found is not None
    assert dice(found.mask, inside > 0) > 0.99
