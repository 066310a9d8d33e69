"""Tables of one experiment that do not fit each other."""

from __future__ import annotations

import pandas as pd
import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.collected.whole import not_numbers, why_not_whole
from lumirage_bids.report.judged import score_tables
from lumirage_bids.stats.comparisons import compare
from tests.report.collected.runs import scores
from tests.report.situations import fail, of, some


@pytest.fixture(scope="module")
def pairs():
    made = scores(1, subjects=5, labellings=("manual", "slant"))
    return fail(made, of(made, "syn") & some(made, 0.2))


@pytest.fixture(scope="module")
def summary(pairs):
    return score_tables(pairs, criteria=Criteria()).summary


def test_tables_of_one_making_fit(pairs, summary):
    assert why_not_whole(pairs, summary, [compare(pairs)]) == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: p.iloc[::2], "default identity manual native all has 10 pairs, 0 of them"),
        (lambda p: p[p["method"] != "syn"], "no pair of default syn manual native is there"),
        (lambda p: p.assign(status="ok", dice_mean=p["dice_mean"].fillna(0.5)), "and its summary says 20 and"),
        (lambda p: p.assign(dice_mean=p["dice_mean"] + 0.01), "have a mean of"),
        (lambda p: pd.concat([p, p.assign(method="new")]), "default new manual native all has 60 pairs and no summary"),
    ],
)
def test_pairs_that_a_summary_is_not_of_are_told(pairs, summary, change, told):
    assert told in why_not_whole(change(pairs), summary, [])


@pytest.mark.parametrize("value", [99.0, -99.0])
def test_a_difference_outside_its_own_interval_is_told(pairs, summary, value):
    wrong = compare(pairs).assign(mean_difference=value)
    assert "outside its own interval" in why_not_whole(pairs, summary, [compare(pairs), wrong])


def test_a_word_is_no_number_and_what_is_missing_is_none():
    table = pd.DataFrame({"a": ["abc", "1"], "b": [None, None], "c": [True, None], "name": ["x", "y"]})
    assert not_numbers(table, ["b", "c", "name"], ["name"]) == ""
    assert not_numbers(table, ["a"], ["name"]) == "a is 'abc' where a number stands"
