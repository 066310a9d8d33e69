"""The alignment finds known maps between two views of one analytic head, however the headers put it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.methods import Context
from lumirage_bids.methods.alignment import Alignment, _foreground, _if_plausible, align, centre_of_mass
from lumirage_bids.spatial.images import Volume

Array = npt.NDArray[np.float64]

RADII = np.array([62.0, 80.0, 52.0])

NOT_CUT = np.zeros((0, 4))


def head(points: Array, contrast: float = 1.0) -> Array:
    """An asymmetric head of human size around the origin, in mm; another contrast has another order of intensities."""
    random = np.random.default_rng(3)
    centres = random.uniform(-0.7, 0.7, (14, 3)) * RADII
    widths, heights = random.uniform(9, 18, 14), random.uniform(-1, 1, 14)
    texture = sum(
        h * np.exp(-((points - c) ** 2).sum(-1) / (2 * w**2)) for c, w, h in zip(centres, widths, heights, strict=True)
    )
    inside = 1 / (1 + np.exp(20 * (np.sqrt(((points / RADII) ** 2).sum(-1)) - 1)))
    return np.asarray(inside * np.clip(0.55 + 0.4 * texture, 0.1, 1) ** contrast)


def rigid(degrees: tuple[float, float, float], shift: tuple[float, float, float], scale: float = 1.0) -> Array:
    """Rotations around x, y and z, then a scale, then a shift."""
    matrix = np.eye(4)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        i, j = [k for k in range(3) if k != axis]
        turn = np.eye(4)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    matrix[:3, :3] *= scale
    matrix[:3, 3] = shift
    return matrix


def volume(place: Array | None = None, spacing: Any = 4.0, contrast: float = 1.0, mirrored: bool = False) -> Volume:
    """The head, sampled on a grid in its own space whose header then moves it by `place`."""
    spacing = np.broadcast_to(spacing, 3)
    shape = np.ceil(2.4 * RADII / spacing).astype(int)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -spacing * (shape - 1) / 2 + [3.0, -5.0, 4.0]
    if mirrored:
        affine[0, 0], affine[0, 3] = -affine[0, 0], affine[0, 3] + spacing[0] * (shape[0] - 1)
    points = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    array = head(points, contrast).astype(np.float32)
    return Volume(array=array, affine=(np.eye(4) if place is None else place) @ affine)


def masked(image: Volume) -> Volume:
    return Volume(array=(image.array > 0.05).astype(np.uint8), affine=image.affine)


def error(found: Array, true: Array) -> float:
    """Largest distance (mm) between the images of points in the head."""
    points = np.c_[np.array(np.meshgrid(*np.outer([-0.7, 0, 0.7], RADII).T)).reshape(3, -1).T, np.ones(27)]
    return float(np.linalg.norm((points @ (found - true).T)[:, :3], axis=1).max())


QUICK = Alignment(scales=(2, 1), iterations=(100, 30))

POSES = {
    "same place": rigid((0, 0, 0), (0, 0, 0)),
    "origins far apart": rigid((0, 0, 0), (900, -700, 400)),
    "oblique by 15": rigid((15, -10, 8), (12, -30, 5)),
    "the other way": rigid((-9, 14, -13), (-40, 0, 60)),
}


@pytest.mark.parametrize("pose", POSES.values(), ids=POSES)
@pytest.mark.parametrize("transform", ["rigid", "affine"])
def test_poses_are_found(pose: Array, transform: Any) -> None:
    found = align(volume(), volume(pose), alignment=replace(QUICK, transform=transform))
    assert error(found, pose) < 1.5


@pytest.mark.parametrize(
    "options",
    [{"mirrored": True}, {"spacing": (3.0, 4.0, 6.0)}, {"contrast": 3.0}, {"contrast": -0.5}],
    ids=["mirrored storage", "other spacing", "other contrast", "inverse contrast"],
)
def test_scans_of_other_kinds_are_aligned(options: dict[str, Any]) -> None:
    pose = rigid((8, -6, 5), (20, 10, -30), scale=1.08)
    assert error(align(volume(), volume(pose, **options), alignment=QUICK), pose) < 4.0


def test_small_brains_in_small_voxels_are_aligned_as_well() -> None:
    shrink = np.diag([0.35, 0.35, 0.35, 1.0])
    pose = rigid((6, 9, -12), (15, 15, 15), scale=0.93)
    reference, scan = (Volume(array=v.array, affine=shrink @ v.affine) for v in (volume(), volume(pose)))
    found = np.linalg.inv(shrink) @ align(reference, scan) @ shrink
    assert error(found, pose) < 1.0


@pytest.mark.parametrize("transform", ["rigid", "affine"])
def test_masks_are_aligned(transform: Any) -> None:
    pose = rigid((6, -5, 10), (20, 10, -30), scale=1.0 if transform == "rigid" else 1.07)
    reference, scan = masked(volume()), masked(volume(pose))
    found = align(reference, scan, alignment=replace(QUICK, transform=transform, on="mask"))
    # Many affine maps carry one ellipsoid to another, so the points of the surface are compared, not what is inside.
    index = np.argwhere(reference.array) @ reference.affine[:3, :3].T + reference.affine[:3, 3]
    back = (index @ found[:3, :3].T + found[:3, 3] - pose[:3, 3]) @ np.linalg.inv(pose[:3, :3]).T
    assert (head(back) > 0.05).mean() > 0.98
    assert np.linalg.det(found[:3, :3]) == pytest.approx(np.linalg.det(pose[:3, :3]), rel=0.03)


def test_a_head_on_its_side_is_turned_upright() -> None:
    pose = rigid((90, 0, 0), (0, 0, 0))
    found = align(volume(), volume(pose), alignment=replace(QUICK, transform="rigid"))
    assert error(found, pose) < 1.5


@settings(max_examples=10)
@given(st.tuples(*[st.floats(-500, 500)] * 3), st.booleans())
def test_translation_is_the_difference_of_centres(shift: tuple[float, float, float], mirrored: bool) -> None:
    pose = rigid((0, 0, 0), shift)
    found = align(volume(), volume(pose, mirrored=mirrored), alignment=Alignment(start="centre_of_mass"))
    np.testing.assert_allclose(found[:3, :3], np.eye(3))
    assert error(found, pose) < 0.3


def cut(image: Volume, first: float, last: float) -> Volume:
    """Part of an image along its third axis."""
    start, stop = (int(share * image.shape[2]) for share in (first, last))
    affine = image.affine.copy()
    affine[:3, 3] += start * affine[:3, 2]
    return Volume(array=np.ascontiguousarray(image.array[:, :, start:stop]), affine=affine)


@pytest.mark.parametrize(("of_reference", "of_scan"), [((0, 1), (0.37, 1)), ((0.37, 1), (0, 0.8))])
def test_what_an_image_does_not_show_does_not_count(of_reference: Any, of_scan: Any) -> None:
    pose = rigid((8, -6, 5), (20, 10, -30), scale=1.05)
    found = align(cut(volume(), *of_reference), cut(volume(pose), *of_scan), alignment=QUICK)
    assert error(found, pose) < 1.5


@pytest.mark.parametrize("which", ["reference", "scan"])
def test_what_lies_beyond_an_oblique_cut_does_not_count(which: str) -> None:
    """Cut in a plane that follows no axis of the grid, and filled, as by resampling onto another grid."""
    pose = rigid((8, -6, 5), (20, 10, -30), scale=1.05)
    images = {"reference": volume(), "scan": volume(pose)}
    image = images[which]
    across = np.moveaxis(np.indices(image.shape), 0, -1) @ np.array([0.1, 0.25, -1.0])
    seen = across <= np.quantile(across[image.array > 0.05], 0.7)
    images[which] = replace(image, array=np.where(seen, image.array, 0).astype(np.float32))
    assert error(align(images["reference"], images["scan"], alignment=QUICK), pose) < 2.5


def test_an_affine_change_of_intensity_changes_no_alignment() -> None:
    pose = rigid((8, -6, 5), (20, 10, -30))
    reference, scan = (replace(v, array=np.rint(1000 * v.array)) for v in (volume(), volume(pose)))
    quick = replace(QUICK, transform="rigid", iterations=(40, 10))
    expected = align(reference, scan, alignment=quick)
    changed = [replace(v, array=(0.04 * v.array - 7).astype(np.float32)) for v in (reference, scan)]
    assert error(align(*changed, alignment=quick), expected) < 0.1


def test_none_is_the_identity() -> None:
    found = align(volume(), volume(POSES["oblique by 15"]), alignment=Alignment(start="none"))
    np.testing.assert_array_equal(found, np.eye(4))


def test_centre_of_mass_of_one_voxel_is_where_it_lies() -> None:
    array = np.zeros((5, 6, 7), dtype=np.float32)
    array[1, 2, 3] = 2.5
    affine = rigid((10, 20, 30), (4, 5, 6), scale=2)
    np.testing.assert_allclose(centre_of_mass(Volume(array=array, affine=affine)), (affine @ [1, 2, 3, 1])[:3])


def test_inputs_are_not_changed_and_the_result_is_repeatable() -> None:
    reference, scan = volume(), volume(POSES["oblique by 15"])
    copies = [x.copy() for v in (reference, scan) for x in (v.array, v.affine)]
    quick = Alignment().sloppy()
    first, second = (align(reference, scan, alignment=quick, context=Context(threads=1)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    for before, after in zip(copies, (reference.array, reference.affine, scan.array, scan.affine), strict=True):
        np.testing.assert_array_equal(before, after)


def test_brains_of_two_species_are_aligned(caplog: pytest.LogCaptureFixture) -> None:
    pose = rigid((6, 9, -12), (15, 15, 15), scale=0.45)
    assert error(align(volume(), volume(pose), alignment=QUICK), pose) < 1.5
    assert "the translation is used" not in caplog.text


def test_implausible_result_falls_back_to_the_translation(caplog: pytest.LogCaptureFixture) -> None:
    from lumirage_bids.methods._affine_search import Search

    centre = centre_of_mass(volume())
    search = Search(
        fixed=volume(), moving=volume(), cuts=(NOT_CUT,) * 2, centres=(centre, centre), unit=50.0,
        alignment=QUICK, context=Context(),
    )  # fmt: skip
    np.testing.assert_array_equal(
        _if_plausible(search, np.diag([1.01, 1.01, 1.01, 1.0]), 1.0, "sub-1_T1w"), np.diag([1.01] * 3 + [1.0])
    )
    for wrong in (np.diag([1.6, 1.6, 1.6, 1.0]), np.diag([0.6, 0.6, 0.6, 1.0]), np.full((4, 4), np.nan)):
        caplog.clear()
        np.testing.assert_array_equal(_if_plausible(search, wrong, 1.0, "sub-1_T1w"), np.eye(4))
        assert "alignment of sub-1_T1w failed" in caplog.text
        assert "the translation is used" in caplog.text


def test_a_part_of_a_brain_is_not_turned_by_half() -> None:
    from lumirage_bids.methods._affine_search import Search

    grid = np.linspace(-1, 1, 129)
    ball = (np.add.outer(np.add.outer(grid**2, grid**2), grid**2) < 0.7).astype(np.float32)
    spacing = np.diag([1.0, 1.0, 1.0, 1.0])
    sphere = Volume(array=ball, affine=spacing)  # fits itself however it is turned
    for is_cut in (False, True):
        cuts = (NOT_CUT, np.array([[0.0, 0.0, 1.0, 128.5]])[: int(is_cut)])
        search = Search(
            fixed=sphere, moving=sphere, cuts=cuts, centres=(np.full(3, 64.0),) * 2, unit=50.0, alignment=QUICK,
            context=Context(),
        )  # fmt: skip
        for degrees in (20, 180):
            kept = _if_plausible(search, rigid((0, 0, degrees), (0, 0, 0)), 1.0, "it")[0, 0] != 1
            assert kept == (degrees == 20 or not is_cut)


def test_a_part_of_a_brain_of_another_size_is_found() -> None:
    """The rotation that makes up for the size must not win: what is beyond the cut does not tell against it."""
    pose = rigid((6, -4, 5), (20, 10, -30)) @ np.diag([1.1, 0.93, 0.88, 1.0])
    scan = volume(pose, contrast=0.3)
    turned = replace(scan, array=np.swapaxes(scan.array, 1, 2), affine=scan.affine[:, [0, 2, 1, 3]])
    assert error(align(volume(contrast=0.3), cut(turned, 0.4, 1)), pose) < 5


def test_all_voxels_are_kept_where_that_is_asked_for() -> None:
    """Thick slices too, of which blocks would be averaged for their shape alone."""
    scan = Volume(array=np.pad(np.ones((60, 60, 20), dtype=np.float32), 8), affine=np.diag([1.0, 1.0, 4.0, 1.0]))
    every, _ = _foreground(scan, "scan", Alignment(on="mask", max_voxels="all"))
    np.testing.assert_array_equal(every.affine[:3, :3], scan.affine[:3, :3])
    assert every.array.sum() == scan.array.sum()
    some, _ = _foreground(scan, "scan", Alignment(on="mask", max_voxels=32**3))
    assert some.array.size < every.array.size


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_nothing_to_align_is_said(value: float) -> None:
    empty = Volume(array=np.full((40, 40, 40), value, dtype=np.float32), affine=np.eye(4))
    with pytest.raises(BadDataError, match="scan to be aligned"):
        align(volume(), empty)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"scales": (1, 2), "iterations": (1, 1)}, "decrease"),
        ({"iterations": (1,)}, "one for each"),
        ({"step": 0.0}, "above 0"),
        ({"max_voxels": 10}, 'at least 32768, or "all"'),
    ],
)
def test_parameters_are_checked(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Alignment(**parameters)
