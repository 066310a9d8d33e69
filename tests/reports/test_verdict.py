from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from stats.made_up import score_table

from lumirage_bids.reports.verdict import Verdict, verdicts
from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.summaries import summarise

pytestmark = pytest.mark.filterwarnings("error")


def verdict_on(pairs: pd.DataFrame) -> Verdict:
    (verdict,) = verdicts(summarise(pairs), compare(pairs))
    return verdict


def test_a_difference_is_told_with_its_direction_and_size():
    pairs, _ = score_table(subjects=12, gains={"identity": 0.0, "greedy": 0.25, "syn": 0.20})
    verdict = verdict_on(pairs)
    assert verdict.headline.startswith("Highest mean: greedy, mean Dice 0.")
    row = compare(pairs).query("split == 'all' and method_a == 'greedy' and method_b == 'syn'").iloc[0]
    assert row["mean_difference"] < 0
    assert verdict.headline.endswith("; beyond |d_z| = 0.2 above every other, for certain.")
    assert verdict.sentences[0].startswith(
        f"greedy is above syn by {-row['mean_difference']:.3f} Dice over 132 pairs (95 % interval "
        f"{-row['ci_high']:.3f} to {-row['ci_low']:.3f}, from 12 subjects; d_z {-row['d_z']:.2f}, large)."
    )
    gain = "Gain over the start without deformation (identity), in Dice: greedy +0.2"
    assert any(s.startswith(gain) for s in verdict.sentences)


def test_a_difference_is_placed_in_the_splits():
    pairs, _ = score_table(subjects=24, gains={"greedy": 0.2, "syn": 0.25}, seed=2)
    like = pairs["split"].isin(["MPRAGE to MPRAGE", "MP2RAGE to MP2RAGE"])
    syn, turned = pairs["method"] == "syn", pairs["split"] == "MPRAGE to MP2RAGE"
    pairs.loc[syn & turned, "dice_mean"] -= 0.1
    told = verdict_on(pairs).sentences[0]
    assert told.endswith(
        "Its d_z by split: beyond 0.2 for certain in MP2RAGE to MP2RAGE, MP2RAGE to MPRAGE and MPRAGE to MPRAGE; "
        "the other way round in MPRAGE to MP2RAGE."
    )
    few = pairs["moving"].isin(pairs["moving"].unique()[:8]) & pairs["fixed"].isin(pairs["fixed"].unique()[:8])
    told = verdict_on(pairs[few & like]).sentences[0]
    assert "beyond 0.2 without an interval in MP2RAGE to MP2RAGE and MPRAGE to MPRAGE." in told


def test_many_splits_are_counted_and_not_named():
    pairs, _ = score_table(subjects=8, kinds=("T1w", "T2w", "FLAIR", "PD"), gains={"greedy": 0.2, "syn": 0.25})
    assert "without an interval in each of the 16 splits." in verdict_on(pairs).sentences[0]


def test_labels_from_the_registered_intensities_get_no_verdict():
    pairs, _ = score_table(
        subjects=12, gains={"greedy": 0.2, "syn": 0.25}, labellings=("tissue", "manual"), failing=0.1
    )
    sources = {"tissue": "atropos: CSF, grey and white matter", "manual": "existing maps"}
    tissue, manual = verdicts(summarise(pairs), compare(pairs), sources)
    assert tissue.headline.startswith("No verdict. The labels (tissue) are classes of the very intensities")
    assert not [s for s in tissue.sentences if "above" in s or "Gain" in s]
    assert tissue.sentences[0].startswith("Pairs without a score")
    assert manual.headline.startswith("Highest mean: syn")


def test_arms_that_differ_in_variant_and_method_are_left_to_the_table():
    pairs, _ = score_table(subjects=12, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.25}, variants=("1mm", "0.6mm"))
    told = " ".join(verdict_on(pairs).sentences)
    assert "syn (1mm) is above greedy (1mm)" in told
    assert "greedy (1mm) and greedy (0.6mm)" in told
    assert "syn (1mm) is above greedy (0.6mm)" not in told


def test_the_highest_mean_by_failing_on_hard_pairs_is_told():
    pairs, _ = score_table(subjects=12, kinds=("T1w",), gains={"greedy": 0.25, "syn": 0.24}, seed=3)
    syn = pairs["method"] == "syn"
    hard = pairs["moving"].isin(pairs["moving"].unique()[:4])
    pairs.loc[hard, "dice_mean"] -= 0.2
    pairs.loc[hard & syn, ["status", "dice_mean"]] = ["failed", np.nan]
    headline = verdict_on(pairs).headline
    assert headline.startswith("Highest mean: syn")
    assert headline.endswith("; yet above it on the pairs that both scored: greedy.")


def test_one_fixed_subject_bounds_what_is_found():
    pairs, _ = score_table(subjects=12, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.25})
    told = verdict_on(pairs[pairs["fixed"] == pairs["fixed"].iloc[0]]).sentences
    assert told[-1].startswith("All pairs have the same fixed subject")
    assert not any("same fixed subject" in s for s in verdict_on(pairs).sentences)


def test_a_small_difference_is_called_none():
    pairs, _ = score_table(subjects=12, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.2}, seed=1)
    assert compare(pairs)["p_equivalence_holm"].iloc[0] < 0.05
    d, low, high = compare(pairs)[["d_z", "d_z_low", "d_z_high"]].iloc[0]
    assert abs(d) < 0.2
    verdict = verdict_on(pairs)
    assert verdict.sentences == (
        f"Found below |d_z| = 0.2: greedy and syn (d_z {d:+.2f}, 95 % interval {low:+.2f} to {high:+.2f}). Where an "
        "interval reaches beyond that, or there is none, a difference is not excluded.".replace("-", "−"),
        "Equivalent, their means differ by less than 0.01 Dice for certain (two one-sided tests, Holm's correction): "
        "greedy and syn.",
    )
    assert verdict.headline.endswith("; not beyond |d_z| = 0.2 from it: syn.")


