from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.interactions import INTERACTION_COLUMNS, TRIMMED, UNTRIMMED, interactions
from lumirage_bids.stats.score import Score
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")
GAINS = {"identity": 0.0, "greedy": 0.2, "syn": 0.2}


def asked(pairs: pd.DataFrame, factor: str, **given: object) -> pd.DataFrame:
    table = interactions(pairs, compare(pairs), **given)  # type: ignore[arg-type]
    assert list(table.columns) == INTERACTION_COLUMNS
    return table[table["factor"] == factor]


def plus(pairs: pd.DataFrame, where: pd.Series[bool], gain: float) -> pd.DataFrame:
    """Raise syn's scores on some rows."""
    of = (pairs["method"] == "syn") & where
    return pairs.assign(dice_mean=pairs["dice_mean"] + gain * of)


def test_a_method_better_in_one_split_and_worse_in_another_turns_the_order():
    pairs, _ = score_table(subjects=20, gains=GAINS)
    inside = pairs["split"] == "MPRAGE to MPRAGE"
    turned = asked(plus(plus(pairs, inside, 0.03), ~inside, -0.02), "split")
    row = turned.query("condition_1 == 'MP2RAGE to MP2RAGE' and condition_2 == 'MPRAGE to MPRAGE'").iloc[0]
    assert row["interaction"] == pytest.approx(0.05, abs=0.005)
    assert row["interaction"] == pytest.approx(row["difference_2"] - row["difference_1"])
    assert row["ci_low"] < row["interaction"] < row["ci_high"]
    assert row["p_page"] < 0.05
    assert row["p_reversal_page"] < 0.05
    same = turned.query("condition_1 == 'MP2RAGE to MP2RAGE' and condition_2 == 'MP2RAGE to MPRAGE'").iloc[0]
    assert same["p_page"] > 0.05
    assert same["p_reversal_page"] > 0.05


def test_more_of_the_same_sign_is_an_interaction_and_no_reversal():
    pairs, _ = score_table(subjects=20, gains=GAINS)
    table = asked(plus(plus(pairs, pairs["split"] == "MPRAGE to MPRAGE", 0.03), pairs["moving"] != "", 0.02), "split")
    assert (table["p_page"] < 0.05).any()
    assert (table["p_reversal_page"] == 1).all()


def test_nothing_is_asked_of_the_floor_and_contrasts_are_within_against_between():
    pairs, _ = score_table(subjects=14, gains=GAINS)
    table = asked(pairs, "contrast")
    assert set(zip(table["method_a"], table["method_b"], strict=True)) == {("greedy", "syn")}
    within = pairs["split"].isin(["MPRAGE to MPRAGE", "MP2RAGE to MP2RAGE"])
    assert table["n_1"].to_list() == [int(within.sum() / 3)]
    assert table["n_2"].to_list() == [int((~within).sum() / 3)]


def test_labellings_that_disagree_about_the_order_are_found():
    pairs, _ = score_table(subjects=12, kinds=("T1w",), gains=GAINS, labellings=("braincolor", "synthseg"))
    first = pairs["labelling"] == "braincolor"
    row = asked(plus(plus(pairs, first, 0.02), ~first, -0.02), "labelling").iloc[0]
    assert (row["labelling"], row["condition_1"], row["condition_2"]) == (
        "braincolor and synthseg",
        "braincolor",
        "synthseg",
    )
    assert row["difference_1"] > 0 > row["difference_2"]
    assert row["p_reversal_page"] < 0.05
    agreed = asked(plus(pairs, pairs["moving"] != "", 0.02), "labelling").iloc[0]
    assert agreed["p_reversal_page"] == 1


def test_variants_and_evaluations_are_compared_on_the_same_pairs():
    made = {"subjects": 12, "kinds": ("T1w",), "gains": GAINS, "variants": ("1mm", "2mm")}
    pairs, _ = score_table(**made, failing=0.05)
    row = asked(pairs, "variant").iloc[0]
    ok = pairs[(pairs["status"] == "ok") & (pairs["method"] != "identity")]
    wide = ok.pivot(index=["moving", "fixed"], columns=["variant", "method"], values="dice_mean").dropna()
    assert row["n_1"] == row["n_2"] == len(wide)
    each = [wide[variant]["syn"] - wide[variant]["greedy"] for variant in ("1mm", "2mm")]
    assert row["interaction"] == pytest.approx((each[1] - each[0]).mean())
    other, _ = score_table(**made, evaluations={"2mm": "reference, nearest"})
    evaluation = asked(other, "evaluation").iloc[0]
    assert (evaluation["condition_1"], evaluation["condition_2"]) == ("native", "reference, nearest")
    assert asked(other, "variant").empty


