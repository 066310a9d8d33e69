"""What is scored, and what of a difference is none."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.stats.score import nothing

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e6])
def test_what_arithmetic_leaves_is_nothing_in_any_unit(unit: float):
    scores = unit * np.array([0.1, 0.2, 0.3, np.nan])
    assert abs(scores[0] + scores[1] - scores[2]) <= nothing(scores) < 1e-9 * unit
    assert nothing(scores, [10 * unit]) > nothing(scores)


def test_no_scores_leave_nothing():
    assert nothing([]) == nothing([np.nan]) == nothing() == 0.0
