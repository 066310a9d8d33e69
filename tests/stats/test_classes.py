"""Arms and classes of pairs, in their order."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.bids.splits import Splits
from lumirage_bids.stats.classes import Arm, arm_labels, arms_of, grids_of, merge_same_pairs, pair_classes, splits_of
from lumirage_bids.stats.summaries import summarise
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def test_the_floor_comes_first_and_variants_follow_in_order():
    pairs, _ = score_table(gains={"greedy": 0.2, "identity": 0.0}, variants=("1mm", "0.6mm"))
    assert arms_of(pairs) == [
        Arm(v, m) for m, v in [("identity", "1mm"), ("identity", "0.6mm"), ("greedy", "1mm"), ("greedy", "0.6mm")]
    ]
    assert len(set(arm_labels(arms_of(pairs)).values())) == 4


def of_names(names: list[str]) -> Splits:
    return splits_of(pd.DataFrame({"split": names}))


@given(st.lists(st.sampled_from(["A to A", "A to B", "B to A", "B to B", "same subject"]), max_size=12))
def test_classes_are_made_of_the_splits_that_occur(splits: list[str]):
    classes = pair_classes(of_names(splits))
    assert set().union(*classes.values()) == set(splits)
    assert all(classes[split] == {split} for split in splits)
    assert ("A and B" in classes) == ({"A to B", "B to A"} <= set(splits))
    assert ("different subjects" in classes) == ("same subject" in splits and len(set(splits)) > 1)


def test_a_class_of_both_directions_is_never_called_as_a_split_or_another_class():
    classes = pair_classes(of_names(["x to y", "y to x", "x and y"]))
    assert classes["x and y"] == {"x and y"}
    assert classes["“x” and “y”"] == {"x to y", "y to x"}
    threes = ["A and B to C", "C to A and B", "A to B and C", "B and C to A"]
    assert {"“A and B” and “C”", "“A” and “B and C”"} <= set(pair_classes(of_names(threes)))


def test_splits_and_grids_are_told_by_columns_not_by_their_names():
    ends = {"split_moving": ["x to y", "z"], "split_fixed": ["z", "x to y"]}
    pairs = pd.DataFrame({"split": ["x to y to z", "z to x to y"], **ends})
    assert pair_classes(splits_of(pairs))["x to y and z"] == {"x to y to z", "z to x to y"}
    told = pd.DataFrame({"evaluation": ["b", "a"], "grid": ["native", "reference"], "transfer": "linear"})
    assert grids_of(told) == {"a": ("reference", "linear"), "b": ("native", "linear")}
    assert grids_of(pd.DataFrame({"evaluation": ["native", "half of them"]})) == {"native": ("native", "linear")}


def test_a_name_that_reads_like_two_stands_in_quotes():
    labels = arm_labels([Arm("v", "x"), Arm("v", "y"), Arm("v", "x and y")])
    assert list(labels.values()) == ["x", "y", "“x and y”"]


def test_classes_of_the_same_pairs_are_told_once():
    pairs, _ = score_table(kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.21}, rescanned=2)
    summary = summarise(pairs)
    assert set(summary["split"]) == {"all", "different subjects", "T1w to T1w", "same subject"}
    assert merge_same_pairs(summary, pairs)["split"].unique().tolist() == [
        *("all", "different subjects: T1w to T1w", "same subject"),
    ]
    pairs, _ = score_table()
    assert len(merge_same_pairs(summarise(pairs), pairs)) == len(summarise(pairs))
