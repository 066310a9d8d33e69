"""What is scored, and what of a difference is none."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.stats.score import rounding_of

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e6])
def test_what_arithmetic_leaves_is_nothing_in_any_unit(unit: float):
    scores = unit * np.array([0.1, 0.2, 0.3, np.nan])
    assert abs(scores[0] + scores[1] - scores[2]) <= rounding_of(scores) < 1e-9 * unit
    assert rounding_of(scores, [10 * unit]) > rounding_of(scores)


def test_no_scores_leave_nothing():
    assert rounding_of([]) == rounding_of([np.nan]) == rounding_of() == 0.0
