"""Label maps made one."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from lumirage_bids.spatial.fusion import FUSIONS, LabelArray, majority, staple

SHAPE = (9, 10, 11)


def raters(seed: int, *, number: int = 3, labels: int = 5, wrong: float = 0.3) -> list[LabelArray]:
    """Maps of one truth; at every voxel at most one rater errs, so that votes are never tied."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, labels + 1, SHAPE)
    errs = random.integers(0, number, SHAPE)
    errs = np.where(random.random(SHAPE) < wrong, errs, number)
    return [np.where(errs == i, random.integers(0, labels + 1, SHAPE), truth).astype(np.int32) for i in range(number)]


@pytest.mark.parametrize("fuse", FUSIONS.values(), ids=FUSIONS)
def test_equal_maps_stay_as_they_are(fuse: object) -> None:
    truth = np.random.default_rng(0).choice([0, 3, 70, 2035], SHAPE).astype(np.int32)
    fused = fuse([truth, truth, truth])  # type: ignore[operator]
    np.testing.assert_array_equal(fused, truth)
    assert fused.dtype == truth.dtype


@pytest.mark.parametrize("fuse", FUSIONS.values(), ids=FUSIONS)
def test_nothing_comes_of_nothing(fuse: object) -> None:
    assert not fuse([np.zeros(SHAPE, np.int32)] * 3).any()  # type: ignore[operator]


@pytest.mark.parametrize("seed", range(5))
def test_majority_is_that_of_simpleitk_where_it_is_decided(seed: int) -> None:
    random = np.random.default_rng(seed)
    maps = [random.integers(0, 4, SHAPE).astype(np.int32) for _ in range(4)]
    voted = sitk.LabelVoting([sitk.GetImageFromArray(of.astype(np.uint8)) for of in maps], 255)
    expected = sitk.GetArrayFromImage(voted)
    decided = expected != 255
    fused = majority(maps)
    np.testing.assert_array_equal(fused[decided], expected[decided])
    # Of labels with as many votes the earliest map's: the first map is never outvoted by a tie.
    one_each = np.array([of.ravel()[~decided.ravel()] for of in maps])
    votes = (one_each[:, None] == one_each[None]).sum(axis=1)
    np.testing.assert_array_equal(fused[~decided], one_each[votes.argmax(axis=0), np.arange(one_each.shape[1])])


@pytest.mark.parametrize("seed", range(8))
def test_staple_is_that_of_simpleitk_where_votes_are_not_tied(seed: int) -> None:
    maps = raters(seed, number=3 + seed % 3, labels=2 + seed % 4, wrong=0.2 + 0.1 * (seed % 4))
    inside = np.any([of != 0 for of in maps], axis=0)
    images = [sitk.GetImageFromArray(of[inside].reshape(1, 1, -1).astype(np.uint8)) for of in maps]
    expected = sitk.GetArrayFromImage(sitk.MultiLabelSTAPLEImageFilter().Execute(images)).ravel()
    fused = staple(maps)
    np.testing.assert_array_equal(fused[inside], expected)
    assert not fused[~inside].any()


def test_staple_does_not_ask_what_labels_are_called_or_how_much_background_there_is() -> None:
    maps = raters(1)
    names = np.array([0, 4, 11, 12, 1035, 2035])
    np.testing.assert_array_equal(staple([names[of] for of in maps]), names[staple(maps)])
    padded = staple([np.pad(of, 4) for of in maps])
    np.testing.assert_array_equal(padded[4:-4, 4:-4, 4:-4], staple(maps))


def test_staple_believes_the_rater_who_errs_less() -> None:
    random = np.random.default_rng(2)
    truth = random.integers(1, 3, (20, 20, 20))
    good, bad, worse = (np.where(random.random(truth.shape) < share, 3 - truth, truth) for share in (0.02, 0.35, 0.35))
    right = [(fuse([bad, good, worse]) == truth).mean() for fuse in (majority, staple)]
    assert right[1] > right[0] + 0.05
    assert right[1] > 0.97