def test_trimming_that_hides_a_methods_collapse_is_found():
    pairs, _ = score_table(subjects=20, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.21})
    lost = pd.Series(np.random.default_rng(0).random(len(pairs)) < 0.04, index=pairs.index)
    row = asked(plus(pairs, lost, -0.5), "trimming").iloc[0]
    assert (row["condition_1"], row["condition_2"]) == (UNTRIMMED, TRIMMED)
    scores = plus(pairs, lost, -0.5).pivot(index=["moving", "fixed"], columns="method", values="dice_mean")
    dropped = len(scores) * 5 // 100
    trimmed = np.sort(scores.to_numpy(), axis=0)[dropped:].mean(axis=0)
    assert row["difference_2"] == pytest.approx(trimmed[1] - trimmed[0])
    assert row["difference_1"] < 0 < row["difference_2"]
    mirrored = pairs.assign(hd=-plus(pairs, lost, -0.5)["dice_mean"])
    lower = Score(column="hd", better="lower", worst=None)
    turned = interactions(mirrored, compare(mirrored, score=lower), score=lower).query("factor == 'trimming'").iloc[0]
    assert turned["difference_2"] == pytest.approx(-row["difference_2"])
    assert turned["p"] == pytest.approx(row["p"])


def test_the_error_of_a_trimmed_mean_is_that_of_the_literature():
    # Of one group of independent pairs: Yuen's standard error, winsorised on one side.
    from lumirage_bids.stats.interactions import _trim

    x = np.random.default_rng(0).normal(size=200)
    dropped = 10
    winsorised = np.maximum(x, np.sort(x)[dropped])
    assert _trim(x).mean() == pytest.approx(np.sort(x)[dropped:].mean())
    assert stats.sem(_trim(x)) == pytest.approx(np.std(winsorised, ddof=1) / (0.95 * np.sqrt(200)))


def test_conditions_with_too_few_subjects_are_refused():
    pairs, _ = score_table(subjects=6, gains=GAINS)
    pairs = pairs[~pairs["moving"].str.contains("sub-01|sub-03") & ~pairs["fixed"].str.contains("sub-01|sub-03")]
    table = asked(pairs, "split")
    assert table["refused"].notna().any()
    assert table.loc[table["refused"].notna(), ["p", "p_holm", "p_page"]].isna().all(axis=None)


def test_noise_makes_no_interaction_on_more_than_one_page_in_twenty():
    # Two equal methods, 3 and 9 subjects of two sequences. At 5 %, more than 4 of 20 have a probability of 0.3 %.
    claimed = 0
    for seed in range(20):
        pairs, _ = score_table(
            subjects=12, kinds=("A", "B", "B", "B"), gains={"greedy": 0.2, "syn": 0.2}, structures=1, seed=seed
        )
        found = interactions(pairs, comparisons := compare(pairs))
        backed = (comparisons["p_holm"] < 0.05).any()
        claims = ((found["p_page"] < 0.05) | (found["p_reversal_page"] < 0.05)).any()
        assert backed or not claims
        claimed += bool(backed or claims)
    assert claimed <= 4


@pytest.mark.parametrize("pairs", [score_table()[0].head(0), score_table(gains={"syn": 0.0})[0]])
def test_nothing_to_ask_gives_an_empty_table(pairs: pd.DataFrame):
    table = interactions(pairs, compare(pairs))
    assert list(table.columns) == INTERACTION_COLUMNS
    assert table.empty


def test_variants_whose_names_join_to_the_same_words_are_two_tests():
    variants = ("x", "y and z", "x and y", "z")
    pairs, _ = score_table(subjects=8, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.2}, variants=variants)
    found = asked(pairs, "variant").set_index(["variant_1", "variant_2"])
    both = [("x", "y and z"), ("x and y", "z")]
    assert found.loc[both, "variant_a"].tolist() == ["x and y and z"] * 2
    assert (found.loc[both, "p"] < 1).all()
    assert found.loc[both[0], "p_holm"] != found.loc[both[1], "p_holm"] or (found["p_holm"] == 1).all()
    pairs = plus(plus(pairs, pairs["variant"] == "y and z", 0.05), pairs["variant"] == "z", -0.05)
    found = asked(pairs, "variant").set_index(["variant_1", "variant_2"])
    assert found.loc[both, "p_holm"].nunique() == 2
