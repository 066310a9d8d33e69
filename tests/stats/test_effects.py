"""Effect sizes and the plain tests of pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from lumirage_bids.stats.effects import Effects, effects, influences, moments, plain_tests

pytestmark = pytest.mark.filterwarnings("error")
UNIT = st.floats(0, 1)


def effects_of(a: np.ndarray, b: np.ndarray) -> Effects:
    return effects(moments(a, b).sum(axis=0), 0.0, len(a))


def test_effect_sizes_of_differences_with_known_moments():
    # Differences with mean exactly 0.02 and standard deviation exactly 0.04: d_z is 0.5.
    random = np.random.default_rng(0)
    z = stats.zscore(random.normal(size=100), ddof=1)
    a = 0.6 + 0.05 * stats.zscore(random.normal(size=100), ddof=1)
    b = a + 0.02 + 0.04 * z
    effect = effects_of(a, b)
    spread_b = np.std(a + 0.04 * z, ddof=1)
    assert effect.mean_difference == pytest.approx(0.02)
    assert effect.d_z == pytest.approx(0.5)
    assert effect.d_av == pytest.approx(0.02 / ((0.05 + spread_b) / 2))
    assert effect.d_pooled == pytest.approx(0.02 / np.sqrt((0.05**2 + spread_b**2) / 2))
    assert effect.hedges_g == pytest.approx(effect.d_av * (1 - 3 / (4 * 99 - 1)))
    tests = plain_tests(a, b)
    assert tests.t == pytest.approx(0.5 * np.sqrt(100))
    assert tests.p_t == pytest.approx(2 * stats.t.sf(5.0, 99))


def test_the_published_example_of_within_subject_effects():
    # Lakens 2013, Table 1, and its spreadsheet: t(9) = 4.74, p = .001, Hedges's g_av = 1.03.
    first, second = np.array([9, 7, 8, 9, 8, 9, 9, 10, 9, 9.0]), np.array([9, 6, 7, 8, 7, 9, 8, 8, 8, 7.0])
    effect, tests = effects_of(second, first), plain_tests(second, first)
    assert effect.mean_difference == pytest.approx(1.0)
    assert tests.t == pytest.approx(4.74, abs=0.005)
    assert tests.p_t == pytest.approx(0.001, abs=0.0005)
    assert effect.d_z == pytest.approx(1.50, abs=0.005)
    assert effect.d_av == pytest.approx(1.13, abs=0.005)
    assert effect.hedges_g == pytest.approx(1.03, abs=0.005)


def test_weights_count_like_copies():
    random = np.random.default_rng(0)
    a, b, times = random.random(20), random.random(20), random.integers(0, 4, 20)
    weighted = effects(times @ moments(a, b), 0.0, 20)
    copies = effects(moments(a.repeat(times), b.repeat(times)).sum(axis=0), 0.0, 20)
    assert np.array(weighted) == pytest.approx(np.array(copies))


def test_taking_a_constant_off_the_scores_changes_nothing_but_the_shift():
    random = np.random.default_rng(0)
    a, b = random.random(20), random.random(20)
    shifted = effects(moments(a - 0.5, b - 0.7).sum(axis=0), 0.2, 20)
    assert np.array(shifted) == pytest.approx(np.array(effects_of(a, b)))


@given(arrays(float, 12, elements=UNIT), arrays(float, 12, elements=UNIT))
def test_swapping_the_arms_only_changes_signs(a: np.ndarray, b: np.ndarray):
    there, back = effects_of(a, b), effects_of(b, a)
    assert np.array(there) == pytest.approx(-np.array(back), nan_ok=True, abs=1e-12)
    assert plain_tests(a, b).p_t == pytest.approx(plain_tests(b, a).p_t, nan_ok=True)
    assert plain_tests(a, b).p_wilcoxon == pytest.approx(plain_tests(b, a).p_wilcoxon, nan_ok=True)


def test_wilcoxon_is_exact_for_few_pairs_without_ties():
    # All six differences positive: one of 2^6 orders of signs on each side.
    tests = plain_tests(np.zeros(6), np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    assert (tests.w, tests.p_wilcoxon) == (0.0, pytest.approx(2 / 2**6))


@pytest.mark.parametrize(
    ("a", "b"), [([], []), ([0.5], [0.6]), ([0.5, 0.6, 0.7], [0.6, 0.7, 0.8]), ([0.5] * 3, [0.5] * 3)]
)
def test_without_spread_there_is_no_effect_size(a: list[float], b: list[float]):
    effect = effects_of(np.array(a), np.array(b))
    assert np.isnan([effect.d_z, *plain_tests(np.array(a), np.array(b))]).all()
    assert effect.mean_difference == pytest.approx(np.mean(b) - np.mean(a) if a else np.nan, nan_ok=True)


def test_influences_are_how_much_a_pair_moves_an_effect_size():
    # An oracle: the derivative by a pair's weight, from the weighted sums.
    random = np.random.default_rng(0)
    a, b = random.random(40), random.random(40)
    sums, step = moments(a, b).sum(axis=0), 1e-6
    moved = effects(sums + step * moments(a, b), 0.0, 40)
    before = effects(sums, 0.0, 40)
    found = influences(a, b)
    for place, size in enumerate(("d_z", "d_av", "d_pooled", "hedges_g")):
        slope = (getattr(moved, size) - getattr(before, size)) / step * 40
        assert found[:, place] == pytest.approx(slope, rel=0.05, abs=0.05)
    assert np.abs(found.mean(axis=0)).max() < 0.05
