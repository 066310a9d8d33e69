"""Planes of volumes, and where the middle of a brain is."""

from __future__ import annotations

import numpy as np

from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.planes import middle, moved_planes
from lumirage_bids.spatial.transforms import Transform


def labels() -> Volume:
    rng = np.random.default_rng(0)
    affine = np.diag([1.5, 2.0, 1.0, 1.0])
    affine[:3, 3] = (-20, 5, 7)
    return Volume(array=rng.integers(0, 5, (9, 8, 7)).astype(np.int32), affine=affine)


def test_planes_are_slices_of_the_volume() -> None:
    truth = labels()
    mask = Volume(array=np.pad(np.ones((5, 4, 3)), 2), affine=truth.affine)
    x, y, z = 6, 2, 3
    planes = moved_planes(truth, Transform(), mask, (x, y, z), 1)
    np.testing.assert_array_equal(planes["x"], truth.array[x])
    np.testing.assert_array_equal(planes["y"], truth.array[:, y])
    np.testing.assert_array_equal(planes["z"], truth.array[:, :, z])


def test_the_middle_of_a_brain_is_not_moved_by_its_neck() -> None:
    array = np.zeros((9, 11, 40), np.uint8)
    array[1:8, 2:9, 30:37] = 1
    array[4, 5, :30] = 1
    assert middle(Volume(array=array, affine=np.eye(4)))[:2] == (4, 5)
    assert middle(Volume(array=array, affine=np.eye(4)))[2] > 30
