"""Measures besides the one that is judged are a family of their own, by their own direction and margin."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.measures import compared_columns
from lumirage_bids.stats.common import FLOORS
from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.further import (
    FURTHER_COLUMNS,
    MEASURE_COLUMNS,
    compare_further,
    sum_up_measures,
    taken_measures,
)
from lumirage_bids.stats.holm import holm
from lumirage_bids.stats.score import DICE, Score, known_score
from lumirage_bids.stats.tables import Scores, make
from tests.report.situations import of, some, table

OTHERS = [name for name in compared_columns() if name != DICE.column]


def measured(pairs: pd.DataFrame, names: list[str], *, seed: int = 0) -> pd.DataFrame:
    """Pairs with random values of these measures alone."""
    random = {name: np.random.default_rng([seed, OTHERS.index(name)]) for name in names}
    values = {name: 2 + random[name].normal(0, 0.2, len(pairs)) + 0.3 * of(pairs, "syn") for name in names}
    return pairs.drop(columns=[name for name in OTHERS if name in pairs]).assign(**values)


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    return table(groups={"T1w": 6})


def test_dice_is_the_same_to_the_last_bit_whatever_else_is_taken(pairs: pd.DataFrame) -> None:
    assert len(OTHERS) >= 9
    made = [make(Scores(pairs=measured(pairs, names)), of_runs=False) for names in (OTHERS[:2], OTHERS)]
    pd.testing.assert_frame_equal(made[0]["comparisons"], made[1]["comparisons"], check_exact=True)
    pd.testing.assert_frame_equal(made[0]["ranking"], made[1]["ranking"], check_exact=True)
    pd.testing.assert_frame_equal(made[0]["comparisons"], compare(pairs), check_exact=True)


def test_all_other_measures_are_one_family(pairs: pd.DataFrame) -> None:
    few, many = (compare_further(taken_measures(measured(pairs, names))) for names in (["hd95_mm", "tre_mm"], OTHERS))
    assert list(few.columns) == FURTHER_COLUMNS
    np.testing.assert_allclose(few["p_holm"], holm(few["p"]))
    np.testing.assert_allclose(many["p_holm"], holm(many["p"]))
    same = many[many["measure"].isin(["hd95_mm", "tre_mm"])]
    np.testing.assert_array_equal(same["p"], few["p"])
    assert (same["p_holm"].to_numpy() >= few["p_holm"].to_numpy()).all()
    assert not many[["measure", "method_a", "method_b"]].duplicated().any()


def test_each_has_its_own_margin_and_numbers_of_compare(pairs: pd.DataFrame) -> None:
    found = compare_further(taken_measures(measured(pairs, OTHERS))).set_index("measure")
    for name, column in compared_columns().items():
        if name != DICE.column:
            assert set(found.loc[[name], "equivalence_margin"]) == {column.margin}
            assert set(found.loc[[name], "better"]) == {column.better}
    own = compare(measured(pairs, ["hd95_mm"]), score=Score(column="hd95_mm", better="lower", worst=None))
    for column in ("mean_difference", "ci_low", "ci_high", "p", "d_z", "win_percent"):
        np.testing.assert_array_equal(found.loc[["hd95_mm"], column], own.loc[own["split"] == "all", column])


@pytest.mark.parametrize("seed", range(5))
def test_of_what_is_better_lower_the_lower_one_wins_else_the_higher(seed: int) -> None:
    pairs = measured(table(groups={"T1w": 4}, seed=seed), OTHERS, seed=seed)
    found = compare_further(taken_measures(pairs))
    turned = compare_further(taken_measures(pairs.assign(**{name: -pairs[name] for name in OTHERS})))
    for name in OTHERS:
        score, _ = known_score(name) or (DICE, None)
        rows, back = (of_all[of_all["measure"] == name] for of_all in (found, turned))
        by_pair = pairs.pivot(index=["moving", "fixed"], columns="method", values=name)
        for row, other in zip(rows.to_dict("records"), back.to_dict("records"), strict=True):
            better = (score.sign * by_pair[row["method_b"]] > score.sign * by_pair[row["method_a"]]).mean()
            assert row["win_percent"] == pytest.approx(100 * better)
            assert other["win_percent"] == pytest.approx(100 - row["win_percent"])
            assert other["mean_difference"] == pytest.approx(-row["mean_difference"])


def test_no_deformation_is_compared_with_nobody_by_what_it_has_for_nothing(pairs: pd.DataFrame) -> None:
    found = compare_further(taken_measures(measured(pairs, OTHERS)))
    floor = found["method_a"].isin(FLOORS) | found["method_b"].isin(FLOORS)
    told = {name for name, column in compared_columns().items() if column.tells == "accuracy"} - {DICE.column}
    assert set(found.loc[floor, "measure"]) == told
    summed = sum_up_measures(taken_measures(measured(pairs, OTHERS)))
    assert set(summed.loc[summed["method"].isin(FLOORS), "measure"]) == told | {DICE.column}


def test_what_is_the_same_for_every_labelling_is_one_test() -> None:
    pairs = table({"greedy": 0.6, "syn": 0.65}, groups={"T1w": 5}, labellings=("a", "b"))
    half = len(pairs) // 2
    values = np.random.default_rng(0).normal(2, 0.2, half)
    found = compare_further(taken_measures(measured(pairs, []).assign(tre_mm=np.tile(values, 2))))
    assert len(found) == 2
    np.testing.assert_array_equal(found["p_holm"], found["p"])
    distances = np.random.default_rng(0).normal(2, 0.2, 2 * half)
    by_label = compare_further(taken_measures(measured(pairs, []).assign(hd95_mm=distances)))
    assert by_label["p_holm"].min() > by_label["p"].min()


def test_it_is_over_the_class_of_pairs_that_the_verdict_is_about() -> None:
    pairs = measured(table(groups={"A": 3, "B": 3}, rescanned=2), ["hd95_mm"])
    assert set(compare_further(taken_measures(pairs))["split"]) == {"different subjects"}
    assert set(sum_up_measures(taken_measures(pairs))["split"]) == {"different subjects"}


def test_a_measure_that_one_arm_has_alone_is_compared_with_none(pairs: pd.DataFrame) -> None:
    alone = measured(pairs, ["inverse_consistency_mm"])
    alone.loc[~of(alone, "syn"), "inverse_consistency_mm"] = np.nan
    assert compare_further(taken_measures(alone)).empty
    told = sum_up_measures(taken_measures(alone))
    assert set(told.loc[told["measure"] == "inverse_consistency_mm", "method"]) == {"syn"}
    assert set(told["measure"]) == {DICE.column, "inverse_consistency_mm"}
    assert list(compare_further(taken_measures(alone)).columns) == FURTHER_COLUMNS


def test_means_that_are_set_side_by_side_are_over_the_same_pairs(pairs: pd.DataFrame) -> None:
    some_lack = measured(pairs, ["hd95_mm", "tre_mm"])
    some_lack.loc[of(some_lack, "syn") & some(some_lack, 0.5), "tre_mm"] = np.nan
    summed = sum_up_measures(taken_measures(some_lack))
    assert list(summed.columns) == MEASURE_COLUMNS
    rows = summed.set_index(["measure", "method"])
    own = some_lack[of(some_lack, "greedy")]
    assert rows.loc[("hd95_mm", "greedy"), "mean_common"] == pytest.approx(own["hd95_mm"].mean())
    assert bool(rows.loc[("tre_mm", "syn"), "set_aside"])
    assert rows.loc[("tre_mm", "greedy"), "n_common"] == len(own)
    assert not rows.loc["dice_mean", "set_aside"].any()


def test_no_interval_goes_beyond_what_a_measure_can_be(pairs: pd.DataFrame) -> None:
    rare = measured(pairs, ["folding_percent"]).assign(folding_percent=0.0)
    rare.loc[rare["moving"] == rare["moving"][0], "folding_percent"] = 0.5
    rows = sum_up_measures(taken_measures(rare))
    folding = rows[rows["measure"] == "folding_percent"]
    assert (folding["ci_low"] == 0).all()
    assert (folding["ci_high"] > folding["mean"]).all()


def test_a_controls_own_values_are_shown_though_it_is_compared_by_none_of_them() -> None:
    rows = table({"identity": 0.4, "greedy": 0.6, "curt": 0.5}, groups={"T1w": 6})
    rows["folding_percent"] = np.where(of(rows, "curt"), 49.9, 0.1)
    rows["inverse_consistency_mm"] = np.where(of(rows, "curt"), 0.0, np.nan)
    rows.loc[of(rows, "greedy"), "inverse_consistency_mm"] = 0.3
    taken = taken_measures(rows, unranked=("identity", "curt"))
    summed = sum_up_measures(taken).set_index(["measure", "method"])["mean_common"]
    assert summed["folding_percent"].to_dict() == pytest.approx({"greedy": 0.1, "curt": 49.9})
    assert summed["inverse_consistency_mm"].to_dict() == pytest.approx({"greedy": 0.3, "curt": 0.0})
    assert compare_further(taken).empty
