from __future__ import annotations

import numpy as np

from lumirage_bids.measures.pair import ComparedLabels, Deformation, Images, RegisteredPair
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import Transform

AFFINE = np.eye(4)
STEP = np.eye(4)
STEP[0, 3] = 1.0  # one voxel


def test_what_takes_time_is_computed_once_and_kept_when_parts_are_added() -> None:
    deformation = Deformation(transform=Transform((STEP,)), mask=np.ones((4, 5, 6), bool), affine=AFFINE)
    pair = RegisteredPair(parts={"field": deformation})
    determinant = pair.field.determinant
    assert np.all(determinant == 1)
    more = pair.extend(cost=None)
    assert more.field.determinant is determinant
    assert (pair.has(["cost"]), more.has(["cost", "field"])) == (False, True)


def test_labels_and_images_are_carried_by_their_own_ways() -> None:
    array = np.arange(24, dtype=np.int32).reshape(4, 3, 2)
    moved = np.concatenate([array[1:], np.zeros_like(array[:1])])
    volume = Volume(array=array, affine=AFFINE)
    labels = ComparedLabels(fixed=volume, moving=volume, transform=Transform((STEP,)), start=Transform())
    np.testing.assert_array_equal(labels.moved, moved)
    np.testing.assert_array_equal(labels.initial, array)
    assert labels.moved is labels.moved
    image = Volume(array=array.astype(np.float32), affine=AFFINE)
    images = Images(fixed=image, moving=image, transform=Transform((STEP,)), mask=array > 0)
    np.testing.assert_allclose(images.moved.array, moved)
