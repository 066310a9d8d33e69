"""Whether measures agree, against SciPy's tau and by tables whose agreement is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from lumirage_bids.stats.agreement import AGREEMENT_COLUMNS, agreement, tau_b
from lumirage_bids.stats.further import taken_measures
from tests.report.situations import of, some, table

FOUR = {"identity": 0.4, "a": 0.5, "b": 0.55, "c": 0.58, "d": 0.6}


def two(pairs: pd.DataFrame, first: str, second: str) -> dict[str, float]:
    found = agreement(taken_measures(pairs))
    (row,) = found[(found["measure_1"] == first) & (found["measure_2"] == second)].to_dict("records")
    return row


def with_distance(means: dict[str, float] | None = None, *, noise: float = 0.1, **kind: object) -> pd.DataFrame:
    pairs = table(means or FOUR, groups={"T1w": 5}, **kind)
    random = np.random.default_rng(1)
    return pairs.assign(hd95_mm=(6 - 4 * pairs["dice_mean"] + random.normal(0, noise, len(pairs))).round(2))


def test_tau_is_that_of_scipy_with_ties():
    random = np.random.default_rng(0)
    first, second = (random.integers(0, 4, (50, 5)).astype(float) for _ in range(2))
    i, j = np.triu_indices(5, 1)
    signs = [np.sign(x[:, i] - x[:, j]).astype(np.int8) for x in (first, second)]
    wanted = [kendalltau(a, b, variant="b").statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(tau_b(*signs), wanted)


def test_over_arms_and_within_pairs_it_is_that_of_scipy_of_better_values():
    pairs = with_distance()
    row = two(pairs, "dice_mean", "hd95_mm")
    inside = pairs[pairs["method"] != "identity"]
    means = inside.groupby("method")[["dice_mean", "hd95_mm"]].mean()
    assert row["tau"] == pytest.approx(kendalltau(means["dice_mean"], -means["hd95_mm"]).statistic)
    within = [kendalltau(of_pair["dice_mean"], -of_pair["hd95_mm"]).statistic for _, of_pair in
              inside.groupby(["moving", "fixed"])]  # fmt: skip
    assert row["tau_pairs"] == pytest.approx(np.mean(within))
    assert (row["n_arms"], row["n_couples"], row["n_pairs"], row["n_common"]) == (4, 6, 20, 20)
    assert row["ci_low"] < row["tau_pairs"] < row["ci_high"] <= 1


def test_the_same_order_is_one_and_the_opposite_one_minus_one():
    pairs = with_distance(noise=0.0)
    assert two(pairs, "dice_mean", "hd95_mm")["tau"] == 1
    pairs["hd95_mm"] = pairs["dice_mean"]
    row = two(pairs, "dice_mean", "hd95_mm")
    assert (row["tau"], row["tau_pairs"], row["n_turned"]) == (-1, -1, 6)


def test_the_same_order_in_every_pair_of_few_subjects_is_no_proof():
    few = with_distance({"identity": 0.4, "a": 0.5, "b": 0.6, "c": 0.7}, noise=0.0)
    few.loc[of(few, "a"), "hd95_mm"] = 0.0
    row = two(few, "dice_mean", "hd95_mm")
    assert row["tau_pairs"] == pytest.approx(-1 / 3)
    assert row["ci_low"] < -0.5
    assert row["ci_high"] > -0.2


def test_of_three_methods_turned_couples_are_counted_and_no_tau_is_told():
    pairs = with_distance({"identity": 0.4, "a": 0.5, "b": 0.55, "c": 0.6}, noise=0.01)
    pairs.loc[of(pairs, "b"), "hd95_mm"] += 1
    row = two(pairs, "dice_mean", "hd95_mm")
    assert np.isnan(row["tau"])
    assert (row["n_turned"], row["n_couples"]) == (1, 3)


def test_by_a_measure_that_is_the_same_for_all_nothing_is_told():
    row = two(with_distance().assign(folding_percent=0.0), "dice_mean", "folding_percent")
    assert np.isnan([row["tau"], row["tau_pairs"], row["ci_low"]]).all()
    assert (row["n_turned"], row["n_pairs"]) == (0, 0)


def test_arms_that_lack_a_measure_take_no_part_and_pairs_that_all_lack_are_left_out():
    pairs = with_distance()
    pairs.loc[of(pairs, "d"), "hd95_mm"] = np.nan
    pairs.loc[some(pairs, 0.5), "hd95_mm"] = np.nan
    row = two(pairs, "dice_mean", "hd95_mm")
    assert (row["n_arms"], row["n_common"], row["n_pairs"]) == (3, 10, 10)
    pairs.loc[of(pairs, "c") & (pairs["hd95_mm"] < pairs["hd95_mm"].median()), "hd95_mm"] = np.nan
    assert two(pairs, "dice_mean", "hd95_mm")["n_arms"] == 2


def test_rescans_take_no_part_and_one_method_has_no_agreement():
    pairs = table(groups={"T1w": 4}, rescanned=2).assign(hd95_mm=1.0)
    found = agreement(taken_measures(pairs))
    assert list(found.columns) == AGREEMENT_COLUMNS
    assert set(found["split"]) == {"different subjects"}
    assert agreement(taken_measures(pairs[of(pairs, "syn") | of(pairs, "identity")])).empty
