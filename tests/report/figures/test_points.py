"""Points of very many pairs."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.report.figures.points import thin
from lumirage_bids.report.figures.violins import MAX_POINTS

pytestmark = pytest.mark.filterwarnings("error")


def test_many_pairs_are_thinned_evenly_with_both_ends():
    values = np.sort(np.random.default_rng(0).normal(size=100_001))
    kept = thin(values, MAX_POINTS)
    assert len(kept) == MAX_POINTS
    assert (kept[0], kept[-1]) == (values[0], values[-1])
    assert np.median(kept) == pytest.approx(np.median(values), abs=0.02)
