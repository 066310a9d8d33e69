"""Several experiments together: by published numbers, by another program, and by what must hold of any."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.stats.random_effects import FEWEST_TO_PREDICT, TOGETHER_COLUMNS, combine, sum_up_experiments
from tests.stats.experiments import coverage

#: Trials of a vaccine (Colditz et al. 1994, doi:10.1001/jama.1994.03510330076038): ill and well, treated and not.
TRIALS = np.array(
    [
        *([4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619], [33, 5036, 47, 5761]),
        *([180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892], [29, 7470, 45, 7232]),
        *([17, 1699, 65, 1600], [186, 50448, 141, 27197], [5, 2493, 3, 2338], [27, 16886, 29, 17825]),
    ],
    dtype=float,
).T


def odds() -> tuple[np.ndarray, np.ndarray]:
    a, b, c, d = TRIALS
    return np.log(a * d / (b * c)), np.sqrt((1 / TRIALS).sum(axis=0))


def risks() -> tuple[np.ndarray, np.ndarray]:
    a, b, c, d = TRIALS
    return np.log(a / (a + b) / (c / (c + d))), np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))


def test_intervals_of_the_variance_are_those_published():
    found = combine(*odds())
    # metafor-project.org/doku.php/analyses:vanhouwelingen2002, by the Q-profile method
    assert [round(tau**2, 4) for tau in (found.tau_low, found.tau_high)] == [0.1301, 1.1812]
    # Documentation of metafor's confint.rma.uni, log risk ratios
    found = combine(*risks())
    assert [round(tau**2, 4) for tau in (found.tau_low, found.tau_high)] == [0.1197, 1.1115]
    assert found.i2_low == pytest.approx(81.92, abs=0.005)
    assert found.i2_high == pytest.approx(97.678, abs=0.005)


def test_the_mean_is_another_programs():
    from statsmodels.stats.meta_analysis import combine_effects  # comes with ANTsPy

    for estimate, se in (odds(), risks()):
        theirs = combine_effects(estimate, se**2, method_re="iterated", atol=1e-12, maxiter=500)
        found = combine(estimate, se)
        assert found.tau**2 == pytest.approx(theirs.tau2, rel=1e-9)
        assert found.mean == pytest.approx(theirs.mean_effect_re, rel=1e-9)
        assert found.se == pytest.approx(theirs.sd_eff_w_re_hksj, rel=1e-9)


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(0.01, 1)), min_size=3, max_size=9),
    st.floats(-2, 2),
    st.floats(0.1, 10),
)
def test_a_shift_and_a_scale_go_through(pairs, shift, scale):
    estimate, se = np.array(pairs).T
    plain, moved = combine(estimate, se), combine(shift + scale * estimate, scale * se)
    assert moved.mean == pytest.approx(shift + scale * plain.mean, abs=1e-6)
    assert moved.high - moved.low == pytest.approx(scale * (plain.high - plain.low), rel=1e-5)
    assert moved.tau == pytest.approx(scale * plain.tau, abs=1e-4)
    assert plain.low <= plain.mean <= plain.high
    assert plain.tau_low <= plain.tau <= plain.tau_high + 1e-9
    assert estimate.min() - 1e-9 <= plain.mean <= estimate.max() + 1e-9
    if plain.n >= FEWEST_TO_PREDICT:
        assert plain.further_low <= plain.low
        assert plain.high <= plain.further_high


def test_experiments_that_agree_by_chance_are_never_surer_than_each_together():
    found = combine([0.02, 0.02, 0.02], [0.01, 0.01, 0.01])
    assert found.se == pytest.approx(0.01 / np.sqrt(3))
    assert (found.tau, found.tau_low, found.i2) == (0, 0, 0)
    assert found.low < 0 < found.high


@pytest.mark.parametrize("n", [0, 1, 2])
def test_so_few_say_nothing_together(n):
    found = combine([0.02] * n, [0.001] * n)
    assert found.n == n
    assert np.isnan([found.mean, found.low, found.p, found.tau, found.p_within(0.01)]).all()


@pytest.mark.parametrize(("n", "tau"), [(3, 3.0), (6, 1.0), (12, 3.0)])
def test_intervals_cover(n, tau):
    mean, spread, further = coverage(n, (5, 60, 8, 30, 12), tau, 500)
    assert mean > 90
    assert spread > 88
    assert np.isnan(further) or further > 84


def table(*rows: tuple[str, float, float, float]) -> pd.DataFrame:
    arms = {"variant_a": "v", "method_a": "a", "variant_b": "v", "method_b": "b", "group": "g"}
    return pd.DataFrame(rows, columns=["dataset", "mean_difference", "se", "df"]).assign(**arms)


def test_experiments_on_one_dataset_count_as_one():
    rows = [("A", 0.01, 0.002, 9), ("A", 0.03, 0.004, 9), ("B", 0.02, 0.003, 9), ("C", 0.05, 0.003, 9)]
    (found,) = sum_up_experiments(table(*rows), Criteria()).to_dict("records")
    assert (found["n_experiments"], found["n_datasets"]) == (4, 3)
    assert found["mean_difference"] == combine([0.02, 0.02, 0.05], [0.003] * 3).mean


def test_an_error_that_few_subjects_tell_does_not_weigh():
    rows = [("A", 0.01, 0.002, 9), ("B", 0.5, 1e-6, 2), ("C", 0.02, 0.003, 9), ("D", 0.3, np.nan, np.nan)]
    (found,) = sum_up_experiments(table(*rows), Criteria()).to_dict("records")
    assert (found["n_experiments"], found["n_datasets"], found["n_aside"]) == (4, 2, 2)
    assert np.isnan(found["mean_difference"])
    assert (found["lowest"], found["highest"]) == (0.01, 0.5)


def test_none_is_an_empty_table():
    assert list(sum_up_experiments(table(), Criteria()).columns) == TOGETHER_COLUMNS
