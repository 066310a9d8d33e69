"""Which arms are ranked, and on which pairs."""

from __future__ import annotations

import pandas as pd

from lumirage_bids.stats.classes import Arm
from lumirage_bids.stats.common import common_pairs, find_aside
from lumirage_bids.stats.pairing import side_by_side
from lumirage_bids.stats.summaries import summarise
from tests.stats.made_up import many, score_table

GAINS = {"identity": 0.0, "greedy": 0.2, "syn": 0.3}


def failing(rows: pd.DataFrame, method: str, n: int) -> pd.DataFrame:
    """The same where a method failed on its first `n` pairs."""
    rows = rows.copy()
    where = rows.index[rows["method"] == method][:n]
    rows.loc[where, ["status", "dice_mean"]] = ["failed", float("nan")]
    return rows


def test_an_arm_may_lack_one_pair_in_twenty_and_no_more() -> None:
    pairs = many(subjects=5, gains=GAINS)  # 20 pairs
    table = common_pairs(side_by_side(failing(pairs, "syn", 1)))
    assert table.lacking_percent.tolist() == [0, 0, 5]
    assert not table.set_aside.any()
    assert table.pairs.sum() == 19
    table = common_pairs(side_by_side(failing(pairs, "syn", 2)))
    assert table.set_aside.tolist() == [False, False, True]
    assert table.pairs.all()  # those of who is set aside narrow nothing


def test_the_floor_is_no_competitor_and_narrows_nothing() -> None:
    table = common_pairs(side_by_side(failing(many(subjects=5, gains=GAINS), "identity", 20)))
    assert table.unranked.tolist() == [True, False, False]
    assert not table.set_aside.any()
    assert table.pairs.all()


def test_what_nobody_can_score_is_lacking_for_nobody() -> None:
    pairs = many(subjects=5, gains=GAINS)
    for method in GAINS:
        pairs = failing(pairs, method, 8)
    table = common_pairs(side_by_side(pairs))
    assert not table.lacking_percent.any()
    assert table.pairs.sum() == 12


def test_no_pairs_are_common_where_all_are_set_aside() -> None:
    pairs = failing(failing(many(subjects=5, gains=GAINS), "greedy", 20), "syn", 20)
    assert not common_pairs(side_by_side(pairs)).pairs.any()


def test_a_summary_tells_who_is_set_aside() -> None:
    pairs = failing(many(subjects=5, gains=GAINS), "syn", 8)
    summary = summarise(pairs)
    (labelling,) = summary["labelling"].unique()
    assert find_aside(summary, labelling) == {Arm("default", "syn")}
    assert find_aside(summary, "other") == frozenset()


def losing(rows: pd.DataFrame, method: str, first: int, n: int) -> pd.DataFrame:
    """The same where a method failed on `n` pairs from the `first` one on."""
    where = rows.index[rows["method"] == method][first : first + n]
    rows = rows.copy()
    rows.loc[where, ["status", "dice_mean"]] = ["failed", float("nan")]
    return rows


def test_what_all_competitors_lack_sets_none_aside() -> None:
    pairs = many(subjects=5, gains=GAINS)
    for method in ("greedy", "syn"):
        pairs = losing(pairs, method, 0, 8)
    table = common_pairs(side_by_side(pairs))
    assert table.lacking_percent.tolist() == [0, 40, 40]
    assert not table.set_aside.any()
    assert table.pairs.sum() == 12
    # Of the other 12 pairs one is too many.
    assert common_pairs(side_by_side(losing(pairs, "syn", 8, 1))).set_aside.tolist() == [False, False, True]


def test_where_all_lack_too_much_those_that_lack_the_same_are_ranked() -> None:
    pairs = many(subjects=5, gains={**GAINS, "vfa": 0.1})
    for method, first in (("greedy", 0), ("syn", 0), ("vfa", 10)):
        pairs = losing(pairs, method, first, 4)
    table = common_pairs(side_by_side(pairs))
    assert table.set_aside.tolist() == [False, False, False, True]
    assert table.pairs.sum() == 16
    different = losing(losing(many(subjects=5, gains=GAINS), "greedy", 0, 4), "syn", 4, 4)
    assert common_pairs(side_by_side(different)).set_aside.tolist() == [False, True, True]


def test_ranks_are_on_the_pairs_that_comparisons_are_over() -> None:
    pairs, _ = score_table(subjects=12, kinds=("A", "A", *["B"] * 10), gains=GAINS)
    table = common_pairs(side_by_side(pairs))
    assert table.pairs.all()
    assert table.ranked_on.sum() == 90
    summary = summarise(pairs).query("split == 'all' and method == 'syn'").iloc[0]
    assert (summary["n_common"], summary["n_subjects_common"]) == (90, 10)
    inside = pairs.query("split == 'B to B' and method == 'syn'")["dice_mean"].mean()
    assert abs(summary["mean_common"] - inside) < 1e-12
