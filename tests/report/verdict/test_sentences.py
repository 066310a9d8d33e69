"""What stands below the headline."""

from __future__ import annotations

import re

import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.text import count
from lumirage_bids.report.verdict.scene import LabelAgreement
from lumirage_bids.report.verdict.verdict import Known
from tests.report.situations import MEANS, fail, of, some, table, verdict, words
from tests.report.verdict.claims import claims, copied, equal, turned

pytestmark = pytest.mark.filterwarnings("error")


def test_the_winner_is_first_and_ranks_follow_certain_differences():
    found = verdict(table({"a": 0.5, "b": 0.55, "c": 0.6, "d": 0.65}, subject=0.004))
    assert found.headline.startswith("Highest mean: d,")
    assert ": 1. d; 2. c; 3. b; 4. a. First, had other subjects been drawn: d 100 %." in words(found)


def test_a_difference_that_depends_on_the_variant_by_the_same_everywhere_is_told():
    pairs = copied(table({"greedy": 0.6}, variants=("1mm", "2mm")), "greedy", "syn", 0.01)
    pairs.loc[of(pairs, "syn", variant="1mm"), "dice_mean"] += 0.04
    assert "How far syn and greedy differ depends on the variant" in words(verdict(pairs))


def test_how_many_subjects_a_difference_takes_is_told_where_the_order_is_open():
    told = words(verdict(equal(seed=1)))
    found = re.search(
        r"Seeing a difference of 0\.01 Dice between any two of them would take about (\d+) subjects", told
    )
    assert int(found[1]) > 12
    assert re.search(r"varies with: moving subject \d+ %, fixed subject \d+ %, single pair \d+ %\.", told)


def test_more_subjects_than_anybody_has_are_told_without_a_number():
    pairs = equal(seed=1)
    told = words(verdict(pairs, criteria=Criteria(margin=1e-6)))
    assert (
        f"any two of them would take more than {count(100_000)} subjects, each paired with all others; there are 12 "
        "here." in told
    )


def test_open_comparisons_are_counted_where_they_are_many():
    told = verdict(table({f"m{i}": 0.6 for i in range(5)}, seed=1)).sentences
    open_ones = [s for s in told if s.startswith("Not certain: ")]
    assert len(open_ones) == 6
    assert "4 further differences are not certain; see the table." in told


def test_one_fixed_subject_bounds_what_is_found_and_is_named():
    pairs = table(subject=0.003)
    found = verdict(pairs[pairs["fixed"] == pairs["fixed"].iloc[0]])
    assert "the same fixed subject, sub-" in found.sentences[-1]
    assert "This holds for one fixed subject only, sub-" in found.headline
    assert "alone" not in verdict(pairs).headline
    assert not any("same fixed subject" in s for s in verdict(pairs).sentences)


def test_what_is_certain_without_the_correction_alone_is_told():
    found = verdict(table({"a": 0.6, "b": 0.6, "c": 0.6, "d": 0.606}, subject=0.006, noise=0.003, seed=1))
    open_ones = [r for r in found.relations if r.kind == "open"]
    alone = sum(r.row["p"] < 0.05 for r in open_ones)
    assert 0 < alone < len(open_ones)
    assert sum("after Holm's correction for all comparisons, 0.0" in s for s in found.sentences) == alone


def test_ranks_count_what_the_words_call_certain():
    pairs = table({"a": 0.5, "b": 0.52, "c": 0.54}, subject=0.003)
    assert "Ranks, one more than the number of methods ahead for certain: 1. c; 2. b; 3. a." in words(verdict(pairs))
    some_of_b = verdict(fail(pairs, of(pairs, "b") & some(pairs, 0.02)))
    assert "Ranks, one more than the number of methods ahead for certain: 1. c; 2. b and a." in words(some_of_b)
    for seed, method in enumerate("abc"):
        pairs = fail(pairs, of(pairs, method) & some(pairs, 0.02, seed))
    found = verdict(pairs)
    assert any("Not certain all the same" in s for s in found.sentences)
    assert "Ranks, one more than the number of methods ahead for certain: 1. c and b; 2. a." in words(found)


def test_methods_below_the_floor_are_pointed_at():
    found = verdict(table({"identity": 0.45, "a": 0.38, "b": 0.42}, subject=0.004))
    assert "Note: b is below identity by 0.0" in found.headline
    assert "a and b: worse than no deformation at all, for certain." in words(found)


def test_everyone_at_the_top_who_gains_nothing_is_told():
    found = verdict(table({"identity": 0.45, "a": 0.45, "b": 0.45}, subject=0.02, groups={"T1w": 6}, seed=0))
    mind = found.headline.partition("Note: ")[2]
    assert all(f"that {name} differs from identity is not certain" in mind for name in "ab")


def test_what_is_the_same_as_the_start_has_no_interval_of_rounding():
    pairs = table({"identity": 0.45, "a": 0.45}, groups={"T1w": 6}).assign(dice_mean=0.5)
    assert "(identity), in Dice: a 0.000." in words(verdict(pairs))


def test_no_gain_by_noise_is_neither_harm_nor_gain():
    found = verdict(table({"identity": 0.45, "a": 0.45}, seed=3))
    assert "worse than no deformation" not in words(found)
    assert "differs from identity" in words(found) or "equivalent to identity" in words(found)
    assert not claims(found)


def test_registrations_below_identity_are_counted():
    pairs = table({"identity": 0.42, "vfa": 0.6}, subject=0.0, noise=0.0)
    pairs["dice_initial"] = 0.066
    pairs.loc[of(pairs, "vfa") & some(pairs, 0.08), "dice_mean"] = 0.10
    assert "Pairs that a method left worse than identity does: vfa 11 of 132." in words(verdict(pairs))


