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
    pairs, _ = score_table(gains={"identity": 0.0, "greedy": 0.25, "syn": 0.20})
    verdict = verdict_on(pairs)
    assert verdict.headline.startswith("Highest mean: greedy, mean Dice 0.")
    row = compare(pairs).query("split == 'all' and method_a == 'greedy' and method_b == 'syn'").iloc[0]
    assert row["mean_difference"] < 0
    assert verdict.sentences[0].startswith(f"greedy is above syn by {-row['mean_difference']:.3f} Dice (95 % interval ")
    assert (
        f"{-row['ci_high']:.3f} to {-row['ci_low']:.3f}; d_z {-row['d_z']:.2f}, large; 30 pairs" in verdict.sentences[0]
    )
    assert any(s.startswith("Gain over the affine start (identity), in Dice: greedy +0.2") for s in verdict.sentences)


def test_a_small_difference_is_called_none():
    pairs, _ = score_table(subjects=12, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.2}, seed=1)
    d = compare(pairs)["d_z"].iloc[0]
    assert abs(d) < 0.2
    verdict = verdict_on(pairs)
    assert verdict.sentences == (
        f"No difference beyond |d_z| = 0.2 between greedy and syn (d_z {d:+.2f}).".replace("-", "−"),
    )
    assert "not different from it by the threshold" in verdict.headline


def test_an_uncertain_difference_is_said_to_be():
    pairs, _ = score_table(subjects=2, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.22})
    assert "Not certain: p = " in verdict_on(pairs).sentences[0]


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
