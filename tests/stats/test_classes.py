"""Arms and classes of pairs, in their order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.stats.classes import Arm, arm_labels, arms_of, pair_classes
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def test_the_floor_comes_first_and_variants_follow_in_order():
    pairs, _ = score_table(gains={"greedy": 0.2, "identity": 0.0}, variants=("1mm", "0.6mm"))
    assert arms_of(pairs) == [
        Arm(v, m) for m, v in [("identity", "1mm"), ("identity", "0.6mm"), ("greedy", "1mm"), ("greedy", "0.6mm")]
    ]
    assert len(set(arm_labels(arms_of(pairs)).values())) == 4


@given(st.lists(st.sampled_from(["A to A", "A to B", "B to A", "B to B", "same subject"]), max_size=12))
def test_classes_are_made_of_the_splits_that_occur(splits: list[str]):
    classes = pair_classes(splits)
    assert set().union(*classes.values()) == set(splits)
    assert all(classes[split] == {split} for split in splits)
    assert ("A and B" in classes) == ({"A to B", "B to A"} <= set(splits))
    assert ("different subjects" in classes) == ("same subject" in splits and len(set(splits)) > 1)