def test_folding_and_headers_are_counted():
    pairs = table(groups={"T1w": 4}).assign(folding_percent=2.0, dice_initial=0.9)
    told = words(verdict(pairs))
    assert "Pairs worse than where the headers place them: identity 12 of 12, greedy 12 of 12, syn 12 of 12." in told
    assert "Pairs with more than 1 % of the brain folded: identity 12 of 12, greedy 12 of 12, syn 12 of 12." in told


def test_rescans_stand_apart_as_the_ceiling():
    found = verdict(table(groups={"T1w": 9}, rescanned=3, subject=0.004))
    assert found.pairs == "pairs of different subjects"
    assert "over 126 pairs" in found.headline
    ceiling = next(s for s in found.sentences if s.startswith("Floor and ceiling"))
    assert re.search(
        r"no deformation scores identity 0\.4\d\d; registered rescans of one brain score 0\.\d{3} to 0\.\d{3}", ceiling
    )
    assert "(6 pairs)" in ceiling


def test_what_label_maps_of_one_scan_agree_in_is_a_ceiling():
    known = Known(agreements={"manual": [LabelAgreement(reference="auto", dice=0.88, scans=9)]})
    told = words(verdict(table(), known))
    assert "its label maps score 0.880 against auto's of the same scans (9 scans)." in told


def test_an_order_that_turns_by_noise_is_not_told():
    assert "depends on" not in words(verdict(turned(0.001, seed=3)))


def test_a_method_that_wins_most_pairs_and_collapses_in_a_few_is_told():
    pairs = equal(subject=0.003, noise=0.003)
    vfa = of(pairs, "syn")
    pairs.loc[vfa, "dice_mean"] += 0.02
    pairs.loc[vfa & some(pairs, 0.08), "dice_mean"] -= 0.35
    told = words(verdict(pairs))
    assert re.search(
        r"syn is better than greedy in 9\d % of the pairs for certain \(median of \w+ − \w+ [+−]0\.0\d+\)", told
    )


def test_what_is_lost_weighs_more_only_where_the_mean_says_so():
    """Better in most pairs, by as much as it takes, and by its mean not for certain."""
    pairs = equal(subject=0.0, noise=0.0005)
    vfa = of(pairs, "syn")
    pairs.loc[vfa, "dice_mean"] += 0.004 + 0.2 * (pairs.loc[vfa, "moving"].str[:6] == "sub-03")
    pairs.loc[vfa & some(pairs, 0.05), "dice_mean"] -= 0.006
    (relation,) = [r for r in verdict(pairs).relations if "identity" not in r.names()]
    assert relation.kind == "open"
    told = next(s for s in verdict(pairs).sentences if "% of the pairs" in s)
    assert told.endswith("though not for certain by its mean.")
    assert "weighs" not in told


def test_a_page_without_a_certain_difference_claims_none_by_win_rates():
    pairs = table({"greedy": 0.6, "syn": 0.62}, subject=0.003, noise=0.003)
    lost = of(pairs, "syn") & some(pairs, 0.08)
    pairs.loc[lost, "dice_mean"] -= 0.35
    found = verdict(pairs)
    assert not any(r.row["p_holm"] < 0.05 for r in found.relations)
    assert not claims(found)
    assert re.search(r"syn wins 9\d % of the pairs against greedy \(median", words(found))


def test_a_win_rate_by_noise_is_not_told():
    for seed in range(3):
        assert "% of the pairs" not in words(verdict(equal(seed=seed)))


CONTROLLED = Known(unranked=("identity", "curt"))


def test_control_that_wins_takes_the_worth_of_the_score_and_is_not_ranked() -> None:
    found = verdict(table({**MEANS, "curt": 0.9}), CONTROLLED)
    assert "Highest mean: syn, mean Dice" in found.headline
    assert "Note: syn is below the control curt by 0.2" in found.headline
    told = words(found)
    assert "curt, a control that registers nothing, is above greedy and syn for certain: with these labels" in told
    assert {s.name: s.rank for s in found.standings}["curt"] is None
    assert "curt" not in " ".join(s for s in found.sentences if s.startswith(("Ranks", "curt >", "The floor")))


def test_control_that_loses_is_told_below_and_narrows_no_pairs() -> None:
    pairs = table({**MEANS, "curt": 0.1})
    lost = fail(pairs, of(pairs, "curt") & some(pairs, 0.5))
    found = verdict(lost, CONTROLLED)
    assert "Note:" not in found.headline
    assert "curt, a control that registers nothing, is below greedy and syn for certain." in words(found)
    assert {s.name: s.n for s in found.standings}["syn"] == 132


def test_control_between_and_control_that_nothing_tells_apart() -> None:
    told = words(verdict(table({"identity": 0.3, "greedy": 0.5, "syn": 0.7, "curt": 0.6}), CONTROLLED))
    assert (
        "is above greedy for certain: with these labels Dice cannot tell registration from it; it is below syn" in told
    )
    noise = table({"identity": 0.3, "syn": 0.6, "curt": 0.6}, subject=0.03, noise=0.1, seed=1)
    assert "curt, a control that registers nothing, cannot be told apart for certain from syn." in words(
        verdict(noise, CONTROLLED)
    )


def test_the_start_beside_a_control_is_not_said_to_be_alone() -> None:
    found = verdict(table({"identity": 0.5, "curt": 0.8}), CONTROLLED)
    assert found.headline.startswith("Only identity was run beside the control curt: mean Dice 0.")
    assert found.headline.endswith("There is no method to compare it with.")
