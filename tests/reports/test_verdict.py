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
    assert verdict.sentences[0].startswith(f"greedy is above syn by {-row['mean_difference']:.3f} Dice (95 % interval ")
    assert (
        f"{-row['ci_high']:.3f} to {-row['ci_low']:.3f}; d_z {-row['d_z']:.2f}, large; 132 pairs of 12 subjects)."
        in verdict.sentences[0]
    )
    assert any(s.startswith("Gain over the affine start (identity), in Dice: greedy +0.2") for s in verdict.sentences)


def test_a_small_difference_is_called_none():
    pairs, _ = score_table(subjects=12, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.2}, seed=1)
    assert compare(pairs)["p_equivalence_holm"].iloc[0] < 0.05
    d = compare(pairs)["d_z"].iloc[0]
    assert abs(d) < 0.2
    verdict = verdict_on(pairs)
    assert verdict.sentences == (
        f"No difference beyond |d_z| = 0.2 between greedy and syn (d_z {d:+.2f}).".replace("-", "−"),
        "Equivalent within ± 0.01 Dice (two one-sided tests, Holm's correction): greedy and syn.",
    )
    assert "not different from it by the threshold" in verdict.headline


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
    assert told.endswith("No interval: 3 subjects take part on one side, at least 10 are needed for an interval.")
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
