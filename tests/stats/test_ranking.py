from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.verdict.scene import certain_rows
from lumirage_bids.stats.classes import primary_rows
from lumirage_bids.stats.common import MAY_LACK_PERCENT
from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.ranking import RANKING_COLUMNS, rank_arms
from lumirage_bids.stats.score import DICE, Score
from lumirage_bids.stats.summaries import summarise
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")
GAINS = {"identity": 0.0, "greedy": 0.2, "syn": 0.22, "poor": 0.1}


def ranked(pairs: pd.DataFrame, **given: object) -> pd.DataFrame:
    table = rank_arms(pairs, certain_rows(compare(pairs), pairs, Criteria(), DICE), **given)  # type: ignore[arg-type]
    assert list(table.columns) == RANKING_COLUMNS
    return primary_rows(table).set_index("method")


def made(**kind: object) -> pd.DataFrame:
    return score_table(**{"subjects": 12, "kinds": ("T1w",), "gains": GAINS, **kind})[0]  # type: ignore[arg-type]


def failing_hard(pairs: pd.DataFrame, method: str, share: float) -> pd.DataFrame:
    """Let a method fail on the share of its pairs that are hardest."""
    own = pairs[pairs["method"] == method]
    lost = own.sort_values("dice_mean").index[: round(share * len(own))]
    return pairs.assign(
        status=pairs["status"].where(~pairs.index.isin(lost), "failed"),
        dice_mean=pairs["dice_mean"].where(~pairs.index.isin(lost)),
    )


def test_methods_are_ranked_by_mean_and_by_what_is_sure():
    table = ranked(made())
    assert table.index.to_list() == ["syn", "greedy", "poor"]
    assert table["rank_mean"].to_list() == table["rank"].to_list() == [1, 2, 3]
    assert table["n_above"].to_list() == [2, 1, 0]
    assert table["score_learn2reg"].to_list() == pytest.approx([1.0, 0.55, 0.1])
    assert table["first_percent"].to_list() == [100, 0, 0]
    assert not table["set_aside"].any()


def test_equal_methods_share_the_rank_and_the_first_place():
    table = ranked(made(gains={"greedy": 0.2, "syn": 0.2}))
    assert table["rank"].to_list() == [1, 1]
    assert table["score_learn2reg"].to_list() == [0.1, 0.1]
    assert table["first_percent"].sum() == pytest.approx(100)
    assert table["first_percent"].min() > 1
    assert table["rank_high"].max() == 2
    same = made(gains={"greedy": 0.2, "syn": 0.2}).assign(dice_mean=0.5)
    assert ranked(same)["first_percent"].to_list() == [50, 50]


def test_a_method_that_fails_on_the_hard_pairs_is_set_aside():
    pairs = failing_hard(made(gains={**GAINS, "poor": 0.19}), "poor", 0.46)
    highest = pairs.groupby("method")["dice_mean"].mean().idxmax()
    table = ranked(pairs)
    assert table.index.to_list() == ["syn", "greedy", "poor"]
    assert table.loc["poor", "set_aside"]
    assert np.isnan(table.loc["poor", ["mean", "rank", "first_percent"]].astype(float)).all()
    assert table.loc["poor", "mean_zero"] < table.loc["greedy", "mean_zero"]
    assert table.loc["poor", "lacking_percent"] == pytest.approx(46, abs=0.5)
    assert (table.loc[["syn", "greedy"], "n_common"] == 132).all()
    assert highest in ("syn", "poor")


def test_few_failures_narrow_the_pairs_in_common_for_all():
    pairs = failing_hard(made(), "greedy", 0.04)
    table = ranked(pairs)
    assert not table["set_aside"].any()
    lost = pairs[(pairs["method"] == "greedy") & (pairs["status"] == "failed")]
    rest = pairs.merge(lost[["moving", "fixed"]], how="left", indicator=True).query("_merge == 'left_only'")
    means = rest.groupby("method")["dice_mean"].mean()
    for method in ("syn", "greedy", "poor"):
        assert table.loc[method, "mean"] == pytest.approx(means[method])
        assert table.loc[method, "n_common"] == 132 - len(lost)


def test_identity_never_narrows_what_is_common():
    pairs = failing_hard(made(), "identity", 0.5)
    table = ranked(pairs)
    assert "identity" not in table.index
    assert (table["n_common"] == 132).all()
    summary = summarise(pairs).query("split == 'all'").set_index("method")
    assert not summary["set_aside"].any()
    assert summary.loc["identity", "n_common"] == 66


