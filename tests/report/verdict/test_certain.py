"""Certain differences in words, on made-up tables."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.judged import score_tables
from lumirage_bids.report.text import wording
from lumirage_bids.report.verdict.verdict import judge
from tests.report.situations import of, table, verdict, words
from tests.report.verdict.claims import claims, copied, equal

pytestmark = pytest.mark.filterwarnings("error")


def test_a_difference_is_told_with_direction_size_interval_and_subjects():
    found = verdict(table(subject=0.005))
    assert re.fullmatch(
        r"Highest mean: syn, mean Dice 0\.\d{3} over 132 pairs of 12 subjects; above every other for certain: "
        r"greedy by 0\.0\d\d "
        r"\(95 % interval 0\.0\d\d to 0\.0\d\d\)\.",
        found.headline,
    )
    assert found.sentences[0].startswith("syn is above greedy by 0.0")
    assert "from 12 subjects; p < 0.001 after Holm's correction; d_z" in found.sentences[0]
    assert "at least large" in found.sentences[0]


def test_an_adjective_needs_an_interval_of_the_effect():
    few = words(verdict(table(groups={"T1w": 4}, subject=0.001, noise=0.001)))
    assert "is above greedy by" in few
    assert "for certain, as far as 4 subjects go: greedy by" in few
    assert "without an interval: 4 subjects take part, at least 8 are needed for an interval of an effect size" in few
    assert not re.search("small|medium|large", few.replace("too small", "").replace("largest", ""))


def test_a_difference_that_is_the_same_in_every_pair():
    found = verdict(copied(table({"identity": 0.45, "greedy": 0.6}), "greedy", "syn", 0.05))
    assert "above every other for certain: greedy by 0.050 (95 % interval 0.050 to 0.050)." in found.headline


def test_many_certain_differences_are_counted():
    found = verdict(table({f"m{i}": 0.5 + 0.05 * i for i in range(6)}, subject=0.003))
    assert len([s for s in found.sentences if " is above " in s]) == 6
    assert "9 further differences are in the table." in found.sentences


def test_two_subjects_have_no_interval_and_no_adjective():
    found = verdict(table(groups={"T1w": 2}))
    assert found.headline.startswith("No winner can be named: ")
    assert not claims(found)
    assert not re.search("small|medium|large", words(found))


@pytest.mark.parametrize("groups", [{"MP2RAGE": 3, "MPRAGE": 9}, {"MP2RAGE": 2, "MPRAGE": 10}])
def test_sizes_of_groups_stand_beside_what_hangs_on_them(groups):
    told = words(verdict(table(groups=groups, subject=0.003)))
    assert "syn is above greedy by" in told
    assert ("MP2RAGE 3" in told) == (groups["MP2RAGE"] == 3)


def test_one_subject_that_makes_the_difference_is_named():
    pairs = equal(groups={"T1w": 6}, subject=0.002, noise=0.002, seed=2)
    pairs.loc[of(pairs, "syn"), "dice_mean"] += 0.012
    one = pairs["moving"].str.startswith("sub-00") | pairs["fixed"].str.startswith("sub-00")
    pairs.loc[of(pairs, "syn") & ~one, "dice_mean"] -= 0.008
    found = verdict(pairs)
    hanging = [r for r in found.relations if r.hangs_on]
    assert all("for certain" not in found.headline or r.hangs_on != "sub-00" for r in hanging)
    for r in hanging:
        if r.kind == "certain":
            assert f"hinges on one subject, {r.hangs_on}" in words(found)


def test_a_certain_order_is_not_called_certain_to_count():
    pairs = table({"a": 0.6, "b": 0.612}, groups={"T1w": 30}, subject=0.002, noise=0.035)
    told = next(s for s in verdict(pairs).sentences if s.startswith("b is above a"))
    low = float(re.search(r"d_z [\d.]+, ([−\d.]+) to", told)[1].replace("−", "-"))
    assert low < 0.2
    assert "The order is certain, but not that it matters: d_z may be below 0.2." in told


def test_a_difference_in_one_split_only_is_placed():
    pairs = equal(groups={"A": 8, "B": 8}, subject=0.004)
    pairs.loc[of(pairs, "syn", split="A to A"), "dice_mean"] += 0.06
    told = words(verdict(pairs))
    assert "in A to A" in told
    assert "greedy is above" not in told


def test_a_split_is_told_by_what_is_known_of_it():
    pairs = equal(groups={"A": 8, "B": 8}, subject=0.0005, noise=0.001)
    for split, plus in (("A to A", 0.12), ("A to B", -0.006), ("B to A", -0.03)):
        pairs.loc[of(pairs, "syn", split=split), "dice_mean"] += plus
    told = words(verdict(pairs))
    assert "By split: certain in A to A; the other way round in B to A; equivalent in A to B and B to B." in told
    assert "not certain in" not in told


def test_a_further_measure_is_judged_by_its_own_margin():
    random = np.random.default_rng(0)
    pairs = table(subject=0.003)
    pairs["hd95_mm"] = 3 + 0.02 * of(pairs, "syn") + 2 * of(pairs, "identity") + random.normal(0, 0.001, len(pairs))
    found = verdict(pairs)
    assert "; but" not in found.headline
    assert "Other measures: by HD95 they are equivalent (0.02 mm)" in words(found)
    pairs["hd95_mm"] += 0.5 * of(pairs, "syn")
    found = verdict(pairs)
    assert "; but greedy is better than syn by HD95 (0.52 mm, 95 % interval 0.5" in found.headline
    assert "Other measures: HD95 says the opposite (0.52 mm)" in words(found)


def test_one_structure_that_makes_a_difference_is_named():
    pairs = table({"identity": 0.45, "greedy": 0.6, "syn": 0.6}, subject=0.0005, noise=0.0005)
    random = np.random.default_rng(0)
    for index in range(1, 5):
        pairs[f"dice_{index}"] = pairs["dice_mean"] + random.normal(0, 0.002, len(pairs))
    pairs.loc[of(pairs, "syn"), "dice_3"] += 0.12
    pairs["dice_mean"] = pairs[[f"dice_{i}" for i in range(1, 5)]].mean(axis="columns")
    told = words(verdict(pairs))
    assert re.search(r"One structure makes most of it: 3, \d+ %; without it the difference is [+−]0\.0", told)
    even = table(subject=0.002)
    for index in range(1, 5):
        even[f"dice_{index}"] = even["dice_mean"]
    assert "One structure" not in words(verdict(even))


def test_a_split_called_as_the_two_directions_of_others_is_a_split():
    pairs = equal(groups={"A": 8, "B": 8}, subject=0.004)
    pairs["split"] = pairs["split"].replace({"B to B": "A and B"})
    pairs.loc[of(pairs, "syn"), "dice_mean"] += 0.06
    told = next(s for s in verdict(pairs).sentences if s.startswith("syn is above greedy"))
    assert "By split: certain in “A and B”, A to A, A to B and B to A." in told


def test_scores_of_a_tiny_unit_get_the_words_that_others_get():
    pairs = table({"a": 0.6, "b": 0.62, "c": 0.62}, subject=0.003, noise=0.003).assign(dice_initial=0.0)
    pairs = copied(pairs, "c", "d")
    plain = verdict(pairs)
    criteria = Criteria(margin=1e-11)
    tables = score_tables(pairs.assign(dice_mean=pairs["dice_mean"] * 1e-9), criteria=criteria)
    (tiny,) = judge(tables, criteria, wording("mine", higher_is_better=True, margin=1e-11, worst=0.0))
    assert [(r.better, r.worse, r.kind) for r in tiny.relations] == [
        (r.better, r.worse, r.kind) for r in plain.relations
    ]
    assert {"identical", "certain"} <= {r.kind for r in tiny.relations}
    assert len(tiny.sentences) == len(plain.sentences)
    assert re.search(r"b is above a by 2\.\d+e−11 mine over 132 pairs", words(tiny))
    assert " 0.000" not in words(tiny).replace("d_z", "")


@pytest.mark.parametrize("n", [5, 12])
def test_couples_that_share_no_subject_are_what_is_counted(n):
    pairs = table({"a": 0.6, "b": 0.63}, groups={"T1w": 2 * n}, subject=0.003, noise=0.003)
    moving, fixed = (pairs[side].str[4:6].astype(int) for side in ("moving", "fixed"))
    once = pairs[(moving % 2 == 0) & (fixed == moving + 1)]
    both = pairs[moving // 2 == fixed // 2]
    for found in (verdict(once), verdict(both)):
        assert f"from {n} couples; p" in words(found)
        assert ("as far as 5 couples go" in words(found)) == (n == 5)
        assert "smallest of its groups" not in words(found)


@pytest.mark.parametrize("odd", [-0.3, 0.5])
def test_one_subject_that_hides_a_difference_is_named_as_a_caveat(odd):
    pairs = table({"a": 0.5, "b": 0.53}, subject=0.002, noise=0.004)
    one = pairs["moving"].str.startswith("sub-07") | pairs["fixed"].str.startswith("sub-07")
    pairs.loc[of(pairs, "b") & one, "dice_mean"] += odd
    found = verdict(pairs)
    assert "One subject, sub-07, makes it so: without that subject b − a would be +0.03" in found.headline
    assert found.headline.startswith("No winner")
    assert not claims(found)
    assert any(s.startswith("Not certain: ") and "sub-07" in s for s in found.sentences)
    assert "makes it so" not in words(verdict(equal(seed=1)))
