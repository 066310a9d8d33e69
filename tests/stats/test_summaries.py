from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumirage_bids.base.failures import kind_by_words
from lumirage_bids.stats.summaries import (
    FAILURE_COLUMNS,
    FOLDING_LIMIT_PERCENT,
    STRUCTURE_COLUMNS,
    SUMMARY_COLUMNS,
    failures,
    per_structure,
    summarise,
)
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def pairs_of(dice: list[float], **columns: object) -> pd.DataFrame:
    n = len(dice)
    base = {
        **{"variant": "default", "method": "syn", "labelling": "tissue", "evaluation": "native"},
        **{"split": "T1w to T1w", "status": "ok"},
        **{"dice_initial": 0.3, "runtime_s": 1.0, "memory_gb": 1.0, "folding_percent": 0.0},
        **{"moving": [f"m{i}" for i in range(n)], "fixed": [f"f{i}" for i in range(n)], "dice_mean": dice},
    }
    return pd.DataFrame(base | columns)


def test_untrimmed_and_trimmed_numbers_by_hand():
    dice = [0.05, *np.linspace(0.5, 0.88, 39)]  # 40 pairs: 5 % are two
    row = summarise(pairs_of(dice)).query("split == 'all'").iloc[0]
    rest = np.sort(dice)[2:]
    assert (row["n_pairs"], row["n_failed"]) == (40, 0)
    assert row[["mean", "median", "std"]].to_list() == pytest.approx(
        [np.mean(dice), np.median(dice), np.std(dice, ddof=1)]
    )
    assert row[["q25", "q75"]].to_list() == pytest.approx(np.quantile(dice, [0.25, 0.75]))
    trimmed = row[["mean_trimmed", "median_trimmed", "std_trimmed"]].to_list()
    assert trimmed == pytest.approx([rest.mean(), np.median(rest), rest.std(ddof=1)])


