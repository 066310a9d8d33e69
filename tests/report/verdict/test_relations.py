"""What a difference is: certain, equivalent, small, open."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lumirage_bids.base.criteria import Criteria
from tests.report.situations import fail, of, some, table, verdict, words
from tests.report.verdict.claims import claims, copied, equal, rounded

pytestmark = pytest.mark.filterwarnings("error")


def test_the_same_difference_of_three_rounded_pairs_is_no_evidence():
    found = verdict(rounded([0.02] * 3, c=0.69, d=0.7))
    assert found.headline.startswith("No winner: the order of b, ")
    assert not claims(found)


def test_a_difference_of_the_margin_is_within_the_margin():
    pairs = copied(table({"identity": 0.45, "greedy": 0.69}, noise=0.0, subject=0.0), "greedy", "syn", 0.70 - 0.69)
    found = verdict(pairs)
    assert found.headline.startswith("No winner: syn is above greedy by 0.010")
    assert "the difference is not shown to matter (margin 0.01 Dice)" in found.headline


def test_equal_methods_have_no_winner():
    found = verdict(equal(seed=1))
    assert found.headline.startswith("No winner: the order of ")
    assert " is not certain; difference 0.0" in found.headline
    assert not claims(found)


def test_equivalent_methods_are_called_so_whatever_the_effect_size():
    pairs = copied(table({"identity": 0.45, "greedy": 0.6}), "greedy", "syn", 0.0005)
    random = np.random.default_rng(0)
    pairs.loc[of(pairs, "syn"), "dice_mean"] += random.normal(0, 0.0003, 132)
    found = verdict(pairs)
    assert found.relations[-1].d_z > 1
    assert found.headline.startswith("Equivalent, with no winner: syn and greedy, whose means differ by less than 0.01")
    assert "difference 0.001, 95 % interval 0.000" in found.headline
    assert not claims(found)


def test_identical_scores_have_no_winner():
    found = verdict(copied(table({"identity": 0.45, "greedy": 0.6}), "greedy", "syn"))
    assert found.headline.startswith("Identical: greedy and syn have the same score in every pair, mean Dice 0.")
    assert found.headline.endswith("No winner.")
    assert not claims(found)


def test_ties_in_most_pairs_have_no_winner():
    pairs = copied(table({"identity": 0.45, "greedy": 0.6}), "greedy", "syn")
    pairs.loc[of(pairs, "syn") & some(pairs, 0.1), "dice_mean"] += 0.001
    found = verdict(pairs)
    assert found.headline.startswith("Equivalent, with no winner")
    assert not claims(found)


def test_a_tiny_difference_of_very_many_pairs_is_equivalent():
    found = verdict(table({"identity": 0.45, "a": 0.6, "b": 0.602}, groups={"T1w": 30}, subject=0.001, noise=0.005))
    assert found.headline.startswith("Equivalent, with no winner: b and a")
    assert not claims(found)


def test_a_sure_order_that_may_be_inside_the_margin_is_told_and_has_no_winner():
    pairs = table({"identity": 0.45, "a": 0.6, "b": 0.608}, groups={"T1w": 16}, subject=0.003, noise=0.005, seed=4)
    (relation,) = [r for r in verdict(pairs).relations if "identity" not in r.names()]
    assert relation.kind == "small"
    found = verdict(pairs)
    assert relation.high > 0.01
    assert found.headline.startswith(
        "No winner: b is above a by 0.009 (95 % interval 0.005 to 0.012) for certain, but "
    )
    assert "the difference is not shown to matter (margin 0.01 Dice)" in found.headline
    assert any(
        s.startswith("b is above a for certain, but the difference is not shown to matter: ") for s in found.sentences
    )
    assert "no difference that counts" not in words(found)


def test_a_difference_that_is_surely_beyond_the_margin_is_certain_and_its_small_effect_is_told():
    pairs = table({"identity": 0.45, "a": 0.6, "b": 0.62}, groups={"T1w": 36}, subject=0.0, noise=0.12)
    found = verdict(pairs)
    (relation,) = [r for r in found.relations if "identity" not in r.names()]
    assert relation.low > 0.01
    assert found.headline.startswith("Highest mean: b, ")
    assert found.headline.endswith("a by 0.021 (95 % interval 0.011 to 0.031), d_z 0.12 below the threshold 0.2.")


def test_a_small_effect_that_may_be_inside_the_margin_has_no_winner():
    pairs = table({"identity": 0.45, "a": 0.6, "b": 0.615}, groups={"T1w": 36}, subject=0.0, noise=0.12)
    found = verdict(pairs)
    assert re.match(
        r"No winner: b is above a by 0\.01\d \(.*\) for certain, but the difference is not shown to matter "
        r"\(threshold \|d_z\| = 0\.2\);",
        found.headline,
    )
    told = next(
        s
        for s in found.sentences
        if s.startswith("b is above a for certain, but the difference is not shown to matter")
    )
    assert re.search(r"d_z is 0\.\d\d, below the threshold 0\.2\.", told)


def test_a_sure_order_beside_an_open_one_is_no_part_of_it():
    pairs = table({"a": 0.6, "b": 0.607, "c": 0.608}, groups={"T1w": 14}, subject=0.002, noise=0.006)
    odd = 0.02 * np.random.default_rng(0).normal(size=14)
    odd -= odd.mean()
    pairs.loc[of(pairs, "b"), "dice_mean"] += odd[pairs.loc[of(pairs, "b"), "moving"].str[4:6].astype(int)]
    found = verdict(pairs)
    assert {frozenset("ac"): "small", frozenset("bc"): "open"}.items() <= {
        r.names(): r.kind for r in found.relations
    }.items()
    assert found.headline.startswith("No winner: the order of c and b is not certain; difference 0.00")
    assert (
        "c is above a by 0.009 (95 % interval 0.006 to 0.013) for certain, but the difference is not" in found.headline
    )


def test_the_criteria_are_the_protocols():
    pairs = table({"identity": 0.45, "greedy": 0.6, "syn": 0.62}, subject=0.003)
    assert verdict(pairs).headline.startswith("Highest mean: syn")
    wide = verdict(pairs, criteria=Criteria(margin=0.05, confidence=0.9))
    assert wide.headline.startswith("Equivalent, with no winner: syn and greedy, whose means differ by less than 0.05")
    assert "90 % interval" in wide.headline


@pytest.mark.parametrize("noise", [0.0, 0.0003])
def test_methods_that_are_alike_but_for_failures_are_not_equivalent_for_certain(noise):
    pairs = copied(table({"greedy": 0.6}), "greedy", "syn")
    pairs.loc[of(pairs, "syn"), "dice_mean"] += np.random.default_rng(0).normal(0, noise, 132)
    failed = of(pairs, "syn") & some(pairs, 0.045)
    for lacking in (fail(pairs, failed), pairs[~failed]):
        told = words(verdict(lacking))
        assert "No winner: the order of " in told
        what = "equivalent on the pairs" if noise else "the same in every pair"
        assert f"{what} that both scored is not certain: failures differ" in told
        assert "for certain" not in told
        assert "The same score in every pair" not in told
    assert "With failed pairs scored 0 syn − greedy is −0.0" in words(verdict(fail(pairs, failed)))
