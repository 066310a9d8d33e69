"""Fused labels and chains of transforms, summed up and compared."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lumirage_bids.output.downstream import Downstream
from lumirage_bids.stats.downstream import compare_downstream, jackknife, sum_up_downstream
from tests.stats.made_up import downstream_scores


def test_without_anything_there_is_nothing_to_tell() -> None:
    empty = downstream_scores(0)
    assert sum_up_downstream(empty).empty
    assert compare_downstream(empty).empty


def test_held_out_scans_are_compared_as_by_a_paired_t_test() -> None:
    found = downstream_scores(6)
    rows = compare_downstream(found)
    row = rows[rows["measure"] == "staple_dice"].iloc[-1]
    assert (row["method_a"], row["method_b"], row["n"], row["n_subjects"]) == ("greedy", "syn", 6, 6)
    of = found.fused[found.fused["fusion"] == "staple"].pivot(index="scan", columns="method", values="dice")
    expected = stats.ttest_rel(of["syn"], of["greedy"])
    interval = expected.confidence_interval()
    np.testing.assert_allclose(row[["p", "ci_low", "ci_high"]].astype(float), [expected.pvalue, *interval])
    assert (rows["p_holm"] >= rows["p"]).all()
    # No deformation is perfect by transitivity, so that it is compared with nobody.
    compared = rows.groupby("measure")["method_a"].agg(set).to_dict()
    both = {"identity", "greedy"}
    assert compared == {"majority_dice": both, "staple_dice": both, "transitivity_mm": {"greedy"}}


def test_a_summary_has_the_gain_over_single_atlases_and_counts_what_failed() -> None:
    found = downstream_scores(6)
    fused = found.fused.copy()
    lost = (fused["method"] == "syn") & (fused["scan"] == "sub-1_T1w")
    fused.loc[lost, ["dice", "dice_single"]] = np.nan
    rows = sum_up_downstream(Downstream(chains=found.chains, fused=fused)).set_index(["measure", "method"])
    assert rows.loc[("majority_dice", "syn"), ["n", "n_failed", "n_subjects"]].tolist() == [5, 1, 5]
    own = fused[(fused["method"] == "syn") & (fused["fusion"] == "majority")].dropna()
    assert rows.loc[("majority_dice", "syn"), "gain"] == pytest.approx((own["dice"] - own["dice_single"]).mean())
    assert rows.loc[("transitivity_mm", "syn"), "n"] == 6 * 5 * 4
    assert np.isnan(rows.loc[("transitivity_mm", "syn"), "gain"])


def test_no_error_at_all_is_told_without_doubt() -> None:
    rows = sum_up_downstream(downstream_scores(5)).set_index(["measure", "method"])
    told = rows.loc[("transitivity_mm", "identity"), ["mean", "ci_low", "ci_high"]]
    np.testing.assert_array_equal(told.astype(float), 0.0)


def test_intervals_need_rows_without_each_subject() -> None:
    of_four, of_three = (sum_up_downstream(downstream_scores(n)) for n in (4, 3))
    known = [table.loc[table["measure"] == "transitivity_mm", "ci_low"].notna().all() for table in (of_four, of_three)]
    assert known == [True, False]


@pytest.mark.parametrize("subjects", [5, 8])
def test_intervals_of_chains_cover_whatever_role_makes_the_difference(subjects: int) -> None:
    """Subjects who are hard in all three roles, or in one alone."""
    random = np.random.default_rng(subjects)
    chains = list(permutations(range(subjects), 3))
    roles = np.array(chains).T
    drawn = [frozenset(map(str, chain)) for chain in chains]
    for weights in ((1, 1, 1), (0, 1, 0), (1, 0, -0.5)):
        covered = 0
        for _ in range(200):
            hard = random.normal(0, 1, subjects)
            values = sum(w * hard[role] for w, role in zip(weights, roles, strict=True))
            values = values + random.normal(0, 0.5, len(chains))
            low, high = jackknife(values, drawn)[0].interval(0.95)
            covered += bool(low <= 0 <= high)
        assert covered >= 0.92 * 200


def test_rows_of_other_atlases_are_not_compared() -> None:
    found = downstream_scores(5)
    other = found.fused.copy()
    other.loc[other["method"] == "syn", "atlases"] = "sub-9_T1w"
    rows = compare_downstream(Downstream(chains=found.chains, fused=other))
    counts = rows[rows["measure"] == "majority_dice"].set_index(["method_a", "method_b"])["n"]
    assert counts.to_dict() == {("identity", "greedy"): 5, ("identity", "syn"): 0, ("greedy", "syn"): 0}
    assert isinstance(rows, pd.DataFrame)
