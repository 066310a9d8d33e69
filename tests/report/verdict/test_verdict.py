"""Verdicts of made-up tables: which arms are judged, on which pairs, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.judged import score_tables
from lumirage_bids.report.verdict.verdict import Known, judge, ranked_labellings
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
