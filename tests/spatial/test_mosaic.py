"""Slices of a brain: what they show is where they say it is, however the brain is stored."""

from __future__ import annotations

import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.mosaic import SIDES, Mosaic, choose_slices

SPACING = np.array([1.0, 2.0, 3.0])
RADII = np.array([30.0, 40.0, 25.0])  # mm
CENTRE = np.array([5.0, -3.0, 10.0])


def brain(codes: str = "RAS") -> Volume:
    """An ellipsoid of anisotropic voxels, stored along any axes."""
    shape = (80, 60, 50)
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = CENTRE - SPACING * (np.array(shape) // 2)
    world = np.moveaxis(np.indices(shape), 0, -1) * SPACING + affine[:3, 3] - CENTRE
    inside = (world / RADII) ** 2
    array = (inside.sum(axis=-1) <= 1).astype(np.int32)
    change = ornt_transform(io_orientation(affine), axcodes2ornt(codes))
    order = np.argsort(change[:, 0])
    turned = np.flip(array, [axis for axis in range(3) if change[axis, 1] < 0]).transpose(order)
    return Volume(array=turned, affine=affine @ inv_ornt_aff(change, shape))


def slices(mosaic: Mosaic, axis: int) -> dict[str, list[np.ndarray]]:
    """World coordinate of the pixels of each slice, by plane."""
    sheet = mosaic.lay_out(mosaic.points[:, axis])
    return {plane: [sheet[t.place] for t in mosaic.tiles if t.plane == plane] for plane in SIDES}


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "SLA"])
def test_right_is_right_and_up_is_up_in_millimetres_however_the_brain_is_stored(codes: str):
    mosaic = choose_slices(brain(codes))
    for plane, (cut, right, up) in {"axial": (2, 0, 1), "coronal": (1, 0, 2), "sagittal": (0, 1, 2)}.items():
        for across, rising, still in zip(*(slices(mosaic, axis)[plane] for axis in (right, up, cut)), strict=True):
            np.testing.assert_allclose(np.diff(across, axis=1), mosaic.pixel)
            np.testing.assert_allclose(np.diff(rising, axis=0), -mosaic.pixel)
            assert np.ptp(still) == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(mosaic.points, choose_slices(brain()).points, atol=1e-9)


def test_slices_hold_the_brain_and_none_is_on_the_midline():
    mosaic = choose_slices(brain())
    for axis, planes in enumerate((("axial", "coronal"), ("axial", "sagittal"), ("coronal", "sagittal"))):
        for plane in planes:
            for shown in slices(mosaic, axis)[plane]:
                low, high = shown.min() - CENTRE[axis], shown.max() - CENTRE[axis]
                assert (-low, high) == pytest.approx((RADII[axis],) * 2, rel=0.15)
                assert low < -RADII[axis] + SPACING[axis]
    at = [float(shown.mean()) - CENTRE[0] for shown in slices(mosaic, 0)["sagittal"]]
    assert at == sorted(at)
    # Below each lie as large parts of the ellipsoid as it says.
    assert [(2 + 3 * u - u**3) / 4 for u in np.array(at) / RADII[0]] == pytest.approx([0.2, 0.4, 0.7], abs=0.03)
    assert min(map(abs, at)) > 0.1 * RADII[0]


def test_a_sheet_is_as_large_for_fine_voxels_as_for_coarse_ones_and_lies_together():
    coarse, fine = choose_slices(brain()), choose_slices(brain(), 1032)
    assert coarse.shape[1] == 516
    assert fine.shape[1] == 1032
    assert fine.pixel == pytest.approx(coarse.pixel / 2)
    assert all(n % 2 == 0 for tile in coarse.tiles for n in tile[1:])
    covered = coarse.lay_out(np.ones(len(coarse.points), np.int64))
    assert covered.sum() == len(coarse.points) == sum(tile.height * tile.width for tile in coarse.tiles)
    assert covered.max() == 1


def test_cells_of_a_grid_are_squares_and_move_with_the_points():
    mosaic = choose_slices(brain("LPS"))
    still = mosaic.lay_out(mosaic.number_cells(mosaic.points, 12))
    moved = mosaic.lay_out(mosaic.number_cells(mosaic.points + 12 * mosaic.pixel, 12))
    for tile in mosaic.tiles:
        rows, columns = (np.flatnonzero(np.diff(line)) for line in (still[tile.place][:, 5], still[tile.place][5]))
        assert set(np.diff(rows)) == set(np.diff(columns)) == {12}
        # A cell further in each direction: the numbers are those of the neighbours to the right and above.
        np.testing.assert_array_equal(moved[tile.place][12:, :-12], still[tile.place][:-12, 12:])
    far = np.array([np.nan, np.inf, -np.inf])
    assert mosaic.number_cells(np.broadcast_to(far, mosaic.points.shape), 12).min() > 0