@settings(max_examples=20)
@given(st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.9]), min_size=1, max_size=70))
def test_trimming_drops_exactly_five_percent_even_among_ties(dice: list[float]):
    row = summarise(pairs_of(dice)).iloc[0]
    rest = np.sort(dice)[len(dice) * 5 // 100 :]
    assert row["mean_trimmed"] == pytest.approx(rest.mean())
    assert row["mean_trimmed"] >= row["mean"] - 1e-12


def test_failed_pairs_are_counted_and_left_out():
    table = summarise(pairs_of([0.5, 0.7, 0.99], status=["ok", "ok", "failed"]))
    row = table.iloc[0]
    assert (row["n_pairs"], row["n_failed"], row["mean"]) == (3, 1, pytest.approx(0.6))


def test_an_arm_that_always_fails_keeps_its_row():
    pairs, wide = score_table(gains={"identity": 0.0, "syn": 0.2}, failing=1.0)
    rows = summarise(pairs).query("method == 'syn' and split == 'all'")
    assert len(rows) == 1
    assert rows.iloc[0]["n_failed"] == rows.iloc[0]["n_pairs"] == 30
    assert np.isnan(rows.iloc[0]["mean"])
    assert (per_structure(wide, {}).query("method == 'syn'")["n"] == 0).all()


def test_rescans_are_in_all_but_not_in_different_subjects():
    pairs, _ = score_table(rescanned=2, gains={"syn": 0.2})
    n = summarise(pairs).set_index("split")["n_pairs"]
    assert n["all"] == len(pairs) == 8 * 7
    assert n["same subject"] == 4
    assert n["different subjects"] == n["all"] - n["same subject"]
    assert n["MP2RAGE and MPRAGE"] == n["MP2RAGE to MPRAGE"] + n["MPRAGE to MP2RAGE"]


def test_labellings_are_never_mixed():
    pairs = pd.concat([pairs_of([0.2, 0.2]), pairs_of([0.8, 0.8], labelling="braincolor")])
    assert summarise(pairs).groupby("labelling")["mean"].agg(["min", "max"]).to_numpy().tolist() == [
        [0.8, 0.8],
        [0.2, 0.2],
    ]


def test_structures_are_summed_up_over_the_pairs_that_have_them():
    key = {"variant": "default", "method": "syn", "split": "T1w to T1w", "fixed": "f", "status": "ok"}
    wide = pd.DataFrame({**key, "moving": ["a", "b", "c"], "dice_17": [0.5, np.nan, 0.7], "dice_4": [0.1, 0.2, 0.3]})
    table = per_structure({"tissue": wide}, {"tissue": {17: "Left-Hippocampus"}})
    assert list(table.columns) == STRUCTURE_COLUMNS
    assert table[["index", "name", "n"]].to_numpy().tolist() == [[4, "4", 3], [17, "Left-Hippocampus", 2]]
    assert table["mean"].to_list() == pytest.approx([0.2, 0.6])
    assert table["std"].to_list() == pytest.approx([0.1, np.sqrt(0.02)])


def test_empty_tables_give_empty_tables():
    assert list(summarise(pairs_of([])).columns) == SUMMARY_COLUMNS
    assert len(summarise(pairs_of([]))) == 0
    assert list(per_structure({}, {}).columns) == STRUCTURE_COLUMNS


def test_robustness_and_worst_case_by_hand():
    dice = [*np.linspace(0.5, 0.9, 11), 0.0]
    status = ["ok"] * 11 + ["failed"]
    row = summarise(pairs_of(dice, status=status)).iloc[0]
    assert row["robustness_30"] == pytest.approx(0.62)  # the fourth of eleven
    assert row["mean_worst_case"] == pytest.approx(0.7 * 11 / 12)


def test_each_way_to_fail_is_counted_and_a_pair_only_once_in_the_rate():
    table = summarise(
        pairs_of(
            [0.5, 0.2, 0.5, 0.1, np.nan],
            status=["ok", "ok", "ok", "ok", "failed"],
            dice_initial=[0.3, 0.3, 0.3, 0.3, np.nan],
            folding_percent=[FOLDING_LIMIT_PERCENT, 0.0, 1.5, 3.0, np.nan],
        )
    )
    row = table.iloc[0]
    assert row[["n_failed", "n_below_initial", "n_folding"]].to_list() == [1, 2, 2]
    assert row["failure_percent"] == pytest.approx(80)


@pytest.mark.parametrize("missing", [np.nan, None])
def test_measures_without_any_number_stay_missing(missing: object):
    row = summarise(pairs_of([0.5, 0.7], runtime_s=missing, memory_gb=missing, folding_percent=missing)).iloc[0]
    assert np.isnan([row["runtime_s_median"], row["memory_gb_max"], row["folding_percent_mean"]]).all()
    assert (row["mean"], row["n_folding"], row["failure_percent"]) == (pytest.approx(0.6), 0, 0)


def test_failures_are_counted_by_kind():
    pairs, _ = score_table(subjects=8, gains={"identity": 0.0, "syn": 0.2}, failing=0.4)
    table = failures(pairs)
    assert list(table.columns) == FAILURE_COLUMNS
    every = table[table["split"] == "all"]
    assert set(every["method"]) == {"syn"}
    assert every["n"].is_monotonic_decreasing
    assert every["n"].sum() == (pairs["status"] == "failed").sum()
    assert every["percent"].to_numpy() == pytest.approx(100 * every["n"] / (8 * 7))
    kinds = pairs["reason"].dropna().map(kind_by_words)
    assert every.set_index("kind")["n"].to_dict() == kinds.value_counts().to_dict()


def test_failures_that_differ_by_figures_are_one_row():
    pairs, _ = score_table(subjects=8, gains={"identity": 0.0, "syn": 0.2}, failing=0.4)
    failed = pairs["status"] == "failed"
    words = [f"out of memory: tried to allocate {n} bytes" for n in range(failed.sum())]
    pairs.loc[failed, "kind"], pairs.loc[failed, "reason"] = "out of memory", words
    (row,) = failures(pairs)[lambda t: t["split"] == "all"].to_dict("records")
    assert (row["kind"], row["reason"], row["n"]) == ("out of memory", words[0], len(words))


def test_without_failures_the_table_of_failures_is_empty():
    for pairs in (score_table()[0], score_table()[0].head(0)):
        assert list(failures(pairs).columns) == FAILURE_COLUMNS
        assert len(failures(pairs)) == 0
