"""What is said of measures besides the one that is judged, in situations of known truth."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.report.judged import judge_run, score_tables
from lumirage_bids.report.text import wording
from lumirage_bids.report.verdict.verdict import Criteria, Known, judge
from lumirage_bids.stats.score import Score
from tests.report.situations import fail, of, some, table, verdict, words

THREE = {"identity": 0.45, "a": 0.60, "b": 0.62, "c": 0.65}


def made(means: dict[str, float] | None = None, *, subjects: int = 8, **kind: object) -> pd.DataFrame:
    """A clear winner by Dice, and nothing besides."""
    pairs = table(means, groups={"T1w": subjects}, subject=0.003, noise=0.003, **kind)
    return pairs.drop(columns=["folding_percent", "runtime_s", "memory_gb"]).assign(folding_percent=np.nan)


def like_dice(pairs: pd.DataFrame, *, by: float = 10.0, **more: float) -> pd.Series:
    """A distance that follows Dice, largest without deformation; `more` adds to methods."""
    found = (
        8 - by * pairs["dice_mean"] + 4 * of(pairs, "identity") + np.random.default_rng(3).normal(0, 0.05, len(pairs))
    )
    return found + sum(plus * of(pairs, method) for method, plus in more.items())


def test_the_winner_is_best_by_every_other_measure():
    pairs = made(THREE)
    found = verdict(pairs.assign(hd95_mm=like_dice(pairs), tre_mm=like_dice(pairs, by=20)))
    assert found.headline.startswith("Highest mean: c, ")
    assert found.headline.endswith(" HD95 and TRE agree.")
    assert (
        "The order holds by every other measure of accuracy (HD95, TRE): all 3 differences that are certain by Dice "
        "are so by each of them." in found.sentences
    )


def test_the_winner_is_worse_by_landmarks_for_certain_and_that_is_said_in_one_breath():
    pairs = made()
    found = verdict(pairs.assign(tre_mm=like_dice(pairs, by=0, syn=1.0), hd95_mm=like_dice(pairs)))
    assert re.search(
        r"Highest mean: syn, .*for certain: greedy by [^;.]*0\.\d+[^;]*; but greedy is better than syn by TRE "
        r"\(\d\.\d\d mm, 95 % interval [^)]*\)\. HD95 agrees\.$",
        found.headline,
    )
    assert re.search(r"HD95 shows the same; TRE turns 1 \(greedy better than syn by \d\.\d\d mm", words(found))


def test_the_winner_is_worse_but_not_for_certain():
    pairs = made()
    found = verdict(pairs.assign(tre_mm=2 + np.random.default_rng(5).normal(0, 3, len(pairs)) + 0.3 * of(pairs, "syn")))
    assert "; but" not in found.headline
    assert found.headline.endswith(" TRE is inconclusive.")
    assert "of the difference that is certain by Dice: TRE is inconclusive about 1 (syn and greedy)." in words(found)


def test_the_winner_folds():
    pairs = made().assign(folding_percent=0.02)
    pairs.loc[of(pairs, "syn"), "folding_percent"] = 6.0
    found = verdict(pairs)
    assert (
        "; but syn folds more than 1 % of the brain in 56 of 56 pairs (6.00 % on average; greedy 0.02 %)."
        in found.headline
    )
    assert "the better one by Dice has, for certain: higher folding. None of these says how well" in words(found)
    pairs.loc[of(pairs, "syn"), "folding_percent"] = 0.9
    assert "folds" not in verdict(pairs).headline


def test_a_loser_that_folds_takes_nothing_from_the_winner():
    pairs = made().assign(folding_percent=0.02)
    pairs.loc[of(pairs, "greedy"), "folding_percent"] = 6.0
    found = verdict(pairs)
    assert "; but" not in found.headline
    assert "lower folding" in words(found)


def test_one_arm_has_no_such_measure():
    pairs = made(THREE)
    pairs["inverse_consistency_mm"] = np.where(of(pairs, "a"), np.nan, 0.1 + 0.5 * of(pairs, "c"))
    pairs["tre_mm"] = like_dice(pairs).where(~of(pairs, "a"))
    found = verdict(pairs)
    assert found.headline.endswith(" TRE agrees about b, and is inconclusive about a.")
    assert "TRE shows 1 alike and is inconclusive about 2 (b and a; c and a)." in words(found)
    assert "the better one by Dice has, for certain: higher inverse consistency in 1." in words(found)


def test_a_measure_that_is_nought_for_all_says_nothing():
    pairs = made()
    found = verdict(pairs.assign(folding_percent=0.0, ndv_percent=0.0, hd95_mm=0.0))
    assert "; but" not in found.headline
    assert found.headline.endswith(" HD95 is the same in every pair.")
    assert "HD95 finds equivalent 1 (syn and greedy)" in words(found)
    assert "for certain: higher" not in words(found)


def test_a_measure_is_there_for_half_of_the_pairs():
    pairs = made()
    pairs["tre_mm"] = like_dice(pairs, syn=2.0).where(some(pairs, 0.5))
    assert re.search(r"; but greedy is better than syn by TRE \(1\.\d\d mm", verdict(pairs).headline)
    pairs["tre_mm"] = pairs["tre_mm"].where(of(pairs, "greedy") | some(pairs, 0.25))
    found = verdict(pairs).headline
    assert "; but greedy is better than syn by TRE" in found


def test_only_dice_was_taken():
    found = verdict(made())
    assert "No measure of accuracy besides Dice was taken: one number is weak evidence." in found.sentences
    assert "; but" not in found.headline


def test_a_tie_by_dice_stays_one_whatever_others_say():
    pairs = made({"identity": 0.45, "greedy": 0.6, "syn": 0.6})
    plain, found = verdict(pairs), verdict(pairs.assign(tre_mm=like_dice(pairs, by=0, syn=3.0)))
    assert found.headline == plain.headline
    assert "No winner" in found.headline or "Equivalent" in found.headline
    assert "TRE" not in words(found)


def test_the_order_turns_among_those_that_do_not_win():
    pairs = made(THREE)
    found = verdict(pairs.assign(hd95_mm=like_dice(pairs, b=0.4)))
    assert "; but" not in found.headline
    assert found.headline.endswith(" HD95 agrees.")
    assert re.search(
        r"of the 3 differences that are certain by Dice: HD95 shows 2 alike and turns 1 \(a better than b by 0\.\d\d "
        r"mm, 95 % interval ",
        words(found),
    )


def test_several_share_the_top_and_one_of_those_behind_is_better_elsewhere():
    pairs = made({"identity": 0.4, "a": 0.5, "b": 0.6, "c": 0.6})
    found = verdict(pairs.assign(tre_mm=like_dice(pairs, by=0, b=2.0, c=2.0)))
    assert re.search(r"Each of them is above a for certain; but a is better than b and c by TRE \(\d", found.headline)


def test_what_a_winner_does_to_volume_and_takes_in_time():
    pairs = made(THREE)
    pairs["sdlogj"] = 0.2 + 0.1 * of(pairs, "c") + np.random.default_rng(0).normal(0, 0.002, len(pairs))
    pairs["runtime_s"] = 10.0 - 5 * of(pairs, "c") + 20 * of(pairs, "b")
    assert (
        "Of these 3 differences, the better one by Dice has, for certain: higher SD of log J in 2, higher run time in "
        "1 and lower run time in 2. None of these says how well scans fit." in verdict(pairs).sentences
    )


def test_failures_of_the_winner_do_not_count_as_agreement():
    pairs = made(subjects=10).assign(hd95_mm=3.0)
    pairs["hd95_mm"] = like_dice(pairs)
    lost = fail(pairs, of(pairs, "syn") & some(pairs, 0.03))
    lost.loc[lost["status"] == "failed", "hd95_mm"] = np.nan
    assert "HD95 agrees, though not for certain" in words(verdict(lost)) or "HD95 agrees." not in words(verdict(lost))


def test_where_lower_is_judged_others_agree_or_not():
    pairs = made()
    pairs = pairs.assign(dice_mean=like_dice(pairs), tre_mm=like_dice(pairs, by=0, syn=1.0))
    score = Score(better="lower", worst=9.0)
    say = wording("my_error", higher_is_better=False, margin=0.1, worst=9.0)
    criteria = Criteria(margin=0.1)
    (found,) = judge(score_tables(pairs, criteria=criteria, score=score), criteria, say, score=score)
    assert found.headline.startswith("Lowest (best) mean: syn, my_error ")
    assert re.search(r"; but greedy is better than syn by TRE \(\d", found.headline)
    assert re.search(r"certain by my_error: TRE turns 1", words(found))


def test_every_one_that_shares_the_top_is_objected_to():
    pairs = made({"identity": 0.4, "a": 0.5, "b": 0.6, "c": 0.6}).assign(folding_percent=0.02)
    pairs.loc[of(pairs, "c"), "folding_percent"] = 4.0
    pairs["tre_mm"] = like_dice(pairs, by=0, a=1.0, c=2.0)
    assert re.search(
        r"Each of them is above a for certain; but c folds more than 1 % of the brain in 56 of 56 pairs \(4\.00 % on "
        r"average; a 0\.02 %\), and a is better than c by TRE \(1\.\d\d mm",
        verdict(pairs).headline,
    )
    level = verdict(pairs[~of(pairs, "a")])
    assert level.headline.endswith(" Note: c folds more than 1 % of the brain in 56 of 56 pairs (4.00 % on average).")


def test_a_winner_that_is_worse_than_no_deformation_by_another_measure():
    pairs = made().assign(hd95_mm=lambda p: like_dice(p, identity=-7.0), tre_mm=like_dice)
    found = verdict(pairs)
    assert re.search(
        r"; but identity is better than syn by HD95 \(\d\.\d\d mm, [^)]*\)\. TRE agrees\.$", found.headline
    )
    assert re.search(
        r"HD95 agrees \(0\.\d\d mm\), but confirms nothing: identity is better than syn by it", words(found)
    )
    assert "HD95 confirms nothing about 1 (identity is better than syn); TRE shows the same." in words(found)
    assert "greedy and syn: worse than no deformation at all by HD95, for certain." in found.sentences
    alone = verdict(pairs[~of(pairs, "greedy")])
    assert re.search(
        r"syn is above identity by 0\.\d+ for certain; but identity is better than syn by HD95 \(\d\.\d\d mm, "
        r"[^)]*\)\. TRE agrees\.$",
        alone.headline,
    )


def test_no_measure_that_a_control_wins_by_confirms_anything():
    pairs = made({"identity": 0.4, "syn": 0.6, "greedy": 0.65, "curt": 0.5})
    pairs = pairs.assign(assd_mm=like_dice(pairs, curt=-4.0), tre_mm=like_dice(pairs))
    found = verdict(pairs, Known(unranked=("identity", "curt")))
    assert re.search(
        r"; but the control curt is better than greedy by ASSD \(\d\.\d+ mm, [^)]*\)\. TRE agrees\.$", found.headline
    )
    assert "ASSD confirms nothing about 1 (the control curt is better than greedy); TRE shows the same." in words(found)
    assert (
        "curt, a control that registers nothing, is below syn and greedy for certain; it is better than syn and greedy "
        "by ASSD, for certain, so that confirms nothing about them; it is worse than syn and greedy by TRE, for "
        "certain." in found.sentences
    )


def test_how_far_another_measure_reaches_is_told_where_it_has_fewer_pairs():
    pairs = made(THREE, subjects=10)
    few = pairs["moving"].isin(pairs["moving"].unique()[:3]) & pairs["fixed"].isin(pairs["moving"].unique()[:3])
    pairs["tre_mm"] = like_dice(pairs, by=0, c=1.0).where(few)
    found = verdict(pairs)
    assert re.search(
        r"; but a and b are better than c by TRE \(\d\.\d\d mm at most, 95 % interval [^,]*, over 6 pairs, as far as 3 "
        r"subjects go\)",
        found.headline,
    )
    pairs["tre_mm"] = like_dice(pairs, by=40).where(few)
    found = verdict(pairs)
    assert " TRE (over 6 pairs, as far as 3 subjects go) agrees." in found.headline
    assert re.search(r"[Mm]easures? of accuracy.*TRE \(over 6 pairs, as far as 3 subjects go\)", words(found))
    assert re.search(r"TRE agrees \(\d\.\d\d mm, over 6 pairs, as far as 3 subjects go\)", words(found))


def test_a_measure_that_finds_them_equivalent_is_not_said_not_to_tell():
    pairs = made(THREE)
    pairs["tre_mm"] = 2 + 4 * of(pairs, "identity") + np.random.default_rng(2).normal(0, 0.01, len(pairs))
    assert verdict(pairs).headline.endswith(" TRE finds them equivalent.")
    pairs["tre_mm"] += 2 * of(pairs, "a")
    assert verdict(pairs).headline.endswith(" TRE agrees about a, and finds equivalent b.")


@pytest.mark.parametrize("method", ["greedy", "syn"])
def test_one_method_alone_is_compared_with_the_start_and_no_more(method: str):
    pairs = made()
    pairs["hd95_mm"] = like_dice(pairs)
    told = words(verdict(pairs[of(pairs, "identity") | of(pairs, method)]))
    assert "The order" not in told
    assert "Other measures" not in told


def test_landmarks_are_judged_where_labels_carry_no_verdict():
    known = Known(withheld={"manual": "The labels are classes of the intensities."})
    pairs = made()
    pairs = pairs.assign(hd95_mm=like_dice(pairs), tre_mm=like_dice(pairs, by=0, syn=1.0))
    (found,) = judge_run(score_tables(pairs, criteria=Criteria()), Criteria(), known)
    assert re.search(
        r"^No verdict\. The labels are classes of the intensities\. By landmarks, which no labels bear on: Lowest "
        r"\(best\) mean: greedy, mean TRE \(mm\) \d\.\d\d over 56 pairs of 8 subjects; below \(better than\) every "
        r"other for certain: syn by \d\.\d\d \(95 % interval",
        found.headline,
    )
    assert "HD95" not in words(found)
    assert "Dice" not in words(found)
    few = pairs["moving"].isin(pairs["moving"].unique()[:3]) & pairs["fixed"].isin(pairs["moving"].unique()[:3])
    (found,) = judge_run(
        score_tables(pairs.assign(tre_mm=pairs["tre_mm"].where(few)), criteria=Criteria()), Criteria(), known
    )
    assert "50 of 56 pairs have no TRE of any method." in found.headline
    assert "for certain, as far as 3 subjects go" in found.headline
    (none,) = judge_run(score_tables(pairs.drop(columns="tre_mm"), criteria=Criteria()), Criteria(), known)
    assert "landmarks" not in none.headline


def test_where_the_pages_have_no_verdict_nothing_is_said_of_others():
    pairs = made()
    known = Known(withheld={"manual": "The labels are classes of the intensities."})
    told = words(verdict(pairs.assign(hd95_mm=like_dice(pairs)), known))
    assert "HD95" not in told
