"""Overlap against counting structure by structure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.measures.overlap import dice, scored_structures, volumes

shapes = array_shapes(min_dims=3, max_dims=3, max_side=5)
maps = st.one_of(
    arrays(dtype, shapes, elements=st.integers(0, 6)) for dtype in (np.uint8, np.int16, np.uint16, np.int32, np.int64)
)
indices = st.lists(st.integers(0, 8), unique=True)


@given(st.data(), maps, indices)
def test_dice_is_its_definition(data, fixed, wanted):
    moved = data.draw(arrays(np.int32, fixed.shape, elements=st.integers(0, 20000)) | st.just(fixed))
    scores = dice(fixed, moved, wanted)
    assert len(scores) == len(wanted)
    for index, score in zip(wanted, scores, strict=True):
        f, m = fixed == index, moved == index
        if f.any() or m.any():
            assert score == 2 * (f & m).sum() / (f.sum() + m.sum())
        else:
            assert np.isnan(score)
    np.testing.assert_array_equal(scores, dice(moved, fixed, wanted))


def test_dice_of_known_maps():
    fixed = np.array([1, 1, 2, 2, 3, 0]).reshape(6, 1, 1)
    moved = np.array([1, 2, 2, 2, 0, 4]).reshape(6, 1, 1)
    np.testing.assert_allclose(dice(fixed, moved, [4, 3, 2, 1, 5]), [0, 0, 0.8, 2 / 3, np.nan])


def test_dice_of_large_maps_in_any_memory_order():
    rng = np.random.default_rng(0)
    fixed = rng.integers(0, 5, (130, 120, 110)).astype(np.uint8)
    moved = np.asfortranarray(np.where(rng.random(fixed.shape) < 0.5, fixed, 5).astype(np.int32))
    expected = [2 * ((fixed == i) & (moved == i)).sum() / ((fixed == i).sum() + (moved == i).sum()) for i in range(6)]
    np.testing.assert_array_equal(dice(fixed, moved, range(6)), expected)


@given(maps, indices)
def test_volumes_are_counts(labels, wanted):
    np.testing.assert_array_equal(volumes(labels, wanted), [(labels == index).sum() for index in wanted])


@given(maps, maps, indices)
def test_scored_are_those_in_both_without_background(fixed, moving, wanted):
    expected = [i for i in wanted if i and (fixed == i).any() and (moving == i).any()]
    assert scored_structures(fixed, moving, wanted).tolist() == expected


def test_what_cannot_be_compared_is_refused():
    good = np.ones((2, 2, 2), int)
    with pytest.raises(BadDataError, match="shapes"):
        dice(good, good[:1], [1])
    with pytest.raises(BadDataError, match="negative label -1"):
        dice(good, -good, [1])
    with pytest.raises(BadDataError, match="float64"):
        volumes(good.astype(float), [1])
    with pytest.raises(BadDataError, match="non-negative integers"):
        volumes(good, [-1])
    with pytest.raises(BadDataError, match="non-negative integers"):
        volumes(good, [1.5])
