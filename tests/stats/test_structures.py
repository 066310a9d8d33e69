from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.score import Score
from lumirage_bids.stats.structures import STRUCTURE_DIFFERENCE_COLUMNS, structure_differences
from lumirage_bids.stats.summaries import per_structure
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")
GAINS = {"greedy": 0.2, "syn": 0.22}


def with_holes(**kind: object) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Scores where some native maps lack some structures, the same in every arm."""
    pairs, wide = score_table(**{"subjects": 12, "kinds": ("T1w",), "gains": GAINS, **kind})
    table = wide["braincolor"]
    table.loc[table["moving"].str.startswith("sub-03"), "dice_2"] = np.nan
    table["dice_3"] += 0.1 * (table["method"] == "syn")
    pairs["dice_mean"] = table.filter(regex=r"dice_\d").mean(axis=1)
    return pairs, wide


def test_contributions_add_up_to_the_difference_in_mean_dice():
    pairs, wide = with_holes(failing=0.05)
    table = structure_differences(wide, {"braincolor": {3: "Left-Caudate"}})
    row = compare(pairs).iloc[0]
    assert list(table.columns) == STRUCTURE_DIFFERENCE_COLUMNS
    assert table["contribution"].sum() == pytest.approx(row["mean_difference"])
    assert table["contribution_percent"].sum() == pytest.approx(100)
    assert table["name"].to_list()[0] == "Left-Caudate"
    assert table["rank"].to_list() == [1, 2, 3, 4]
    assert table["contribution"].abs().is_monotonic_decreasing
    assert dict(zip(table["index"], table["n"], strict=True))[2] < row["n"]


def test_a_structures_difference_is_compared_like_the_mean():
    # With one structure, the pair's mean is that structure.
    pairs, wide = score_table(subjects=12, kinds=("T1w",), gains=GAINS, structures=1)
    row, found = compare(pairs).iloc[0], structure_differences(wide, {}).iloc[0]
    for name in ("n", "n_subjects", "mean_difference", "ci_low", "ci_high", "d_z"):
        assert found[name] == pytest.approx(row[name])
    assert found["name"] == "1"


def test_intervals_of_all_structures_at_once_are_wider_and_p_values_corrected():
    _, wide = with_holes()
    table = structure_differences(wide, {})
    assert (table["sim_low"] < table["ci_low"]).all()
    assert (table["ci_high"] < table["sim_high"]).all()
    assert (table["p_fdr"] >= table["p"]).all()
    one = structure_differences(score_table(subjects=12, kinds=("T1w",), gains=GAINS, structures=1)[1], {}).iloc[0]
    assert (one["sim_low"], one["sim_high"], one["p_fdr"]) == pytest.approx((one["ci_low"], one["ci_high"], one["p"]))


def test_the_structure_that_makes_the_difference_dominates():
    _, wide = with_holes(gains={"greedy": 0.2, "syn": 0.2})
    table = structure_differences(wide, {}).set_index("index")
    assert table["dominates"].to_dict() == {3: True, 1: False, 2: False, 4: False}
    rest = wide["braincolor"].drop(columns="dice_3")
    means = rest.assign(dice=rest.filter(regex=r"dice_\d").mean(axis=1)).groupby("method")["dice"].mean()
    assert table.loc[3, "difference_without"] == pytest.approx(means["syn"] - means["greedy"])
    shared = structure_differences(score_table(subjects=12, kinds=("T1w",), gains=GAINS)[1], {})
    assert not shared["dominates"].any()


def test_rescans_are_left_out():
    pairs, wide = score_table(subjects=12, rescanned=3, kinds=("T1w",), gains=GAINS)
    n = compare(pairs).query("split == 'different subjects'")["n"].iloc[0]
    assert (structure_differences(wide, {})["n"] == n).all()
    table = per_structure(wide, {}).set_index(["method", "index"])
    assert (table["n"] == n).all()
    between = wide["braincolor"].query("method == 'syn' and split != 'same subject'")
    assert table.loc[("syn", 2), "mean"] == pytest.approx(between["dice_2"].mean())
    alone = per_structure({"braincolor": wide["braincolor"].query("split == 'same subject'")}, {})
    assert (alone["n"] == 6).all()


def test_means_of_structures_have_intervals_where_there_are_subjects_enough():
    _, wide = with_holes()
    table = per_structure(wide, {}).set_index(["method", "index"])
    own = wide["braincolor"].query("method == 'syn'")
    assert table.loc[("syn", 2), "mean"] == pytest.approx(own["dice_2"].mean())
    assert (table["ci_low"] < table["mean"]).all()
    assert (table["mean"] < table["ci_high"]).all()
    assert (table["n_subjects"] == 12).all()  # who is on one side alone for want of a structure counts too
    few = per_structure(score_table(subjects=2)[1], {})
    assert few[["ci_low", "ci_high"]].isna().all(axis=None)
    assert few["mean"].notna().all()


def test_one_method_and_no_table_give_empty_tables():
    _, wide = score_table(gains={"syn": 0.2})
    for structures in (wide, {}):
        table = structure_differences(structures, {})
        assert list(table.columns) == STRUCTURE_DIFFERENCE_COLUMNS
        assert len(table) == 0


def test_no_interval_goes_beyond_what_a_dice_can_be():
    pairs, wide = score_table(subjects=3, kinds=("T1w",), gains={"greedy": 0.5, "syn": 0.2}, structures=30)
    for table in wide.values():
        dice = [c for c in table if c.startswith("dice_")]
        noise = np.random.default_rng(0).normal(0, 0.2, (len(table), len(dice)))
        table[dice] = (table[dice] + noise).clip(0, 1)
    parts = structure_differences(wide, {})
    ends = parts[["ci_low", "ci_high", "sim_low", "sim_high"]].to_numpy()
    assert ends.min() == -1
    assert ends.max() == 1
    assert ((parts["sim_low"] <= parts["mean_difference"]) & (parts["mean_difference"] <= parts["sim_high"])).all()
    means = per_structure(wide, {})
    assert means["ci_low"].min() == 0
    assert means["ci_high"].max() == 1
    noisy = pairs.assign(dice_mean=np.random.default_rng(0).random(len(pairs)))
    (row,) = compare(noisy).query("split == 'all'").itertuples()
    assert (row.ci_low, row.ci_high) == (-1, 1)
    (other,) = compare(noisy, score=Score()).query("split == 'all'").itertuples()  # of which nothing is known
    assert other.ci_low < -1
