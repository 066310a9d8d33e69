"""Masks that cannot be a brain's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lumirage_bids.maskers._checks import MAX_ALIKE, MAX_DEPTH, MIN_DEPTH, carry, implausible
from lumirage_bids.maskers._head import Head
from lumirage_bids.spatial.grids import resample
from lumirage_bids.spatial.images import Volume
from lumirage_bids.testing.whole_head import whole_head


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


def test_a_carried_mask_that_lies_outside_the_image_is_refused() -> None:
    image, truth = whole_head(bias=0.0)
    aside = truth.affine.copy()
    aside[:3, 3] += 500
    assert "0% of it lie inside" in carry(replace(truth, affine=aside), image)[1][0]


def test_a_mask_that_is_carried_ends_where_the_image_does() -> None:
    image, truth = whole_head(bias=0.0)
    filled = image.array.copy()
    middle = filled.shape[2] // 2
    filled[:, :, :middle] = filled.min()
    found, problems = carry(truth, replace(image, array=filled))
    assert not problems
    assert not found[:, :, :middle].any()
    assert (found == (truth.array > 0))[:, :, middle:].mean() > 0.999
