"""The first sentence of a verdict."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.judged import score_tables
from lumirage_bids.report.verdict.verdict import Known, judge
from tests.report.situations import fail, of, some, table, verdict, verdicts, words
from tests.report.verdict.claims import claims, copied, equal, failing, rounded, turned

pytestmark = pytest.mark.filterwarnings("error")


def test_equals_share_the_top_and_who_is_behind_is_told():
    pairs = copied(table({"identity": 0.45, "greedy": 0.6, "syn": 0.65}, subject=0.003), "syn", "vfa", 0.0003)
    found = verdict(pairs)
    assert found.headline.startswith("Equivalent: vfa and syn, whose means differ by less than 0.01 Dice for certain")
    assert found.headline.endswith("Each of them is above greedy for certain.")
    assert "Highest mean" not in words(found)
    told = next(s for s in found.sentences if s.startswith("Rank"))
    assert told == "Ranks, one more than the number of methods ahead for certain: 1. vfa and syn; 3. greedy."


def test_arms_level_with_the_first_are_not_said_to_be_level_with_each_other():
    pairs = table({"a": 0.6, "b": 0.65}, variants=("1mm", "2mm"), groups={"T1w": 8}, subject=0.002, noise=0.002)
    own = np.array([0.2, -0.2, 0.1, -0.1, 0.15, -0.15, 0.05, -0.05])
    low = pairs["variant"] == "2mm"
    pairs.loc[low, "dice_mean"] += own[pairs.loc[low, "moving"].str[4:6].astype(int)]
    found = verdict(pairs)
    assert re.search(r"No winner: the order of b \((1|2)mm\) and each of b \(.mm\) and a \(.mm\)", found.headline)
    assert "b (1mm) is above a (1mm)" in words(found)
    assert "b (2mm) is above a (2mm)" in words(found)


def test_the_same_difference_everywhere_turns_like_any_other_where_failures_weigh_more():
    pairs = copied(table({"identity": 0.45, "greedy": 0.6}), "greedy", "syn", 0.02)
    found = verdict(fail(pairs, of(pairs, "syn") & some(pairs, 0.045)))
    assert "With failed pairs scored at worst it turns around." in found.headline
    assert "Highest mean" not in found.headline


def test_the_same_difference_of_three_subjects_goes_as_far_as_they_do():
    few = copied(table({"greedy": 0.6}, groups={"T1w": 3}), "greedy", "syn", 0.05)
    assert "for certain, as far as 3 subjects go: greedy by 0.050" in verdict(few).headline


def test_a_union_is_no_surer_than_the_smallest_of_its_groups():
    """3 + 9 subjects: pairs in one direction go as far as the 3; those in both hang on the same 3."""
    both = copied(table({"greedy": 0.6}, groups={"A": 3, "B": 9}), "greedy", "syn", 0.05)
    one = both[both["split"] == "A to B"]
    assert "for certain, as far as 3 subjects go: greedy by" in verdict(one).headline
    assert "from 3 subjects on the side of fewer: A 3, B 9;" in words(verdict(one))
    assert "for certain, with 3 subjects in the smallest group: greedy by" in verdict(both).headline


def test_one_pair_tells_nothing_of_others():
    pairs = table()
    first = pairs[(pairs["moving"] == pairs["moving"][0]) & (pairs["fixed"] == pairs["fixed"][0])]
    found = verdict(first)
    assert found.headline.startswith("No winner can be named: ")
    assert "over 1 pair of 2 subjects: syn 0." in found.headline
    assert not claims(found)


def test_one_subject_alone_is_judged_by_its_rescans_and_nothing_is_certain():
    pairs = table(groups={"T1w": 1}, rescanned=1)
    found = verdict(pairs)
    assert found.pairs == "rescans alone, each subject with itself"
    assert found.headline.startswith("No winner can be named: ")
    assert not claims(found)


def test_a_small_group_is_named_and_the_sentence_is_limited_to_the_rest():
    pairs = table(groups={"MP2RAGE": 1, "MPRAGE": 11}, subject=0.003)
    found = verdict(pairs)
    assert "MP2RAGE" in found.headline
    assert "All of this leaves out the 22 pairs of groups with too few subjects: MP2RAGE (1 subject)." in found.headline
    assert "MPRAGE to MPRAGE" in words(found) or "11 subjects" in words(found)


def test_one_subject_of_a_sequence_makes_no_difference_certain():
    pairs = equal(groups={"MP2RAGE": 1, "MPRAGE": 11}, subject=0.003, seed=5)
    odd = pairs["moving"].str.endswith("MP2RAGE") | pairs["fixed"].str.endswith("MP2RAGE")
    pairs.loc[of(pairs, "syn") & odd, "dice_mean"] += 0.03
    assert "for certain" not in verdict(pairs).headline.replace("by less than 0.01 Dice for certain", "")


def test_what_a_winner_pays_stands_in_the_headline():
    pairs = table(subject=0.003).assign(hd95_mm=5.0)
    syn = of(pairs, "syn")
    assert "; but" not in verdict(pairs).headline
    random = np.random.default_rng(0)
    pairs["hd95_mm"] += random.normal(0, 0.1, len(pairs)) + 3 * of(pairs, "identity")
    pairs.loc[syn, "hd95_mm"] += 1
    pairs.loc[syn & some(pairs, 0.06), "folding_percent"] = 5.0
    found = verdict(pairs).headline
    assert re.search(
        r"for certain: greedy by 0\.0\d\d \(95 % interval [^)]*\); but syn folds more than 1 % of the brain in 8 of "
        r"132 pairs \(0\.40 % on average; greedy 0\.10 %\), and greedy is better than syn by HD95 \(\d\.\d\d mm, 95 % ",
        found,
    )
    pairs.loc[syn, "hd95_mm"] -= 2
    pairs.loc[of(pairs, "greedy"), "folding_percent"] = 5.0
    pairs.loc[syn, "folding_percent"] = 0.0
    found = verdict(pairs).headline
    assert "; but" not in found
    assert found.endswith(" HD95 agrees.")


def test_long_lists_name_some_and_count_the_rest():
    found = verdict(table({f"m{i:02d}": 0.6 for i in range(14)}, groups={"T1w": 6}))
    assert re.search(r"No winner: the order of (m\d\d, ){9}m\d\d and 4 others is not certain", found.headline)


def test_a_method_that_fails_on_half_of_its_pairs_is_set_aside_and_named_first():
    found = verdict(failing())
    assert found.headline.startswith(
        "Set aside, too few scores: vfa, 61 of 132 pairs failed (46.2 %: out of memory). Highest mean: syn, "
    )
    assert "over 132 pairs of 12 subjects; above every other that is ranked for certain: greedy by" in found.headline
    assert "Note: " not in found.headline
    apart = next(s for s in found.sentences if s.startswith("Separately"))
    assert re.search(r"syn 0\.6\d\d, greedy 0\.6\d\d, vfa 0\.4\d\d", apart)
    assert not any("vfa is above" in s for s in found.sentences)


def test_a_method_set_aside_that_is_better_even_with_failures_at_worst_stands_in_the_headline():
    found = verdict(failing(0.061))
    assert "Highest mean: syn, " in found.headline
    assert "above every other that is ranked for certain: greedy" in found.headline
    assert re.search(
        r"Note: vfa, which was set aside, still has the better mean: over all pairs, with those without a score "
        r"counted as 0, "
        r"vfa 0\.8\d\d, syn 0\.6\d\d \(not tested\)\.",
        found.headline,
    )


def test_nothing_was_scored():
    pairs = table()
    found = verdict(fail(pairs, pairs["method"] != ""))
    assert found.headline.endswith("No pair was scored.")
    assert not claims(found)


def test_as_many_failures_on_other_pairs_differ():
    pairs = table({"identity": 0.45, "greedy": 0.6, "syn": 0.62}, subject=0.004)
    pairs = fail(pairs, of(pairs, "syn") & some(pairs, 0.02))
    found = verdict(fail(pairs, of(pairs, "greedy") & some(pairs, 0.02, seed=9)))
    assert "which is not certain where failures differ" in found.headline


def test_failures_that_turn_the_order_leave_no_winner():
    pairs = table({"identity": 0.45, "greedy": 0.60, "syn": 0.615}, subject=0.003, noise=0.003)
    found = verdict(fail(pairs, of(pairs, "syn") & some(pairs, 0.04)))
    assert found.headline.startswith("Lacking pairs: syn, 5 of 132 pairs failed")
    assert "No winner: the order of syn and greedy is not certain" in found.headline
    assert "With failed pairs scored at worst it turns around." in found.headline
    assert "With failed pairs scored 0 it turns around, to −0.0" in words(found)


def test_an_unfinished_arm_is_said_first_and_not_compared():
    pairs = table({"identity": 0.45, "greedy": 0.6, "syn": 0.62, "ants": 0.7}, subject=0.003)
    done = some(pairs, 0.03)
    found = verdict(pairs[~of(pairs, "ants") | done])
    assert found.headline.startswith(
        "Set aside, not finished: ants, 128 of 132 pairs not done yet (97.0 %). Highest mean: syn"
    )
    assert not any("ants" in s for s in found.sentences)


def test_an_arm_that_is_all_but_finished_is_said_to_lack_pairs():
    pairs = table(subject=0.004)
    found = verdict(pairs[~of(pairs, "syn") | ~some(pairs, 0.01)])
    assert found.headline.startswith("Lacking pairs: syn, 1 of 132 pairs not done yet (0.8 %).")
    assert "above every other for certain" in found.headline  # even were that pair scored 0


def test_a_run_that_is_not_finished_says_so_first():
    pairs = table(subject=0.004)
    found = verdict(pairs[some(pairs, 0.3)], Known(planned=132))
    assert found.headline.startswith("Not finished: 92 of 132 planned pairs have not been done by any method.")
    assert "Not finished" not in verdict(pairs, Known(planned=132)).headline


def test_subjects_are_counted_moving_and_fixed_together():
    assert "over 3 pairs of 6 subjects" in verdict(rounded([0.02, 0.01, 0.02])).headline
    odd = verdict(table({"a": 0.6, "b": 0.6}, groups={"A": 2, "B": 10}))
    assert (
        "over 90 pairs of 10 subjects. All of this leaves out the 42 pairs of groups with too few subjects"
        in odd.headline
    )
    pairs = table({"a": 0.6, "b": 0.6})
    assert "over 11 pairs of 12 subjects" in verdict(pairs[pairs["fixed"] == pairs["fixed"].iloc[0]]).headline


def test_only_one_method():
    found = verdict(table({"identity": 0.45, "syn": 0.6}, subject=0.004))
    assert found.headline.startswith("Only one method was run, syn: mean Dice 0.")
    assert "; syn is above identity by 0.1" in found.headline
    alone = verdict(table({"syn": 0.6}))
    assert alone.headline.endswith("There is nothing to compare it with.")
    floor = verdict(table({"identity": 0.6}))
    assert re.match(r"Only identity was run: mean Dice 0\.\d+ over 132 pairs\.", floor.headline)


def test_an_order_that_turns_between_splits_is_told_in_the_headline():
    found = verdict(turned(0.06))
    assert "The order of greedy and syn depends on the split: " in found.headline
    assert re.search(
        r"(syn is above greedy by 0\.\d+ in A to A|greedy is above syn by 0\.\d+ in B to B)", found.headline
    )
    assert "Highest mean" not in found.headline


def test_an_order_that_turns_by_less_than_the_margin_does_not_turn():
    pairs = equal(labellings=("manual", "auto"), subject=0.0005, noise=0.001)
    pairs.loc[of(pairs, "syn", labelling="manual"), "dice_mean"] += 0.034
    pairs.loc[of(pairs, "syn", labelling="auto"), "dice_mean"] -= 0.008
    manual, auto = verdicts(pairs)
    assert manual.headline.startswith("Highest mean: syn")
    assert auto.headline.startswith("Equivalent, with no winner: greedy and syn")
    for each in (manual, auto):
        assert "depends on the labelling" not in words(each)


def test_two_splits_of_which_one_is_equivalent_differ_but_do_not_turn():
    pairs = turned(0.03, noise=0.001)
    pairs.loc[of(pairs, "syn", split="B to B"), "dice_mean"] += 0.023
    told = words(verdict(pairs))
    assert "The order of" not in told
    assert re.search(r"syn − greedy is \+0\.02\d \(A to A\) and −0\.00\d \(B to B\)", told)


def test_method_and_variant_changed_at_once_is_told_in_the_headline():
    pairs = table({"a": 0.6, "b": 0.65}, variants=("1mm", "2mm"), subject=0.003)
    two = pairs[of(pairs, "b", variant="1mm") | of(pairs, "a", variant="2mm")]
    found = verdict(two)
    mixed = (
        "Method and variant both differ between b (1mm) and a (2mm): which of the two makes the difference cannot "
        "be told."
    )
    assert found.headline.endswith(mixed)
    assert any(s.startswith("b (1mm) is above a (2mm) by 0.05") for s in found.sentences)
    assert "both differ" not in words(verdict(pairs))
    assert "both differ" not in words(verdict(pairs[~of(pairs, "b", variant="2mm")]))


def test_a_lead_over_the_half_that_two_methods_share_is_not_for_certain():
    pairs = table({"a": 0.6, "b": 0.64, "c": 0.55}, subject=0.003)
    half = some(pairs, 0.5)
    pairs = fail(pairs, (of(pairs, "a") | of(pairs, "b")) & ~half)
    found = verdict(fail(pairs, of(pairs, "c") & half & some(pairs, 0.3, seed=3)))
    n = int(re.match(r"Set aside, too few scores: c, (\d+) of 132 pairs failed", found.headline)[1])
    told = f"above every other that is ranked on these pairs alone (c, set aside, scored {132 - n}): a by"
    assert told in found.headline
    assert "for certain" not in words(found)
    nearly_all = fail(table({"a": 0.6, "b": 0.64, "c": 0.55}, subject=0.003), of(pairs, "c") & some(pairs, 0.07))
    assert "above every other that is ranked for certain: a by" in verdict(nearly_all).headline


def test_means_are_over_the_pairs_that_are_left_where_a_group_is_left_out():
    pairs = table({"a": 0.6, "b": 0.62}, groups={"A": 2, "B": 10}, subject=0.002, noise=0.002)
    with_a = pairs["split"].str.contains("A")
    pairs.loc[with_a & of(pairs, "a"), "dice_mean"] += 0.15
    headline = verdict(pairs).headline
    mean = pairs.loc[~with_a & of(pairs, "b"), "dice_mean"].mean()
    assert headline.startswith(f"Highest mean: b, mean Dice {mean:.3f} over 90 pairs of 10 subjects; above every other")
    assert headline.endswith("All of this leaves out the 42 pairs of groups with too few subjects: A (2 subjects).")


def test_a_mean_without_a_winner_is_nobodys_but_the_best():
    found = verdict(table({"identity": 0.45, "a": 0.6, "b": 0.6}, groups={"T1w": 6}, subject=0.02, seed=0))
    best = max(s.mean for s in found.standings)
    assert found.headline.startswith("No winner: the order of ")
    assert f"; mean Dice at best {best:.3f} over 30 pairs of 6 subjects." in found.headline


def test_what_hangs_on_one_subject_is_said_of_that_difference_alone():
    pairs = table({"identity": 0.45, "low": 0.55, "near": 0.6, "top": 0.65}, subject=0.003)
    tables = score_tables(pairs, criteria=Criteria())
    rows = tables.comparisons.astype({"hangs_on_subject": object, "without_subject": object})
    one = (rows["method_a"] == "near") & (rows["method_b"] == "top")
    rows.loc[one, ["hangs_on_subject", "without_subject"]] = [True, "sub-00"]
    (found,) = judge(replace(tables, comparisons=rows))
    assert re.search(
        r"above every other: low by 0\.\d+ \([^)]*\) for certain; near by 0\.\d+ \([^)]*\), but not for certain: it "
        r"hinges on sub-00 alone",
        found.headline,
    )
