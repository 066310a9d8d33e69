"""Histograms of prepared images."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lumirage_bids.spatial.histograms import BINS, histogram
from lumirage_bids.spatial.images import Volume


@given(
    arrays(np.float32, (5, 4, 3), elements=st.floats(0, 1, width=32)),
    arrays(np.uint8, (5, 4, 3), elements=st.integers(0, 1)),
)
def test_every_voxel_of_the_brain_is_counted_once(image: np.ndarray, mask: np.ndarray) -> None:
    counts = histogram(Volume(array=image, affine=np.eye(4)), Volume(array=mask, affine=np.eye(4)))
    assert len(counts) == BINS
    assert sum(counts) == mask.sum()
    inside = image[mask > 0].astype(float)
    assert counts == [int((np.minimum(inside * BINS, BINS - 1).astype(int) == n).sum()) for n in range(BINS)]


def test_bins_of_an_image_that_is_not_normalised_are_its_own() -> None:
    image = np.random.default_rng(0).normal(500, 90, (12, 12, 12))
    mask = Volume(array=np.ones(image.shape), affine=np.eye(4))
    counts, moved = (
        histogram(Volume(array=array, affine=np.eye(4)), mask, normalised=False) for array in (image, 3 * image - 70)
    )
    assert counts == moved
    assert sum(counts) == image.size
    assert max(counts) < 0.1 * image.size
