from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lumirage_bids.stats.resampling import (
    FEWEST_SUBJECTS,
    intervals,
    p_equivalence,
    p_value,
    refusal,
    resampling,
    standard_error,
    t_interval,
)
from stats.crossed import DESIGNS, Design, coverage

pytestmark = pytest.mark.filterwarnings("error")


def all_pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.nonzero(~np.eye(n, dtype=bool))


def test_a_pair_weighs_the_product_of_its_subjects_draws_and_a_rescan_its_subjects_draw():
    moving, fixed = np.array(["a", "a", "b", "c"]), np.array(["b", "c", "a", "c"])
    drawn = resampling(moving, fixed, resamples=50)
    names = ["a", "b", "c"]
    got = drawn.sums(lambda part: np.eye(4)[part])
    assert drawn.weights[:3, 1:].sum(axis=0).tolist() == [3] * 50
    for resample, weights in enumerate(got):
        w = dict(zip(names, drawn.weights[:, resample], strict=False))
        assert weights.tolist() == [w["a"] * w["b"], w["a"] * w["c"], w["b"] * w["a"], w["c"]]
    assert got[0].tolist() == [1, 1, 1, 1]


def test_disjoint_sides_are_drawn_apart_and_a_single_subject_is_kept():
    drawn = resampling(["a", "b", "b"], ["x", "x", "y"], resamples=200)
    assert drawn.what == "moving and fixed subjects"
    assert (drawn.weights[:2].sum(axis=0) == 2).all()
    assert (drawn.weights[2:4].sum(axis=0) == 2).all()
    assert not (drawn.weights[0] == drawn.weights[2]).all()
    atlas = resampling(["a", "b", "c"], ["x", "x", "x"])
    assert (atlas.what, atlas.subjects(np.ones(3, bool))) == ("moving subjects", 3)
    assert resampling(["a"], ["x"]).subjects(np.ones(1, bool)) == 1


def test_the_side_with_fewer_subjects_counts():
    moving, fixed = all_pairs(12)
    drawn = resampling(moving, fixed)
    assert drawn.subjects(np.ones(len(moving), bool)) == 12
    assert drawn.subjects(moving < 3) == 3
    assert drawn.subjects(np.zeros(len(moving), bool)) == 0
    assert "3 subjects take part" in str(refusal(3))
    assert refusal(FEWEST_SUBJECTS) is None


def test_order_and_chunks_do_not_matter_and_the_seed_does(monkeypatch: pytest.MonkeyPatch):
    moving, fixed = all_pairs(15)
    values = np.random.default_rng(0).normal(size=(len(moving), 2))
    mixed = np.random.default_rng(1).permutation(len(moving))
    once = resampling(moving, fixed).sums(lambda part: values[part])
    again = resampling(moving[mixed], fixed[mixed]).sums(lambda part: values[mixed][part])
    other = resampling(moving, fixed, seed=1).sums(lambda part: values[part])
    monkeypatch.setattr("lumirage_bids.stats.resampling._CHUNK", 7)
    chunked = resampling(moving, fixed).sums(lambda part: values[part])
    assert once == pytest.approx(again)
    assert once == pytest.approx(chunked)
    assert once[1:] != pytest.approx(other[1:])


def test_the_standard_error_is_that_of_the_theory():
    # Linearised variance of the weighted mean: sum over subjects of their squared residual sums, plus, for what a
    # pair of subjects has of its own, the squared sum of both directions (the product of two deviations from 1).
    moving, fixed = all_pairs(60)
    random = np.random.default_rng(0)
    effect = random.normal(size=60)
    values = effect[moving] + 0.5 * effect[fixed] + random.normal(size=len(moving))
    residual = np.zeros((60, 60))
    residual[moving, fixed] = values - values.mean()
    dyads = residual + residual.T
    theory = np.sqrt((dyads.sum(axis=1) ** 2).sum() + (np.triu(dyads) ** 2).sum()) / len(values)
    drawn = resampling(moving, fixed, resamples=4000)
    means = drawn.means(lambda part: values[part, None])
    error = standard_error(means[1:, 0], 60)
    assert means[0, 0] == pytest.approx(values.mean())
    assert error == pytest.approx(theory * np.sqrt(60 / 59), rel=0.06)
    assert error > 3 * values.std() / np.sqrt(len(values))


def test_of_subjects_with_one_rescan_each_it_is_the_usual_bootstrap():
    values = np.random.default_rng(0).normal(size=80)
    drawn = resampling(np.arange(80), np.arange(80), resamples=4000)
    error = standard_error(drawn.means(lambda part: values[part, None])[1:], 80)
    assert float(error[0]) == pytest.approx(stats.sem(values), rel=0.05)


def test_missing_values_are_left_out_of_means():
    moving, fixed = all_pairs(4)
    values = np.arange(12.0)[:, None].repeat(2, axis=1)
    values[3:, 1] = np.nan
    means = resampling(moving, fixed, resamples=10).means(lambda part: values[part])
    assert means[0].tolist() == [5.5, 1.0]


def test_intervals_and_p_values_agree_with_the_t_distribution():
    # A one-sample t-test has the same statistic when it is given its own standard error.
    x = np.random.default_rng(0).normal(0.3, 1, 25)
    test = stats.ttest_1samp(x, 0)
    interval = test.confidence_interval()
    assert t_interval(x.mean(), stats.sem(x), 25) == pytest.approx((interval.low, interval.high))
    assert p_value(x.mean(), stats.sem(x), 25) == pytest.approx(test.pvalue)
    sides = [stats.ttest_1samp(x, end, alternative=way).pvalue for end, way in ((-0.5, "greater"), (0.5, "less"))]
    assert p_equivalence(x.mean(), stats.sem(x), 25, 0.5) == pytest.approx(max(sides))


def test_intervals_of_too_few_subjects_are_missing():
    values = np.random.default_rng(0).normal(size=(101, 2))
    low, high = intervals(values, np.array([FEWEST_SUBJECTS - 1, FEWEST_SUBJECTS]))
    assert np.isnan([low[0], high[0]]).all()
    assert low[1] < values[0, 1] < high[1]


@pytest.mark.parametrize("design", DESIGNS[:6], ids=lambda design: design.name)
def test_coverage_with_fifty_subjects(design: Design):
    # 500 repeats know a coverage of 95 % to ± 1 %; the full check is below.
    found = coverage(design, 50, 500)
    assert 92 <= found["mean"] <= 98.5
    assert 92 <= found["d_z"] <= 98.5


def test_drawing_both_sides_apart_covers_too_seldom_where_subjects_are_the_same():
    tied = Design(name="a subject's two effects equal", tied=True)
    assert coverage(tied, 50, 500, split_sides=True)["mean"] < 88
    assert coverage(tied, 50, 500)["mean"] > 92


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 100])
@pytest.mark.parametrize("design", DESIGNS[:6], ids=lambda design: design.name)
def test_coverage_in_full(design: Design, n: int):
    # The noise of single pairs is counted up to three times: where it dominates, intervals are a little too wide.
    most = 97 if design.noise <= design.moving else 98
    found = coverage(design, n, 4000, seed=1)
    assert 93 <= found["mean"] <= most
    assert 93 <= found["d_z"] <= most
