"""Verdicts of made-up tables: which arms are judged, on which pairs, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.judged import score_tables
from lumirage_bids.report.verdict.verdict import Known, judge, ranked_labellings
from lumirage_bids.stats.classes import primary_rows
from tests.report.situations import fail, of, some, table, verdict, verdicts, words
from tests.report.verdict.claims import claims, copied, equal

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("seed", range(3))
def test_a_better_mean_of_noise_is_no_order_in_any_split(seed):
    found = verdict(equal(groups={"MP2RAGE": 3, "MPRAGE": 9}, seed=seed))
    assert not claims(found)


def test_a_sparse_subset_of_pairs_is_judged():
    pairs = table(groups={"T1w": 40}, subject=0.003)
    found = verdict(pairs[some(pairs, 0.1)])
    assert found.headline.startswith("Highest mean: syn")
    assert "over 156 pairs" in found.headline


@pytest.mark.parametrize("lacking", ["none", "a few of b", "half of b"])
def test_the_ranking_table_says_what_the_words_say(lacking):
    pairs = copied(table({"identity": 0.45, "a": 0.5, "b": 0.6, "c": 0.7}, subject=0.004), "c", "d", 0.0003)
    if lacking != "none":
        pairs = fail(pairs, of(pairs, "b") & some(pairs, 0.02 if lacking == "a few of b" else 0.5))
    tables = score_tables(pairs, criteria=Criteria())
    (found,) = judge(tables, Criteria())
    ranked = {s.name for s in found.standings if not s.set_aside and not s.reference}
    certain = [r for r in found.relations if r.certain and r.names() <= ranked]
    rows = primary_rows(tables.ranking).set_index("method")
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


def test_of_an_evaluation_of_another_name_no_grid_is_told():
    pairs = table(subject=0.004)
    pairs.loc[of(pairs, "syn"), "evaluation"] = "surface"
    assert {v.evaluation for v in verdicts(pairs)} == {
        "labels compared on the fixed scan's native grid",
        "evaluation surface",
    }


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


def test_equivalence_of_a_few_subjects_goes_as_far_as_they_do():
    pairs = copied(table({"identity": 0.45, "greedy": 0.6}, groups={"T1w": 4}), "greedy", "syn", 0.0005)
    pairs.loc[of(pairs, "syn"), "dice_mean"] += np.random.default_rng(0).normal(0, 0.0003, 12)
    found = verdict(pairs)
    assert "by less than 0.01 Dice for certain, as far as 4 subjects go: difference" in found.headline
    assert any("for certain, as far as 4 subjects go (two one-sided tests" in s for s in found.sentences)


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
    assert "Ranks, one more than the number of methods ahead for certain: 1. c; 2. b; 3. a." in words(found)
    assert "Not certain" not in words(found)


def test_few_subjects_do_not_tell_how_ranks_would_vary():
    pairs = table({"a": 0.5, "b": 0.6, "c": 0.7}, groups={"T1w": 5}, subject=0.002, noise=0.002)
    told = next(s for s in verdict(pairs).sentences if s.startswith("Rank"))
    assert told.endswith("How often that would be so with other subjects cannot be told from fewer than 6.")
    assert "First, had other subjects been drawn" not in told


def test_a_labelling_of_some_of_the_scans_is_not_unfinished():
    pairs = table(labellings=("manual", "tissues"), subject=0.004)
    fewer = pairs[~(pairs["labelling"].eq("tissues") & some(pairs, 0.5))]
    assert not any("Not finished" in v.headline for v in verdicts(fewer, Known(planned=132)))


def test_a_method_without_a_pair_of_a_labelling_is_named():
    pairs = table(labellings=("manual", "tissues"), subject=0.004)
    manual, tissues = verdicts(pairs[~of(pairs, "syn", labelling="tissues")])
    assert tissues.headline.startswith("Without any pair of this labelling: syn.")
    assert "Not here" not in manual.headline


def test_a_labelling_called_as_a_variant_is_not_told_of_another_labellings_variants():
    pairs = equal(variants=("1mm", "2mm"), labellings=("manual", "1mm"), subject=0.004)
    for variant, sign in (("1mm", 1), ("2mm", -1)):
        pairs.loc[of(pairs, "syn", variant=variant, labelling="manual"), "dice_mean"] += sign * 0.05
    manual, other = verdicts(pairs)
    assert "depends on the variant" in words(manual)
    assert "depends on the variant" not in words(other)


def test_a_variant_called_as_two_others_is_not_taken_for_them():
    pairs = equal(variants=("x", "y", "x and y"), subject=0.004)
    for variant, sign in (("x", 1), ("y", -1)):
        pairs.loc[of(pairs, "syn", variant=variant), "dice_mean"] += sign * 0.05
    (found,) = verdicts(pairs)
    turns = [s for s in found.sentences if s.startswith("The order of greedy and syn depends on the variant")]
    assert len(turns) == 1
    assert "syn (x) is above greedy (x)" in words(found)
    assert "“x and y”" in words(found)
    # Set aside in one of the two alone: the order between x and y is still told of the arms that are ranked.
    aside = fail(pairs, of(pairs, "syn", variant="x and y") & some(pairs, 0.5))
    assert "The order of greedy and syn depends on the variant" in words(verdict(aside))
