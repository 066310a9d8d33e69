"""Intervals and p values by Student's t, corrected for skewness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lumirage_bids.stats.student import Inference, _correct_skewness, _restore_skewness

pytestmark = pytest.mark.filterwarnings("error")


@settings(max_examples=60)
@given(st.floats(-8, 8), st.floats(-1, 1))
def test_the_correction_for_skewness_rises_and_is_undone(t: float, skewness: float):
    a = np.array(skewness)
    assert _restore_skewness(_correct_skewness(t, a), a) == pytest.approx(t, abs=1e-6)
    assert _correct_skewness(t + 0.01, a) > _correct_skewness(t, a)
    assert _correct_skewness(-t, -a) == pytest.approx(-_correct_skewness(t, a))


def test_intervals_and_p_values_agree_with_the_t_distribution():
    # A one-sample t-test has the same statistic when it is given its own standard error.
    x = np.random.default_rng(0).normal(0.3, 1, 25)
    test = stats.ttest_1samp(x, 0)
    interval = test.confidence_interval()
    one = {"estimate": np.array(x.mean()), "se": np.array(stats.sem(x)), "df": np.array(24.0)}
    found = Inference(**one, skewness=np.array(0.0))
    assert found.interval(0.95) == pytest.approx((interval.low, interval.high))
    assert found.p() == pytest.approx(test.pvalue)
    sides = [stats.ttest_1samp(x, end, alternative=way).pvalue for end, way in ((-0.5, "greater"), (0.5, "less"))]
    assert found.p_within(0.5) == pytest.approx(max(sides))


@settings(max_examples=60)
@given(st.floats(-3, 3), st.floats(-0.8, 0.8), st.floats(3, 60))
def test_p_is_below_a_level_where_the_interval_leaves_zero_out(estimate: float, skewness: float, df: float):
    found = Inference(estimate=np.array(estimate), se=np.array(1.0), df=np.array(df), skewness=np.array(skewness))
    low, high = found.interval(0.95)
    if min(abs(low), abs(high)) > 1e-6:
        assert bool(found.p() < 0.05) == bool(low > 0 or high < 0)
        assert low < high