def test_an_uncertain_difference_is_said_to_be():
    pairs, _ = score_table(subjects=10, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.2})
    harder = dict(zip(pairs["moving"].unique(), np.linspace(-0.04, 0.06, 10), strict=True))
    pairs["dice_mean"] += (pairs["method"] == "syn") * pairs["moving"].map(harder)
    assert "Not certain: p = 0." in verdict_on(pairs).sentences[0]


def test_a_difference_that_may_be_within_the_threshold_is_said_to_be():
    pairs, _ = score_table(subjects=16, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.2022})
    row = compare(pairs).iloc[0]
    assert row["p_holm"] < 0.05
    assert row["d_z_low"] < 0.2 < row["d_z"]
    assert "Its d_z may be below 0.2: 95 % interval 0." in verdict_on(pairs).sentences[0]


def test_without_an_interval_the_reason_is_told():
    pairs, _ = score_table(subjects=3, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.22})
    told = verdict_on(pairs).sentences[0]
    assert told.endswith(
        "No interval, so its certainty is not known: 3 subjects take part on one side, at least 10 are needed for an "
        "interval."
    )
    assert "95 %" not in told


def test_failures_that_turn_the_order_around_are_told():
    pairs, _ = score_table(subjects=12, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.22})
    lost = (pairs["method"] == "syn") & pairs["fixed"].str.startswith(("sub-01", "sub-02"))
    pairs.loc[lost, ["status", "dice_mean"]] = ["failed", np.nan]
    told = verdict_on(pairs).sentences
    assert "Pairs without a score: syn 22 of 132. They are left out of the means, which may flatter a method." in told
    assert told[-1].startswith("With failed pairs scored 0 the order turns around: greedy is above syn by 0.")


def test_registrations_that_did_harm_are_counted():
    pairs, _ = score_table(subjects=4, kinds=("T1w",), gains={"syn": -0.3})
    told = verdict_on(pairs.assign(folding_percent=2.0)).sentences
    assert told == (
        "Pairs with Dice below the initial one: syn 12 of 12.",
        "Pairs with more than 1 % of the brain folded: syn 12 of 12.",
    )


def test_a_method_below_the_floor_is_pointed_at():
    pairs, _ = score_table(gains={"identity": 0.0, "broken": -0.2})
    assert "broken: worse than no deformation at all." in " ".join(verdict_on(pairs).sentences)


def test_an_order_that_depends_on_the_split_is_told():
    pairs, _ = score_table(gains={"greedy": 0.2, "syn": 0.2})
    better = (pairs["method"] == "syn") & (pairs["split"] == "MPRAGE to MPRAGE")
    worse = (pairs["method"] == "syn") & (pairs["split"] == "MP2RAGE to MP2RAGE")
    pairs["dice_mean"] += 0.1 * better - 0.1 * worse
    told = [s for s in verdict_on(pairs).sentences if "depends on the split" in s]
    assert len(told) == 1
    assert "in MP2RAGE to MP2RAGE, +" in told[0]


def test_rescans_are_kept_out():
    pairs, _ = score_table(rescanned=3)
    assert verdict_on(pairs).pairs == "pairs of different subjects"
    assert verdict_on(pairs[pairs["split"] != "same subject"]).pairs == "all pairs"


def test_one_method_one_pair_and_no_score():
    alone, _ = score_table(gains={"syn": 0.2})
    assert "There is nothing to compare it with." in verdict_on(alone).headline
    pairs, _ = score_table()
    first = pairs[(pairs["moving"] == pairs["moving"][0]) & (pairs["fixed"] == pairs["fixed"][0])]
    assert any("too few or too alike for an effect size" in s for s in verdict_on(first).sentences)
    failed = verdict_on(alone.assign(status="failed", dice_mean=np.nan))
    assert failed.headline == "No pair was scored."
    assert failed.sentences[0].startswith("Pairs without a score: syn 30 of 30.")
    assert verdicts(summarise(pairs.head(0)), compare(pairs.head(0))) == []


def test_a_verdict_for_each_evaluation_and_none_across():
    pairs, _ = score_table(
        subjects=12, kinds=("T1w",), variants=("lumir", "own"), evaluations={"lumir": "reference, nearest"}
    )
    # The evaluation costs more Dice than methods differ by, and turns their order.
    there = pairs["variant"] == "lumir"
    pairs["dice_mean"] -= 0.1 * there + 0.1 * (there & (pairs["method"] == "syn"))
    native, reference = verdicts(summarise(pairs), compare(pairs))
    assert native.evaluation == "labels compared on the fixed scan's native grid"
    assert reference.evaluation.startswith("labels compared on the prepared grid of the scan that all are aligned to")
    assert native.headline.startswith("Highest mean: syn, mean Dice 0.")
    assert reference.headline.startswith("Highest mean: greedy, mean Dice 0.")
    assert native.sentences[0].startswith("syn is above greedy by 0.0")
    assert not any("(own)" in s or "(lumir)" in s for v in (native, reference) for s in (v.headline, *v.sentences))
    alone = pairs[pairs["variant"] == "own"]
    (only,) = verdicts(summarise(alone), compare(alone))
    assert only.headline == native.headline
    assert only.evaluation == ""
