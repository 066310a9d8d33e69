"""What a verdict says of tables whose truth is known, and what it must not say."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.judged import score_tables
from lumirage_bids.report.verdict.scene import Agreement
from lumirage_bids.report.verdict.verdict import Known, Verdict, judge, ranked_labellings
from tests.report.situations import fail, of, some, table, verdict, verdicts, words

pytestmark = pytest.mark.filterwarnings("error")

#: What claims that one is ahead of another, that an order turns, or that it depends on something.
CLAIMS = re.compile(
    r"Highest mean|Lowest|\bis (above|below)\b|worse than no deformation|depends on|is better than|Rank, one|"
    r"One structure|single splits|the other way round|turns"
)


def claims(found: Verdict) -> list[str]:
    told = [found.headline, *found.sentences]
    return [s for s in told if CLAIMS.search(s) and not s.startswith("Against the start")]


def equal(**more: object) -> pd.DataFrame:
    return table({"identity": 0.45, "greedy": 0.6, "syn": 0.6}, **more)


def copied(pairs: pd.DataFrame, method: str, name: str, plus: float = 0.0) -> pd.DataFrame:
    """A further method that scores as another does, plus something."""
    same = pairs[of(pairs, method)].assign(method=name)
    return pd.concat([pairs, same.assign(dice_mean=same["dice_mean"] + plus)], ignore_index=True)


# --- somebody is ahead -----------------------------------------------------------------------------------------------


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
    assert "too few subjects for its interval" in few
    assert not re.search("small|medium|large", few.replace("too small", "").replace("largest", ""))


def test_equals_share_the_top_and_who_is_behind_is_told():
    pairs = copied(table({"identity": 0.45, "greedy": 0.6, "syn": 0.65}, subject=0.003), "syn", "vfa", 0.0003)
    found = verdict(pairs)
    assert found.headline.startswith("Equivalent: vfa and syn, whose means differ by less than 0.01 Dice for certain")
    assert found.headline.endswith("Each of them is above greedy for certain.")
    assert "Highest mean" not in words(found)
    told = next(s for s in found.sentences if s.startswith("Rank"))
    assert told == "Rank, one more than the methods that are ahead for certain: 1. vfa and syn; 3. greedy."


def test_arms_level_with_the_first_are_not_said_to_be_level_with_each_other():
    pairs = table({"a": 0.6, "b": 0.65}, variants=("1mm", "2mm"), groups={"T1w": 8}, subject=0.002, noise=0.002)
    own = np.array([0.2, -0.2, 0.1, -0.1, 0.15, -0.15, 0.05, -0.05])
    low = pairs["variant"] == "2mm"
    pairs.loc[low, "dice_mean"] += own[pairs.loc[low, "moving"].str[4:6].astype(int)]
    found = verdict(pairs)
    assert re.search(r"No winner: the order of b \((1|2)mm\) and each of b \(.mm\) and a \(.mm\)", found.headline)
    assert "b (1mm) is above a (1mm)" in words(found)
    assert "b (2mm) is above a (2mm)" in words(found)


def test_the_winner_is_first_and_ranks_follow_certain_differences():
    found = verdict(table({"a": 0.5, "b": 0.55, "c": 0.6, "d": 0.65}, subject=0.004))
    assert found.headline.startswith("Highest mean: d,")
    assert ": 1. d; 2. c; 3. b; 4. a. First, had other subjects been drawn: d 100 %." in words(found)


def test_a_difference_that_is_the_same_in_every_pair():
    found = verdict(copied(table({"identity": 0.45, "greedy": 0.6}), "greedy", "syn", 0.05))
    assert "above every other for certain: greedy by 0.050 (95 % interval 0.050 to 0.050)." in found.headline


def rounded(differences: list[float], **methods: float) -> pd.DataFrame:
    """Three pairs without a subject in common, scores of two decimals; the first method is 0.7 everywhere."""
    scans = [(f"sub-{i}", f"sub-{i + 3}") for i in range(3)]
    means = {"a": [0.7] * 3, "b": [0.7 + d for d in differences], **{m: [x, x + 0.01, x] for m, x in methods.items()}}
    pairs = pd.DataFrame(
        [
            {"method": m, "moving": moving, "fixed": fixed, "dice_mean": round(x, 2)}
            for m, scores in means.items()
            for (moving, fixed), x in zip(scans, scores, strict=True)
        ]
    )
    same = {"variant": "v", "labelling": "scores", "evaluation": "native", "split": "different subjects"}
    return pairs.assign(**same, status="ok", reason=None, dice_initial=np.nan, folding_percent=0.0, runtime_s=1.0)


def test_the_same_difference_of_three_rounded_pairs_is_no_evidence():
    found = verdict(rounded([0.02] * 3, c=0.69, d=0.7))
    assert found.headline.startswith("No winner: the order of b, ")
    assert not claims(found)


def test_the_same_difference_everywhere_turns_like_any_other_where_failures_weigh_more():
    pairs = copied(table({"identity": 0.45, "greedy": 0.6}), "greedy", "syn", 0.02)
    found = verdict(fail(pairs, of(pairs, "syn") & some(pairs, 0.045)))
    assert "With failed pairs scored at worst it turns around." in found.headline
    assert "Highest mean" not in found.headline


def test_a_difference_of_the_margin_is_within_the_margin():
    pairs = copied(table({"identity": 0.45, "greedy": 0.69}, noise=0.0, subject=0.0), "greedy", "syn", 0.70 - 0.69)
    assert not claims(verdict(pairs))


def test_the_same_difference_of_three_subjects_goes_as_far_as_they_do():
    few = copied(table({"greedy": 0.6}, groups={"T1w": 3}), "greedy", "syn", 0.05)
    assert "for certain, as far as 3 subjects go: greedy by 0.050" in verdict(few).headline


def test_a_difference_that_depends_on_the_variant_by_the_same_everywhere_is_told():
    pairs = copied(table({"greedy": 0.6}, variants=("1mm", "2mm")), "greedy", "syn", 0.01)
    pairs.loc[of(pairs, "syn", variant="1mm"), "dice_mean"] += 0.04
    assert "How far syn and greedy differ depends on the variant" in words(verdict(pairs))


def test_many_certain_differences_are_counted():
    found = verdict(table({f"m{i}": 0.5 + 0.05 * i for i in range(6)}, subject=0.003))
    assert len([s for s in found.sentences if " is above " in s]) == 6
    assert "9 further differences are in the table." in found.sentences


# --- nobody is ahead -------------------------------------------------------------------------------------------------


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


def test_equivalence_of_a_few_subjects_goes_as_far_as_they_do():
    pairs = copied(table({"identity": 0.45, "greedy": 0.6}, groups={"T1w": 4}), "greedy", "syn", 0.0005)
    pairs.loc[of(pairs, "syn"), "dice_mean"] += np.random.default_rng(0).normal(0, 0.0003, 12)
    found = verdict(pairs)
    assert "by less than 0.01 Dice for certain, as far as 4 subjects go: difference" in found.headline
    assert any("for certain, as far as 4 subjects go (two one-sided tests" in s for s in found.sentences)


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


def test_what_is_sure_and_inside_the_margin_or_may_be_has_no_winner():
    pairs = table({"identity": 0.45, "a": 0.6, "b": 0.608}, groups={"T1w": 16}, subject=0.003, noise=0.005, seed=4)
    (relation,) = [r for r in verdict(pairs).relations if "identity" not in r.names()]
    assert relation.kind == "small"
    found = verdict(pairs)
    assert found.headline.startswith("No winner: between b and a there is no difference that counts")
    assert not claims(found)


def test_a_certain_difference_below_the_threshold_of_the_effect_has_no_winner():
    pairs = table({"identity": 0.45, "a": 0.6, "b": 0.62}, groups={"T1w": 36}, subject=0.0, noise=0.12)
    found = verdict(pairs)
    assert found.headline.startswith("No winner: between b and a there is no difference that counts")
    assert "the threshold |d_z| = 0.2" in found.headline


def test_the_criteria_are_the_protocols():
    pairs = table({"identity": 0.45, "greedy": 0.6, "syn": 0.62}, subject=0.003)
    assert verdict(pairs).headline.startswith("Highest mean: syn")
    wide = verdict(pairs, criteria=Criteria(margin=0.05, confidence=0.9))
    assert wide.headline.startswith("Equivalent, with no winner: syn and greedy, whose means differ by less than 0.05")
    assert "90 % interval" in wide.headline


@pytest.mark.parametrize("seed", range(3))
def test_a_better_mean_of_noise_is_no_order_in_any_split(seed):
    found = verdict(equal(groups={"MP2RAGE": 3, "MPRAGE": 9}, seed=seed))
    assert not claims(found)


def test_how_many_subjects_a_difference_takes_is_told_where_the_order_is_open():
    told = words(verdict(equal(seed=1)))
    found = re.search(r"To see a difference of 0\.01 Dice between any two of them take about (\d+) subjects", told)
    assert int(found[1]) > 12
    assert re.search(r"varies with: moving subject \d+ %, fixed subject \d+ %, single pair \d+ %\.", told)


# --- too little to tell ----------------------------------------------------------------------------------------------


def test_one_pair_tells_nothing_of_others():
    pairs = table()
    first = pairs[(pairs["moving"] == pairs["moving"][0]) & (pairs["fixed"] == pairs["fixed"][0])]
    found = verdict(first)
    assert found.headline.startswith("No winner can be told: ")
    assert "over 1 pair of 2 subjects: syn 0." in found.headline
    assert not claims(found)


def test_two_subjects_have_no_interval_and_no_adjective():
    found = verdict(table(groups={"T1w": 2}))
    assert found.headline.startswith("No winner can be told: ")
    assert not claims(found)
    assert not re.search("small|medium|large", words(found))


def test_one_subject_alone_is_judged_by_its_rescans_and_nothing_is_certain():
    pairs = table(groups={"T1w": 1}, rescanned=1)
    found = verdict(pairs)
    assert found.pairs == "rescans alone, each subject with itself"
    assert found.headline.startswith("No winner can be told: ")
    assert not claims(found)


def test_a_small_group_is_named_and_the_sentence_is_limited_to_the_rest():
    pairs = table(groups={"MP2RAGE": 1, "MPRAGE": 11}, subject=0.003)
    found = verdict(pairs)
    assert "MP2RAGE" in found.headline
    assert "left out" in found.headline
    assert "MPRAGE to MPRAGE" in words(found) or "11 subjects" in words(found)


def test_one_subject_of_a_sequence_makes_no_difference_certain():
    pairs = equal(groups={"MP2RAGE": 1, "MPRAGE": 11}, subject=0.003, seed=5)
    odd = pairs["moving"].str.endswith("MP2RAGE") | pairs["fixed"].str.endswith("MP2RAGE")
    pairs.loc[of(pairs, "syn") & odd, "dice_mean"] += 0.03
    assert "for certain" not in verdict(pairs).headline.replace("by less than 0.01 Dice for certain", "")


@pytest.mark.parametrize("groups", [{"MP2RAGE": 3, "MPRAGE": 9}, {"MP2RAGE": 2, "MPRAGE": 10}])
def test_sizes_of_groups_stand_beside_what_hangs_on_them(groups):
    told = words(verdict(table(groups=groups, subject=0.003)))
    assert "syn is above greedy by" in told
    assert ("MP2RAGE 3" in told) == (groups["MP2RAGE"] == 3)


def test_a_sparse_subset_of_pairs_is_judged():
    pairs = table(groups={"T1w": 40}, subject=0.003)
    found = verdict(pairs[some(pairs, 0.1)])
    assert found.headline.startswith("Highest mean: syn")
    assert "over 156 pairs" in found.headline


def test_one_fixed_subject_bounds_what_is_found_and_is_named():
    pairs = table(subject=0.003)
    found = verdict(pairs[pairs["fixed"] == pairs["fixed"].iloc[0]])
    assert "the same fixed subject, sub-" in found.sentences[-1]
    assert "This holds for one fixed subject alone, sub-" in found.headline
    assert "alone" not in verdict(pairs).headline
    assert not any("same fixed subject" in s for s in verdict(pairs).sentences)


def test_what_a_winner_pays_stands_in_the_headline():
    pairs = table(subject=0.003).assign(hd95_mm=5.0)
    syn = of(pairs, "syn")
    assert "Mind" not in verdict(pairs).headline
    random = np.random.default_rng(0)
    pairs["hd95_mm"] += random.normal(0, 0.1, len(pairs))
    pairs.loc[syn, "hd95_mm"] += 1
    pairs.loc[syn & some(pairs, 0.06), "folding_percent"] = 5.0
    found = verdict(pairs).headline
    assert "Mind: syn folds more than 1 % of the brain in 8 of 132 pairs." in found
    assert "Mind: hd95_mm says the opposite of syn and greedy." in found
    pairs.loc[syn, "hd95_mm"] -= 2
    pairs.loc[of(pairs, "greedy"), "folding_percent"] = 5.0
    pairs.loc[syn, "folding_percent"] = 0.0
    assert "Mind" not in verdict(pairs).headline


def test_what_is_certain_without_the_correction_alone_is_told():
    found = verdict(table({"a": 0.6, "b": 0.6, "c": 0.6, "d": 0.606}, subject=0.006, noise=0.003, seed=1))
    open_ones = [r for r in found.relations if r.kind == "open"]
    alone = sum(r.row["p"] < 0.05 for r in open_ones)
    assert 0 < alone < len(open_ones)
    assert sum("after Holm's correction for all comparisons, 0.0" in s for s in found.sentences) == alone


def test_long_lists_name_some_and_count_the_rest():
    found = verdict(table({f"m{i:02d}": 0.6 for i in range(14)}, groups={"T1w": 6}))
    assert re.search(r"No winner: the order of (m\d\d, ){9}m\d\d and 4 others is not certain", found.headline)


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
            assert f"hangs on one subject, {r.hangs_on}" in words(found)


# --- failures and unfinished arms ------------------------------------------------------------------------------------


def failing(share: float = 0.46) -> pd.DataFrame:
    pairs = table({"identity": 0.45, "greedy": 0.6, "syn": 0.65, "vfa": 0.85}, subject=0.004)
    return fail(pairs, of(pairs, "vfa") & some(pairs, share))


def test_a_method_that_fails_on_half_of_its_pairs_is_set_aside_and_named_first():
    found = verdict(failing())
    assert found.headline.startswith(
        "Set aside, too few scores: vfa, 61 of 132 pairs failed (46.2 %: out of memory). Highest mean: syn, "
    )
    assert "over 132 pairs of 12 subjects; above every other that is ranked for certain: greedy by" in found.headline
    assert "Mind: " not in found.headline
    apart = next(s for s in found.sentences if s.startswith("Apart"))
    assert re.search(r"syn 0\.6\d\d, greedy 0\.6\d\d, vfa 0\.4\d\d", apart)
    assert not any("vfa is above" in s for s in found.sentences)


def test_a_method_set_aside_that_is_better_even_with_failures_at_worst_stands_in_the_headline():
    found = verdict(failing(0.061))
    assert "Highest mean: syn, " in found.headline
    assert "above every other that is ranked for certain: greedy" in found.headline
    assert re.search(
        r"Mind: vfa, set aside, has the better mean all the same: over all pairs, those without a score counted as 0, "
        r"vfa 0\.8\d\d, syn 0\.6\d\d \(not tested\)\.",
        found.headline,
    )


def test_methods_without_a_pair_in_common_are_compared_in_twos():
    pairs = table({f"m{i:02d}": 0.5 + 0.05 * i for i in range(24)}, subject=0.004)
    keys = pairs["moving"] + pairs["fixed"]
    order = {key: i for i, key in enumerate(keys.unique())}
    place = keys.map(order) % 24
    found = verdict(fail(pairs, pairs["method"].str[1:].astype(int) == place))
    assert "no pair was scored by all methods, so their means are over different pairs" in found.headline
    assert "No method scored enough" not in words(found)
    assert found.sentences[0].startswith("m23 is above m00 by 1.1")
    assert "over 121 pairs" in found.sentences[0]
    assert "for certain" not in words(found)


def test_a_method_that_fails_on_the_hard_half_does_not_win():
    pairs = table({"identity": 0.45, "greedy": 0.6, "vfa": 0.58}, subject=0.004)
    hard = pairs["fixed"].str.startswith(("sub-00", "sub-01", "sub-02", "sub-03"))
    pairs.loc[hard, "dice_mean"] -= 0.2
    found = verdict(fail(pairs, of(pairs, "vfa") & hard))
    assert found.headline.startswith("Set aside, too few scores: vfa, 44 of 132 pairs failed")
    assert "Only one method can be ranked, greedy" in found.headline
    assert not any("vfa is above" in s or "vfa is better" in s for s in found.sentences)


def test_a_method_that_scores_nothing_leaves_the_others_ranked():
    pairs = failing()
    found = verdict(fail(pairs, of(pairs, "vfa")))
    assert found.headline.startswith("Set aside, too few scores: vfa, 132 of 132 pairs failed (all: out of memory).")
    assert "Highest mean: syn" in found.headline


def test_all_methods_set_aside_leave_no_winner():
    pairs = failing(0.2)
    for seed, method in enumerate(("greedy", "syn")):
        pairs = fail(pairs, of(pairs, method) & some(pairs, 0.2, seed + 1))
    found = verdict(pairs)
    assert found.headline.endswith("No method scored enough of its pairs to be ranked.")
    assert any(s.startswith("Apart, ") for s in found.sentences)
    assert not claims(found)


def test_nothing_was_scored():
    pairs = table()
    found = verdict(fail(pairs, pairs["method"] != ""))
    assert found.headline.endswith("No pair was scored.")
    assert not claims(found)


def test_a_scan_that_fails_every_method_sets_none_aside():
    pairs = table(groups={"T1w": 10}, subject=0.004)
    broken = pairs["moving"].str.startswith("sub-00") | pairs["fixed"].str.startswith("sub-00")
    found = verdict(fail(pairs, broken, "bad data: sub-00 is 4D"))
    assert "Lacking pairs" in found.headline
    assert "Highest mean: syn" in found.headline
    assert "over 72 pairs" in found.headline


def test_a_lead_is_certain_only_if_it_is_with_what_the_one_ahead_lacks_at_worst():
    pairs = table({"identity": 0.45, "greedy": 0.6, "syn": 0.62}, subject=0.004)
    for missing in (fail(pairs, of(pairs, "syn") & some(pairs, 0.02)), pairs[~of(pairs, "syn") | ~some(pairs, 0.02)]):
        found = verdict(missing)
        assert found.headline.startswith("Lacking pairs: syn, 3 of 132 pairs ")
        assert "Highest mean: syn, mean Dice 0.620 over 129 pairs" in found.headline
        assert "which is not certain where failures differ" in found.headline
        assert "for certain" not in found.headline
        told = next(s for s in found.sentences if s.startswith("syn is above greedy"))
        worst = "Not certain all the same: syn lacks 3 pairs that greedy has; with them scored 0 syn − greedy is +0.00"
        assert worst in told
        assert {r.kind for r in found.relations if r.names() == {"syn", "greedy"}} == {"doubted"}
    same = verdict(fail(pairs, ~of(pairs, "identity") & some(pairs, 0.02)))
    assert "above every other for certain" in same.headline
    far = table({"identity": 0.45, "greedy": 0.6, "syn": 0.7}, subject=0.004)
    assert "above every other for certain" in verdict(fail(far, of(far, "syn") & some(far, 0.02))).headline


@pytest.mark.parametrize("unfinished", [False, True])
def test_who_is_behind_gains_nothing_by_failing(unfinished):
    pairs = table({"identity": 0.45, "a": 0.5, "b": 0.53, "c": 0.56}, subject=0.003)
    lost = of(pairs, "a") & some(pairs, 0.03)
    found = verdict(pairs[~lost] if unfinished else fail(pairs, lost))
    assert "Highest mean: c" in found.headline
    assert "above every other for certain" in found.headline
    assert "Rank, one more than the methods that are ahead for certain: 1. c; 2. b; 3. a." in words(found)
    assert "Not certain" not in words(found)


def test_ranks_count_what_the_words_call_certain():
    pairs = table({"a": 0.5, "b": 0.52, "c": 0.54}, subject=0.003)
    assert "Rank, one more than the methods that are ahead for certain: 1. c; 2. b; 3. a." in words(verdict(pairs))
    some_of_b = verdict(fail(pairs, of(pairs, "b") & some(pairs, 0.02)))
    assert "Rank, one more than the methods that are ahead for certain: 1. c; 2. b and a." in words(some_of_b)
    for seed, method in enumerate("abc"):
        pairs = fail(pairs, of(pairs, method) & some(pairs, 0.02, seed))
    found = verdict(pairs)
    assert any("Not certain all the same" in s for s in found.sentences)
    assert "Rank, one more than the methods that are ahead for certain: 1. c and b; 2. a." in words(found)


def test_few_subjects_do_not_tell_how_ranks_would_vary():
    pairs = table({"a": 0.5, "b": 0.6, "c": 0.7}, groups={"T1w": 5}, subject=0.002, noise=0.002)
    told = next(s for s in verdict(pairs).sentences if s.startswith("Rank"))
    assert told.endswith("How often it would be so with other subjects, fewer than 6 do not tell.")
    assert "First, had other subjects been drawn" not in told


@pytest.mark.parametrize("lacking", ["none", "a few of b", "half of b"])
def test_the_ranking_table_says_what_the_words_say(lacking):
    pairs = copied(table({"identity": 0.45, "a": 0.5, "b": 0.6, "c": 0.7}, subject=0.004), "c", "d", 0.0003)
    if lacking != "none":
        pairs = fail(pairs, of(pairs, "b") & some(pairs, 0.02 if lacking == "a few of b" else 0.5))
    tables = score_tables(pairs, criteria=Criteria())
    (found,) = judge(tables, Criteria())
    ranked = {s.name for s in found.standings if not s.set_aside and not s.reference}
    certain = [r for r in found.relations if r.certain and r.names() <= ranked]
    rows = tables.ranking.set_index("method")
    assert set(rows.index) == {"a", "b", "c", "d"}
    for name, row in rows.iterrows():
        if name not in ranked:
            assert row["set_aside"]
            assert np.isnan([row["rank"], row["mean"], row["n_above"]]).all()
        else:
            assert row["rank"] == 1 + sum(r.worse == name for r in certain)
            assert row["n_above"] == sum(r.better == name for r in certain)
    assert rows.loc["c", "rank"] == rows.loc["d", "rank"] == 1


def test_labellings_without_a_verdict_are_not_ranked():
    pairs = table(labellings=("manual", "tissues"), subject=0.004)
    ranking = score_tables(pairs, criteria=Criteria()).ranking
    assert set(ranked_labellings(ranking, {"manual": "", "tissues": "made from intensities"})["labelling"]) == {
        "manual"
    }


def test_a_certain_order_is_not_called_certain_to_count():
    pairs = table({"a": 0.6, "b": 0.612}, groups={"T1w": 30}, subject=0.002, noise=0.035)
    told = next(s for s in verdict(pairs).sentences if s.startswith("b is above a"))
    low = float(re.search(r"d_z [\d.]+, ([−\d.]+) to", told)[1].replace("−", "-"))
    assert low < 0.2
    assert "Certain is the order, not that it counts: d_z may be below 0.2." in told


def test_as_many_failures_on_other_pairs_differ():
    pairs = table({"identity": 0.45, "greedy": 0.6, "syn": 0.62}, subject=0.004)
    pairs = fail(pairs, of(pairs, "syn") & some(pairs, 0.02))
    found = verdict(fail(pairs, of(pairs, "greedy") & some(pairs, 0.02, seed=9)))
    assert "which is not certain where failures differ" in found.headline


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


def test_failures_that_turn_the_order_leave_no_winner():
    pairs = table({"identity": 0.45, "greedy": 0.60, "syn": 0.615}, subject=0.003, noise=0.003)
    found = verdict(fail(pairs, of(pairs, "syn") & some(pairs, 0.04)))
    assert found.headline.startswith("Lacking pairs: syn, 5 of 132 pairs failed")
    assert "No winner: the order of syn and greedy is not certain" in found.headline
    assert "With failed pairs scored at worst it turns around." in found.headline
    assert "With failed pairs scored 0 it turns around, to −0.0" in words(found)


def test_identity_and_its_failures_never_narrow_the_pairs():
    pairs = table(subject=0.004)
    found = verdict(fail(pairs, of(pairs, "identity") & some(pairs, 0.5)))
    assert found.headline.startswith(
        "Lacking pairs: identity, 66 of 132 pairs failed (50.0 %: out of memory). Highest mean"
    )
    assert "over 132 pairs" in found.headline


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
    assert found.headline.startswith("Not finished: 92 of 132 planned pairs are not done by any method.")
    assert "Not finished" not in verdict(pairs, Known(planned=132)).headline


def test_a_labelling_of_some_of_the_scans_is_not_unfinished():
    pairs = table(labellings=("manual", "tissues"), subject=0.004)
    fewer = pairs[~(pairs["labelling"].eq("tissues") & some(pairs, 0.5))]
    assert not any("Not finished" in v.headline for v in verdicts(fewer, Known(planned=132)))


def test_a_method_without_a_pair_of_a_labelling_is_named():
    pairs = table(labellings=("manual", "tissues"), subject=0.004)
    manual, tissues = verdicts(pairs[~of(pairs, "syn", labelling="tissues")])
    assert tissues.headline.startswith("Not here: syn, without any pair of this labelling.")
    assert "Not here" not in manual.headline


def test_scores_that_are_missing_without_a_failure_count_as_lacking():
    pairs = table(subject=0.004)
    pairs.loc[of(pairs, "syn") & some(pairs, 0.3), "dice_mean"] = np.nan
    assert verdict(pairs).headline.startswith("Set aside, too few scores: syn, 40 of 132 pairs without a score")


def test_pairs_that_nobody_can_score_are_lacking_for_nobody():
    pairs = table(subject=0.004)
    pairs.loc[some(pairs, 0.3), "dice_mean"] = np.nan
    found = verdict(pairs)
    assert "Highest mean: syn" in found.headline
    assert "over 92 pairs" in found.headline
    assert "Set aside" not in found.headline
    assert "failed" not in found.headline


# --- the floor and the ceiling ---------------------------------------------------------------------------------------


def test_methods_below_the_floor_are_pointed_at():
    found = verdict(table({"identity": 0.45, "a": 0.38, "b": 0.42}, subject=0.004))
    assert "Mind: b is below identity by 0.0" in found.headline
    assert "a and b: worse than no deformation at all, for certain." in words(found)


def test_no_gain_by_noise_is_neither_harm_nor_gain():
    found = verdict(table({"identity": 0.45, "a": 0.45}, seed=3))
    assert "worse than no deformation" not in words(found)
    assert "differs from identity" in words(found) or "equivalent to identity" in words(found)
    assert not claims(found)


def test_registrations_below_identity_are_counted():
    pairs = table({"identity": 0.42, "vfa": 0.6}, subject=0.0, noise=0.0)
    pairs["dice_initial"] = 0.066
    pairs.loc[of(pairs, "vfa") & some(pairs, 0.08), "dice_mean"] = 0.10
    assert "Pairs that a method left worse than identity has them: vfa 11 of 132." in words(verdict(pairs))


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
    known = Known(agreements={"manual": [Agreement(reference="auto", dice=0.88, scans=9)]})
    told = words(verdict(table(), known))
    assert "its label maps agree with auto's of the same scans in 0.880 (9 scans)." in told


def test_subjects_are_counted_moving_and_fixed_together():
    assert "over 3 pairs of 6 subjects" in verdict(rounded([0.02, 0.01, 0.02])).headline
    odd = verdict(table({"a": 0.6, "b": 0.6}, groups={"A": 2, "B": 10}))
    assert "over 132 pairs of 12 subjects. Differences are over the other 90 pairs: left out" in odd.headline
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


# --- conditions ------------------------------------------------------------------------------------------------------


def turned(size: float, **more: object) -> pd.DataFrame:
    """Two methods of which each is better in one split."""
    pairs = equal(groups={"A": 8, "B": 8}, subject=0.004, **more)
    for split, sign in (("A to A", 1), ("B to B", -1)):
        pairs.loc[of(pairs, "syn", split=split), "dice_mean"] += sign * size
    return pairs


def test_an_order_that_turns_between_splits_is_told_in_the_headline():
    found = verdict(turned(0.06))
    assert "The order of greedy and syn depends on the split: " in found.headline
    assert re.search(
        r"(syn is above greedy by 0\.\d+ in A to A|greedy is above syn by 0\.\d+ in B to B)", found.headline
    )
    assert "Highest mean" not in found.headline


def test_an_order_that_turns_by_noise_is_not_told():
    assert "depends on" not in words(verdict(turned(0.001, seed=3)))


def test_a_difference_in_one_split_only_is_placed():
    pairs = equal(groups={"A": 8, "B": 8}, subject=0.004)
    pairs.loc[of(pairs, "syn", split="A to A"), "dice_mean"] += 0.06
    told = words(verdict(pairs))
    assert "in A to A" in told
    assert "greedy is above" not in told


def test_labellings_that_disagree_about_the_order_are_told_in_both_verdicts():
    pairs = equal(labellings=("manual", "auto"), subject=0.004)
    pairs.loc[of(pairs, "syn", labelling="manual"), "dice_mean"] += 0.04
    pairs.loc[of(pairs, "syn", labelling="auto"), "dice_mean"] -= 0.04
    manual, auto = verdicts(pairs)
    assert manual.headline.startswith("Highest mean: syn")
    assert auto.headline.startswith("Highest mean: greedy")
    for each in (manual, auto):
        assert "The order of greedy and syn depends on the labelling: " in each.headline


def test_labellings_that_agree_get_no_remark():
    pairs = table(labellings=("manual", "auto"), subject=0.004)
    pairs.loc[of(pairs, "syn", labelling="auto"), "dice_mean"] += 0.02
    for each in verdicts(pairs):
        assert "depends on the labelling" not in words(each)


def test_variants_are_arms_and_their_interaction_is_told():
    pairs = equal(variants=("1mm", "2mm"), subject=0.004)
    pairs.loc[of(pairs, "syn", variant="1mm"), "dice_mean"] += 0.05
    pairs.loc[of(pairs, "syn", variant="2mm"), "dice_mean"] -= 0.05
    found = verdict(pairs)
    assert found.headline.startswith("Highest mean: syn (1mm)")
    told = words(found)
    assert "syn (1mm) is above greedy (1mm)" in told
    assert "syn (1mm) is above greedy (2mm)" not in " ".join(found.sentences)
    assert "depends on the variant" in told


def test_a_labelling_called_as_a_variant_is_not_told_of_another_labellings_variants():
    pairs = equal(variants=("1mm", "2mm"), labellings=("manual", "1mm"), subject=0.004)
    for variant, sign in (("1mm", 1), ("2mm", -1)):
        pairs.loc[of(pairs, "syn", variant=variant, labelling="manual"), "dice_mean"] += sign * 0.05
    manual, other = verdicts(pairs)
    assert "depends on the variant" in words(manual)
    assert "depends on the variant" not in words(other)


def test_a_verdict_for_each_evaluation_and_none_across():
    pairs = table({"identity": 0.45, "greedy": 0.6, "syn": 0.65}, variants=("lumir", "own"), subject=0.004)
    there = pairs["variant"] == "lumir"
    pairs.loc[there, "evaluation"] = "reference, nearest"
    pairs.loc[there & of(pairs, "syn"), "dice_mean"] -= 0.1
    native, reference = verdicts(pairs)
    assert native.evaluation == "labels compared on the fixed scan's native grid"
    assert reference.evaluation.startswith("labels compared on the prepared grid of the scan that all are aligned to")
    assert native.headline.startswith("Highest mean: syn, mean Dice 0.")
    assert reference.headline.startswith("Highest mean: greedy, mean Dice 0.")


# --- other stories than the mean's -----------------------------------------------------------------------------------


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
    assert told.endswith("by its mean not for certain.")
    assert "weighs" not in told


def test_a_page_without_a_certain_difference_claims_none_by_win_rates():
    pairs = table({"greedy": 0.6, "syn": 0.62}, subject=0.003, noise=0.003)
    lost = of(pairs, "syn") & some(pairs, 0.08)
    pairs.loc[lost, "dice_mean"] -= 0.35
    found = verdict(pairs)
    assert not any(r.row["p_holm"] < 0.05 for r in found.relations)
    assert not claims(found)
    assert re.search(r"syn wins 9\d % of the pairs with greedy \(median", words(found))


def test_a_win_rate_by_noise_is_not_told():
    for seed in range(3):
        assert "% of the pairs" not in words(verdict(equal(seed=seed)))


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


# --- labels that cannot carry a verdict ------------------------------------------------------------------------------


def test_labels_from_the_registered_intensities_get_no_verdict():
    pairs = table(labellings=("tissue", "manual"), subject=0.004)
    pairs = fail(pairs, of(pairs, "syn") & some(pairs, 0.02))
    tissue, manual = verdicts(pairs, Known(withheld={"tissue": "The labels are made from the registered intensities."}))
    assert "No verdict. The labels are made from the registered intensities." in tissue.headline
    assert tissue.headline.startswith("Lacking pairs: syn")
    assert not claims(tissue)
    assert "Highest mean: syn" in manual.headline


def test_few_classes_bound_the_headline_and_do_not_withhold_it():
    caveat = "3 classes spread over the whole brain do not tell registration from intensity sorting."
    found = verdict(table(subject=0.004), Known(caveats={"manual": caveat}))
    assert found.headline.startswith("Highest mean: syn")
    assert found.headline.endswith(caveat)


def test_no_rows_no_verdict():
    assert verdicts(table().head(0)) == []