def test_pairs_not_run_are_unfinished_and_not_failed():
    pairs = made()
    left = pairs[(pairs["method"] == "poor")].index[10:]
    gone, pending = (
        pairs.drop(index=left),
        pairs.assign(status=pairs["status"].where(~pairs.index.isin(left), "pending")),
    )
    for table in (gone, pending):
        row = summarise(table).query("split == 'all' and method == 'poor'").iloc[0]
        assert row[["n_pairs", "n_failed", "n_unfinished", "set_aside"]].to_list() == [10, 0, 122, True]
        assert row["lacking_percent"] == pytest.approx(100 * 122 / 132)
        assert ranked(table).loc["poor", "set_aside"]
        compared = compare(table).query("split == 'all' and method_b == 'poor'")
        assert compared["n"].to_list() == [10, 10, 10]
        assert compared["n_unfinished_b"].to_list() == [122, 122, 122]
        assert compared["n_failed"].to_list() == [0, 0, 0]


def test_lower_scores_may_be_better():
    pairs = made()
    mirrored = pairs.assign(hd=1 - pairs["dice_mean"])
    lower = Score(column="hd", better="lower", worst=1.0)
    compared = compare(mirrored, score=lower)
    certain = certain_rows(compared, mirrored, Criteria(), lower)
    table = primary_rows(rank_arms(mirrored, certain, score=lower)).set_index("method")
    expected = ranked(pairs)
    pd.testing.assert_frame_equal(
        table.drop(columns=["mean", "mean_zero"]), expected.drop(columns=["mean", "mean_zero"]), check_exact=False
    )
    row, plain = (t.query("method_a == 'greedy' and method_b == 'syn'").iloc[0] for t in (compared, compare(pairs)))
    assert row["mean_difference"] == pytest.approx(-plain["mean_difference"])
    assert row["win_percent"] == pytest.approx(plain["win_percent"])


def test_all_methods_set_aside_leave_no_ranks():
    pairs = made(failing=0.5)
    table = ranked(pairs)
    assert table["set_aside"].all()
    assert table["rank"].isna().all()
    assert table["mean_zero"].notna().all()
    assert ranked(pairs.head(0)).empty


def test_exactly_the_share_that_may_lack_is_no_reason_to_set_aside():
    pairs = made(subjects=5)  # 20 pairs
    one = failing_hard(pairs, "syn", MAY_LACK_PERCENT / 100)
    two = failing_hard(pairs, "syn", 2 * MAY_LACK_PERCENT / 100)
    assert [bool(ranked(table).loc["syn", "set_aside"]) for table in (one, two)] == [False, True]


def test_pairs_worse_than_without_deformation_are_counted():
    pairs = made()
    collapsed = pairs.index[pairs["method"] == "syn"][:7]
    pairs.loc[collapsed, "dice_mean"] = 0.01
    summary = summarise(pairs).query("split == 'all'").set_index("method")
    assert summary["n_below_identity"].to_dict() == {"identity": 0, "greedy": 0, "syn": 7, "poor": 0}


def test_ranks_are_not_resampled_from_a_few_subjects():
    few, enough = (ranked(made(subjects=n))[["first_percent", "rank_low", "rank_high"]] for n in (5, 6))
    assert few.isna().all(axis=None)
    assert enough.notna().all(axis=None)


def test_every_split_has_ranks_of_its_own():
    pairs, _ = score_table(subjects=16, gains=GAINS)
    pairs.loc[(pairs["split"] == "MPRAGE to MPRAGE") & (pairs["method"] == "poor"), "dice_mean"] += 0.3
    table = rank_arms(pairs, certain_rows(compare(pairs), pairs, Criteria(), DICE)).set_index(["split", "method"])
    assert len(table) == 6 * 3  # all, both directions, four splits
    assert table.loc[("MPRAGE to MPRAGE", "poor"), ["rank", "rank_mean", "n_above"]].tolist() == [1, 1, 2]
    assert table.loc[("MP2RAGE to MP2RAGE", "poor"), ["rank", "rank_mean", "n_above"]].tolist() == [3, 3, 0]
    assert table.loc["MPRAGE to MPRAGE", "n_common"].tolist() == [56] * 3
    assert table["first_percent"].notna().all()
