"""Dice around lesions and away from them."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.base.errors import UsageError
from lumirage_bids.measures.distances import grow
from lumirage_bids.measures.lesion_overlap import LesionOverlap
from lumirage_bids.measures.pair import ComparedLabels, Lesions, RegisteredPair
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import Transform

SHAPE = (40, 12, 12)
AFFINE = np.diag([1.0, 1.0, 1.0, 1.0])


def bars(*, wrong: slice = slice(0)) -> np.ndarray:
    """Two bars along the whole of the first axis; labels change places where they are wrong."""
    labels = np.zeros(SHAPE, np.int32)
    labels[:, :6], labels[:, 6:] = 1, 2
    labels[wrong] = labels[wrong, ::-1]
    return labels


def at(first: int, last: int) -> Volume:
    array = np.zeros(SHAPE, np.float32)
    array[first:last] = 1
    return Volume(array=array, affine=AFFINE)


def shift(x: float) -> Transform:
    matrix = np.eye(4)
    matrix[0, 3] = x
    return Transform((matrix,))


def measured(
    wrong: slice, lesions: Lesions, measure: LesionOverlap | None = None, to_fixed: Transform | None = None
) -> tuple[float, float]:
    fixed, moved = (Volume(array=array, affine=AFFINE) for array in (bars(), bars(wrong=wrong)))
    labels = ComparedLabels(
        fixed=fixed, moving=moved, transform=Transform(), start=Transform(), structures=np.array([1, 2]),
        to_fixed=to_fixed or Transform(),
    )  # fmt: skip
    values = (measure or LesionOverlap()).of(RegisteredPair(parts={"labels": labels, "lesions": lesions}))
    return values["dice_near_lesion"], values["dice_away_from_lesion"]


def lesions(fixed: Volume | None, moving: Volume | None = None, start: Transform | None = None) -> Lesions:
    return Lesions(fixed=fixed, moving=moving, start=start or Transform(), transform=shift(7))


def test_what_is_wrong_counts_where_it_is() -> None:
    """A lesion at 4 to 7 reaches, with 10 mm, to 17; within it nothing counts."""
    there = lesions(at(4, 8))
    assert measured(slice(4, 8), there) == (1, 1)
    near, away = measured(slice(8, 15), there)  # 7 of the 14 planes around it are wrong
    assert near == pytest.approx(0.5)
    assert away == 1
    assert measured(slice(18, 29), there) == (1, pytest.approx(0.5))
    assert measured(slice(8, 15), there, LesionOverlap(margin_mm=2.0))[0] == pytest.approx(0.5)


def test_the_moving_lesion_lies_where_the_alignment_puts_it_whatever_the_method_does() -> None:
    of_moving = lesions(None, at(10, 14), start=shift(6))  # in the fixed scan at 4 to 7
    assert measured(slice(8, 15), of_moving)[0] == pytest.approx(0.5)
    both = lesions(at(34, 38), at(10, 14), start=shift(6))
    assert measured(slice(4, 8), both) == measured(slice(34, 38), both) == (1, 1)


def test_labels_that_are_compared_elsewhere_find_the_lesion() -> None:
    assert measured(slice(4, 8), lesions(at(10, 14)), to_fixed=shift(6)) == (1, 1)


def test_a_sliver_of_a_structure_does_not_count_but_a_small_structure_does() -> None:
    fixed = bars()
    fixed[30, 0, 0] = 3  # away from the lesion, 1 mm³ and all there is
    fixed[5:9, 0, 0] = 4  # one voxel in the lesion's surroundings, three in it
    moved = np.where(fixed == 4, 1, fixed)
    maps = [Volume(array=array, affine=AFFINE) for array in (fixed, moved)]
    labels = ComparedLabels(
        fixed=maps[0], moving=maps[1], transform=Transform(), start=Transform(), structures=np.arange(1, 5)
    )
    pair = RegisteredPair(parts={"labels": labels, "lesions": lesions(at(4, 8))})
    assert LesionOverlap().of(pair)["dice_near_lesion"] > 0.99
    assert LesionOverlap().of(pair)["dice_away_from_lesion"] == 1
    assert LesionOverlap(least_mm3=0).of(pair)["dice_near_lesion"] == pytest.approx(2 / 3, abs=0.001)


def test_surroundings_that_are_none_are_refused() -> None:
    with pytest.raises(UsageError, match="margin_mm is 0"):
        LesionOverlap(margin_mm=0.0)


def test_a_region_is_grown_by_the_distance_of_its_voxels() -> None:
    region, spacing = np.zeros((15, 17, 13), bool), (1.0, 0.7, 2.0)
    region[3:5, 6:9, 5] = region[10, 15, 11] = True
    inside = np.argwhere(region) * spacing
    every = np.moveaxis(np.indices(region.shape), 0, -1) * spacing
    nearest = np.linalg.norm(every[..., None, :] - inside, axis=-1).min(-1)
    np.testing.assert_array_equal(grow(region, spacing, 4.0), nearest <= 4.0)
    assert not grow(np.zeros_like(region), spacing, 4.0).any()


def test_a_lesion_of_which_no_voxel_holds_half_has_surroundings() -> None:
    """It fills an eighth of each of eight voxels."""
    array = np.zeros((3, 3, 3), np.float32)
    array[1, 1, 1] = 1
    small = np.eye(4)
    small[:3, 3] = (4.5, 4.5, 4.5)
    near, away = measured(slice(8, 15), lesions(Volume(array=array, affine=small)))
    assert near < away
