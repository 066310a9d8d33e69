from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from lumirage_bids.errors import BadDataError
from lumirage_bids.stats.comparisons import COMPARISON_COLUMNS, compare, holm, paired_effect
from stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")
UNIT = st.floats(0, 1)


def two_arms(a: np.ndarray, b: np.ndarray) -> pd.DataFrame:
    n = len(a)
    key = {"variant": "default", "labelling": "tissue", "split": "T1w to T1w", "status": "ok"}
    pair = {"moving": [f"m{i}" for i in range(n)], "fixed": [f"f{i}" for i in range(n)]}
    arms = [pd.DataFrame({**key, **pair, "method": m, "dice_mean": x}) for m, x in (("greedy", a), ("syn", b))]
    return pd.concat(arms, ignore_index=True)


def test_effect_sizes_of_differences_with_known_moments():
    # Differences with mean exactly 0.02 and standard deviation exactly 0.04: d_z is 0.5.
    random = np.random.default_rng(0)
    z = stats.zscore(random.normal(size=100), ddof=1)
    a = 0.6 + 0.05 * stats.zscore(random.normal(size=100), ddof=1)
    effect = paired_effect(a, a + 0.02 + 0.04 * z)
    spread_b = np.std(a + 0.04 * z, ddof=1)
    assert effect.d_z == pytest.approx(0.5)
    assert effect.d_av == pytest.approx(0.02 / ((0.05 + spread_b) / 2))
    assert effect.d_pooled == pytest.approx(0.02 / np.sqrt((0.05**2 + spread_b**2) / 2))
    assert effect.hedges_g == pytest.approx(effect.d_av * (1 - 3 / (4 * 99 - 1)))
    assert effect.t == pytest.approx(0.5 * np.sqrt(100))
    half = stats.t.ppf(0.975, 99) * 0.04 / 10
    assert (effect.ci_low, effect.ci_high) == pytest.approx((0.02 - half, 0.02 + half))
    assert effect.p == pytest.approx(2 * stats.t.sf(5.0, 99))


def test_the_published_example_of_within_subject_effects():
    # Lakens 2013, Table 1, and its spreadsheet: t(9) = 4.74, p = .001, 95 % CI [0.52, 1.48], Hedges's g_av = 1.03.
    first, second = np.array([9, 7, 8, 9, 8, 9, 9, 10, 9, 9.0]), np.array([9, 6, 7, 8, 7, 9, 8, 8, 8, 7.0])
    effect = paired_effect(second, first)
    assert (effect.mean_b, effect.mean_a, effect.mean_difference) == pytest.approx((8.7, 7.7, 1.0))
    assert effect.t == pytest.approx(4.74, abs=0.005)
    assert effect.p == pytest.approx(0.001, abs=0.0005)
    assert (effect.ci_low, effect.ci_high) == pytest.approx((0.52, 1.48), abs=0.005)
    assert effect.d_z == pytest.approx(1.50, abs=0.005)
    assert effect.d_av == pytest.approx(1.13, abs=0.005)
    assert effect.hedges_g == pytest.approx(1.03, abs=0.005)


@given(arrays(float, 12, elements=UNIT), arrays(float, 12, elements=UNIT))
def test_swapping_the_arms_only_changes_signs(a: np.ndarray, b: np.ndarray):
    there, back = paired_effect(a, b), paired_effect(b, a)
    for name in ("mean_difference", "d_z", "d_av", "d_pooled", "hedges_g", "t"):
        assert getattr(there, name) == pytest.approx(-getattr(back, name), nan_ok=True, abs=1e-12)
    assert there.ci_low == pytest.approx(-back.ci_high, nan_ok=True, abs=1e-12)
    assert there.p == pytest.approx(back.p, nan_ok=True)


@pytest.mark.parametrize(
    ("a", "b"), [([], []), ([0.5], [0.6]), ([0.5, 0.6, 0.7], [0.6, 0.7, 0.8]), ([0.5] * 3, [0.5] * 3)]
)
def test_without_spread_there_is_no_effect_size(a: list[float], b: list[float]):
    effect = paired_effect(np.array(a), np.array(b))
    assert np.isnan([effect.d_z, effect.t, effect.p, effect.ci_low]).all()
    assert effect.mean_difference == pytest.approx(np.mean(b) - np.mean(a) if a else np.nan, nan_ok=True)


def test_holm_against_known_values():
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.5, np.nan, 0.01, 0.9]) == pytest.approx([1.0, np.nan, 0.03, 1.0], nan_ok=True)
    assert holm([]).shape == (0,)


@given(st.lists(UNIT, min_size=1, max_size=20))
def test_holm_lies_between_no_correction_and_bonferroni_and_keeps_the_order(p: list[float]):
    raw, adjusted = np.array(p), holm(p)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(raw * len(p), 1) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()


def test_pairs_that_either_arm_failed_are_left_out_and_counted():
    a, b = np.array([0.5, 0.6, 0.7, 0.1]), np.array([0.6, 0.65, 0.85, 0.9])
    pairs = two_arms(a, b)
    pairs.loc[3, "status"] = "failed"
    pairs = pairs.drop(index=6)  # syn was not run on the third pair
    row = compare(pairs).query("split == 'all'").iloc[0]
    assert (row["n"], row["n_failed"]) == (2, 1)
    assert row["mean_difference"] == pytest.approx(0.075)


def test_row_order_does_not_change_the_numbers():
    pairs, _ = score_table(failing=0.1)
    shuffled = pairs.sample(frac=1, random_state=1)
    key = ["method_a", "method_b", "split"]
    once, again = (compare(x).query("method_a == 'identity'").set_index(key).sort_index() for x in (pairs, shuffled))
    pd.testing.assert_frame_equal(once, again)


def test_the_floor_is_always_first_and_every_two_arms_are_compared():
    pairs, _ = score_table(gains={"syn": 0.2, "identity": 0.0}, variants=("1mm", "0.6mm"), rescanned=2)
    table = compare(pairs)
    assert list(table.columns) == COMPARISON_COLUMNS
    assert (table.groupby(["labelling", "split"]).size() == 6).all()
    assert not ((table["method_b"] == "identity") & (table["method_a"] != "identity")).any()


def test_classes_of_the_same_pairs_are_one_test_for_holm():
    random = np.random.default_rng(0)
    a = random.normal(0.5, 0.05, 30)
    table = compare(two_arms(a, a + random.normal(0.01, 0.03, 30)))
    assert list(table["split"]) == ["all", "T1w to T1w"]
    assert table["p_holm"].to_list() == table["p"].to_list()


def test_two_rows_for_one_pair_are_refused():
    pairs = two_arms(np.array([0.5, 0.6]), np.array([0.5, 0.6]))
    with pytest.raises(BadDataError, match=r"method 'syn'.*moving 'm1'"):
        compare(pd.concat([pairs, pairs.tail(1)]))


@pytest.mark.parametrize("gains", [{}, {"syn": 0.2}])
def test_nothing_to_compare_gives_an_empty_table(gains: dict[str, float]):
    pairs, _ = score_table(gains=gains or {"syn": 0.0})
    table = compare(pairs if gains else pairs.head(0))
    assert list(table.columns) == COMPARISON_COLUMNS
    assert len(table) == 0


def test_a_hundred_thousand_rows_take_seconds():
    n = 184
    moving, fixed = np.nonzero(~np.eye(n, dtype=bool))
    random = np.random.default_rng(0)
    key = {"variant": "default", "labelling": "tissue", "split": "T1w to T1w", "status": "ok"}
    names = np.array([f"sub-{i}" for i in range(n)])
    arms = [
        pd.DataFrame({**key, "method": m, "moving": names[moving], "fixed": names[fixed]}).assign(
            dice_mean=random.normal(0.6, 0.05, len(moving))
        )
        for m in ("identity", "greedy", "syn")
    ]
    start = time.process_time()
    assert len(compare(pd.concat(arms, ignore_index=True))) == 6
    assert time.process_time() - start < 10
