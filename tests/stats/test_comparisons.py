from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.stats.comparisons import COMPARISON_COLUMNS, compare
from lumirage_bids.stats.holm import holm
from lumirage_bids.stats.score import Score
from lumirage_bids.stats.structures import structure_differences
from tests.stats.made_up import many, score_table, two_arms

pytestmark = pytest.mark.filterwarnings("error")


def test_pairs_that_either_arm_failed_are_left_out_and_counted():
    a, b = np.array([0.5, 0.6, 0.7, 0.1]), np.array([0.6, 0.65, 0.85, 0.9])
    pairs = two_arms(a, b)
    pairs.loc[3, "status"] = "failed"
    pairs = pairs.drop(index=6)  # syn was not run on the third pair
    row = compare(pairs).query("split == 'all'").iloc[0]
    assert (row["n"], row["n_failed"]) == (2, 1)
    assert row["mean_difference"] == pytest.approx(0.075)


def test_row_order_does_not_change_the_numbers():
    pairs, _ = score_table(failing=0.1)
    shuffled = pairs.sample(frac=1, random_state=1)
    key = ["method_a", "method_b", "split"]
    once, again = (compare(x).query("method_a == 'identity'").set_index(key).sort_index() for x in (pairs, shuffled))
    pd.testing.assert_frame_equal(once, again)


def test_the_floor_is_always_first_and_every_two_arms_are_compared():
    pairs, _ = score_table(gains={"syn": 0.2, "identity": 0.0}, variants=("1mm", "0.6mm"), rescanned=2)
    table = compare(pairs)
    assert list(table.columns) == COMPARISON_COLUMNS
    assert (table.groupby(["labelling", "split"]).size() == 6).all()
    assert not ((table["method_b"] == "identity") & (table["method_a"] != "identity")).any()


def test_classes_of_the_same_pairs_are_one_test_for_holm():
    random = np.random.default_rng(0)
    a = random.normal(0.5, 0.05, 30)
    table = compare(two_arms(a, a + random.normal(0.01, 0.03, 30)))
    assert list(table["split"]) == ["all", "T1w to T1w"]
    assert table["p_holm"].to_list() == table["p"].to_list()


@pytest.mark.parametrize("gains", [{}, {"syn": 0.2}])
def test_nothing_to_compare_gives_an_empty_table(gains: dict[str, float]):
    pairs, _ = score_table(gains=gains or {"syn": 0.0})
    table = compare(pairs if gains else pairs.head(0))
    assert list(table.columns) == COMPARISON_COLUMNS
    assert len(table) == 0


def test_a_hundred_thousand_rows_take_seconds():
    n = 184
    moving, fixed = np.nonzero(~np.eye(n, dtype=bool))
    random = np.random.default_rng(0)
    key = {"variant": "default", "labelling": "tissue", "evaluation": "native", "split": "T1w to T1w", "status": "ok"}
    names = np.array([f"sub-{i}" for i in range(n)])
    arms = [
        pd.DataFrame({**key, "method": m, "moving": names[moving], "fixed": names[fixed]}).assign(
            dice_mean=random.normal(0.6, 0.05, len(moving))
        )
        for m in ("identity", "greedy", "syn")
    ]
    start = time.process_time()
    assert len(compare(pd.concat(arms, ignore_index=True))) == 6
    assert time.process_time() - start < 10


def test_intervals_come_from_subjects_and_the_plain_tests_from_pairs():
    pairs = many()
    row = compare(pairs).iloc[0]
    assert (row["n"], row["n_subjects"], row["resampled"]) == (14 * 13, 14, "subjects")
    assert pd.isna(row["refused"])
    a, b = (pairs.loc[pairs["method"] == m, "dice_mean"].to_numpy() for m in ("greedy", "syn"))
    plain = stats.ttest_rel(b, a)
    assert (row["t"], row["p_t"]) == pytest.approx((plain.statistic, plain.pvalue))
    assert row["p_wilcoxon"] == pytest.approx(stats.wilcoxon(b - a).pvalue)
    assert row["df"] <= 13
    assert row["estimator"] == "components"
    half = stats.t.ppf(0.975, row["df"]) * row["se"]
    assert row["ci_low"] < (b - a).mean() < row["ci_high"]
    assert (row["ci_high"] - row["ci_low"]) / 2 == pytest.approx(half, rel=0.15)  # but for skewness
    for size in ("d_z", "d_av", "d_pooled", "hedges_g"):
        assert row[f"{size}_low"] < row[size] < row[f"{size}_high"]


def test_where_subjects_matter_intervals_are_wider_than_those_of_independent_pairs():
    pairs = many()
    harder = {f"sub-{i:02d}_ses-1_T1w": x for i, x in enumerate(np.random.default_rng(3).normal(0, 0.05, 14))}
    syn = pairs["method"] == "syn"
    pairs.loc[syn, "dice_mean"] += pairs.loc[syn, "moving"].map(harder)
    row = compare(pairs).iloc[0]
    assert row["se"] > 2.5 * row["mean_difference"] / row["t"]
    assert row["p"] > row["p_t"]


def test_swapped_arms_have_the_same_p_and_mirrored_intervals():
    pairs = many()
    there = compare(pairs).iloc[0]
    back = compare(pairs.sort_values("method", ascending=False, kind="stable")).iloc[0]
    assert (there["method_a"], back["method_a"]) == ("greedy", "syn")
    assert there["p"] == pytest.approx(back["p"])
    assert there["p_equivalence"] == pytest.approx(back["p_equivalence"])
    for name in ("ci", "d_z", "hedges_g"):
        assert there[f"{name}_low"] == pytest.approx(-back[f"{name}_high"])


def test_equivalence_and_difference_are_told_apart():
    equal, above = (compare(many(gains={"greedy": 0.2, "syn": 0.2 + gain})).iloc[0] for gain in (0.0, 0.02))
    assert equal["equivalence_margin"] == 0.01
    assert equal["p_equivalence"] < 0.05 < equal["p"]
    assert above["p"] < 0.05 < above["p_equivalence"]
    wider = compare(many(gains={"greedy": 0.2, "syn": 0.22}), criteria=Criteria(margin=0.05, confidence=0.9)).iloc[0]
    assert wider["equivalence_margin"] == 0.05
    assert wider["p_equivalence"] < 0.05
    assert wider["ci_high"] - wider["ci_low"] < above["ci_high"] - above["ci_low"]


def test_few_subjects_are_refused_an_interval_with_a_reason():
    pairs, _ = score_table(subjects=2, kinds=("T1w",))
    row = compare(pairs).iloc[0]
    assert np.isnan([row["se"], row["ci_low"], row["p"], row["p_holm"], row["d_z_low"], row["worst_case_p"]]).all()
    assert row["refused"] == "2 subjects take part, at least 3 are needed for an interval"
    assert np.isfinite(row["mean_difference"])


def test_arms_without_a_common_pair_and_without_spread_say_so():
    pairs = many()
    failed = pairs.assign(status=pairs["status"].mask(pairs["method"] == "syn", "failed"))
    row = compare(failed).iloc[0]
    assert (row["n"], row["n_failed"], row["refused"]) == (0, 14 * 13, "no pair was scored in both arms")
    assert row["worst_case_difference"] == pytest.approx(-failed.query("method == 'greedy'")["dice_mean"].mean())
    same = compare(pairs.assign(dice_mean=0.5)).iloc[0]
    assert same["refused_sizes"] == "the differences do not vary"
    assert same["p"] == 1


def test_differences_that_do_not_vary_may_have_varied_by_what_rounding_hides():
    pairs = many()
    names = sorted(set(pairs["moving"].str[:6]))
    for known, decimals in ((14, 2), (3, 2), (3, 3)):
        few = pairs["moving"].str[:6].isin(names[:known]) & pairs["fixed"].str[:6].isin(names[:known])
        scores = pairs["method"].map({"greedy": 0.5, "syn": 0.5 + 2 * 10.0**-decimals})
        row = compare(pairs[few].assign(dice_mean=scores)).iloc[0]
        assert row["se"] == pytest.approx(10.0**-decimals / np.sqrt(6 * known))
        assert row["df"] == known - 1
        assert row["ci_low"] < row["mean_difference"] < row["ci_high"]


def test_the_worst_case_scores_failed_pairs_as_nothing():
    pairs = many(failing=0.1)
    row = compare(pairs).iloc[0]
    zeroed = pairs.assign(dice_mean=pairs["dice_mean"].mask(pairs["status"] == "failed", 0.0), status="ok")
    expected = compare(zeroed).iloc[0]
    assert row["worst_case_n"] == expected["n"] == 14 * 13 == row["n"] + row["n_failed"]
    assert row["n"] < expected["n"]
    for worst, usual in (("difference", "mean_difference"), ("ci_low", "ci_low"), ("d_z", "d_z"), ("p", "p")):
        assert row[f"worst_case_{worst}"] == pytest.approx(expected[usual])


def test_the_same_table_gives_the_same_numbers():
    pairs = many(failing=0.1)
    pd.testing.assert_frame_equal(compare(pairs), compare(pairs))


def test_holm_is_over_all_rows_of_the_table():
    table = compare(many(gains={"identity": 0.0, "greedy": 0.002, "syn": 0.004}))
    alone = table[table["split"] == "all"]
    assert alone["p_holm"].to_numpy() == pytest.approx(holm(alone["p"]))
    assert alone["p_equivalence_holm"].to_numpy() == pytest.approx(holm(alone["p_equivalence"]))


def test_scores_of_two_evaluations_are_not_compared():
    pairs, structures = score_table(
        subjects=11,
        kinds=("T1w",),
        labellings=("manual", "tissue"),
        variants=("lumir", "own"),
        evaluations={"lumir": "reference, nearest"},
    )
    compared = compare(pairs)
    assert (compared["variant_a"] == compared["variant_b"]).all()
    assert compared["evaluation"].map({"native": "own", "reference, nearest": "lumir"}).equals(compared["variant_a"])
    # Of two variants × two labellings, each with three arms: all that Holm corrects for, and no row besides.
    once = compared[compared["split"] == "all"]
    assert len(once) == 12
    np.testing.assert_allclose(once["p_holm"], holm(once["p"]))
    own = compare(pairs[pairs["variant"] == "own"])
    np.testing.assert_array_equal(compared.loc[compared["variant_a"] == "own", "p"], own["p"])
    assert (structure_differences(structures, {}).query("variant_a != variant_b").index.size) == 0


def test_wins_and_the_median_tell_of_a_rare_collapse():
    pairs = many()
    syn = pairs.index[pairs["method"] == "syn"]
    collapsed = syn[:: len(syn) // 15]
    pairs.loc[collapsed, "dice_mean"] = 0.0
    row = compare(pairs).iloc[0]
    assert row["mean_difference"] < 0 < row["median_difference"]
    wide = pairs.pivot(index=["moving", "fixed"], columns="method", values="dice_mean")
    assert row["win_percent"] == pytest.approx(100 * (wide["syn"] > wide["greedy"]).mean())
    assert row["tie_percent"] == 0
    tied = compare(pairs.assign(dice_mean=0.5)).iloc[0]
    assert (tied["win_percent"], tied["tie_percent"]) == (0, 100)


def test_a_difference_that_hangs_on_one_subject_is_found():
    pairs = many(gains={"greedy": 0.2, "syn": 0.2})
    one = pairs["moving"].str.startswith("sub-05") | pairs["fixed"].str.startswith("sub-05")
    pairs.loc[one & (pairs["method"] == "syn"), "dice_mean"] += 0.2
    pairs.loc[pairs["method"] == "syn", "dice_mean"] += 0.0005
    row = compare(pairs).iloc[0]
    rest = compare(pairs[~one]).iloc[0]
    assert row["without_subject"] == "sub-05"
    assert row["without_difference"] == pytest.approx(rest["mean_difference"])
    assert row["without_p"] == pytest.approx(rest["p"])
    assert row["hangs_on_subject"] == (row["p"] < 0.05 <= rest["p"])
    clear = compare(many()).iloc[0]
    assert not clear["hangs_on_subject"]
    assert clear["without_p"] < 0.05


def test_one_fixed_subject_bounds_what_is_said():
    pairs = many()
    row = compare(pairs[pairs["fixed"].str.startswith("sub-03") & ~pairs["moving"].str.startswith("sub-03")]).iloc[0]
    assert (row["holds_for"], row["resampled"], row["n_subjects"]) == ("sub-03", "moving subjects", 13)
    assert np.isfinite(row["p"])


def test_the_table_says_what_its_intervals_rest_on():
    pairs, _ = score_table(subjects=12, kinds=("A", "B", "B", "B"), gains={"greedy": 0.2, "syn": 0.2})
    table = compare(pairs).set_index("split")
    assert table.loc["A and B", "groups"] == "A 3, B 9"
    assert table.loc["A and B", "n_smallest"] == 3
    assert table.loc["A and B", "df"] < 9
    assert table.loc["A to A", "refused_sizes"].startswith("3 subjects take part")
    assert np.isfinite(table.loc["A to A", "ci_low"])
    assert np.isnan(table.loc["A to A", "d_z_low"])
    odd, _ = score_table(subjects=12, kinds=("A", *["B"] * 11), gains={"greedy": 0.2, "syn": 0.2})
    whole = compare(odd).set_index("split")
    assert whole.loc["all", "left_out"] == "A (1 subject)"
    assert whole.loc["all", "n"] == 11 * 10
    assert whole.loc["all", "mean_difference"] == whole.loc["B to B", "mean_difference"]
    assert whole.loc["A and B", "refused"].startswith("1 subject of A takes part")


def test_differences_that_vary_between_splits_only_have_the_interval_of_rounding():
    pairs, _ = score_table(subjects=8, gains={"greedy": 0.2, "syn": 0.2})
    inside = (pairs["split"] == "MPRAGE to MPRAGE") & (pairs["method"] == "syn")
    table = compare(pairs.assign(dice_mean=0.5 + 0.1 * inside)).set_index("split")
    assert table.loc["all", "se"] == pytest.approx(0.1 / np.sqrt(6 * 4))
    assert table.loc["MPRAGE to MPRAGE", "refused_sizes"] == "the differences do not vary"
    assert table.loc["MPRAGE to MPRAGE", "se"] == pytest.approx(0.1 / np.sqrt(6 * 4))


@pytest.mark.parametrize("sign", [1, -1])
def test_effect_sizes_have_the_sign_of_a_difference_whose_interval_excludes_nothing(sign):
    """One fixed scan, a large effect, one subject far out: the spread is not well known, the difference is."""
    random = np.random.default_rng(0)
    gains = 0.07 + random.normal(0, 0.01, 11)
    gains[0] = 0.15
    scans = [f"sub-{i:02d}" for i in range(12)]
    rows = [
        {"method": method, "moving": scan, "fixed": scans[0], "dice_mean": 0.6 + sign * plus}
        for method, more in (("a", np.zeros(11)), ("b", gains))
        for scan, plus in zip(scans[1:], more, strict=True)
    ]
    same = {"variant": "v", "labelling": "l", "evaluation": "native", "split": "T1w to T1w", "status": "ok"}
    row = compare(pd.DataFrame(rows).assign(**same)).iloc[0]
    assert sign * row["ci_low"] > 0
    for size in ("d_z", "d_av", "d_pooled", "hedges_g"):
        low, high = row[f"{size}_low"], row[f"{size}_high"]
        assert np.isnan(low) or (min(sign * low, sign * high) >= 0 and low < row[size] < high)


@pytest.mark.parametrize("seed", range(4))
def test_the_interval_of_a_huge_effect_size_does_not_end_at_zero(seed):
    random = np.random.default_rng(seed)
    n = 10
    base = random.normal(0.6, 0.03, n)
    scores = {"a": base, "b": base + 0.08 + random.normal(0, 0.01, n)}
    pairs = pd.concat(
        pd.DataFrame(
            {
                **{"variant": "default", "method": method, "labelling": "l", "evaluation": "native", "split": "all"},
                **{"moving": [f"sub-{i:02d}" for i in range(n)], "fixed": "sub-99", "status": "ok"},
                "dice_mean": dice,
            }
        )
        for method, dice in scores.items()
    )
    row = compare(pairs).iloc[0]
    assert row["d_z"] > 5
    assert row["d_z_low"] > 1 or (np.isnan(row["d_z_low"]) and "spread" in row["refused_sizes"])


def test_classes_are_one_test_where_a_group_left_out_leaves_the_same_pairs():
    # Two subjects of a sequence: all that is left of all pairs is one split, which is tested once.
    pairs, _ = score_table(subjects=12, kinds=("A", "A", *["B"] * 10), gains={"greedy": 0.2, "syn": 0.2})
    table = compare(pairs).set_index("split")
    assert table.loc["all", "left_out"] == "A (2 subjects)"
    assert table.loc["all", "n"] == table.loc["B to B", "n"] == 90
    assert table["p"].notna().sum() == 2
    assert table.loc["all", "p_holm"] == table.loc["B to B", "p_holm"] == table.loc["all", "p"]


@pytest.mark.parametrize("unit", [1e-9, 1e6])
@pytest.mark.parametrize("gain", [0.0, 0.02])
def test_another_unit_changes_no_p_value_and_no_effect(unit: float, gain: float):
    pairs, _ = score_table(subjects=9, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.2 + gain}, failing=0.02)
    same = pairs[pairs["method"] == "greedy"].assign(method="copy")
    pairs = pd.concat([pairs, same.assign(dice_mean=(same["dice_mean"] + 0.1) - 0.1)])  # but for rounding
    plain = compare(pairs, score=Score())
    scaled = pairs.assign(dice_mean=pairs["dice_mean"] * unit)
    other = compare(scaled, criteria=Criteria(margin=0.01 * unit), score=Score())
    of_unit = [
        "mean_a",
        "mean_b",
        "se",
        "ci_low",
        "ci_high",
        *(c for c in plain if "difference" in c or c.startswith("worst_case_ci")),
        "equivalence_margin",
    ]
    for column in plain:
        a, b = plain[column], other[column]
        if column in of_unit:
            b = b / unit
        elif not pd.api.types.is_numeric_dtype(a):
            assert a.equals(b), column
            continue
        assert b.to_numpy(dtype=float) == pytest.approx(a.to_numpy(dtype=float), rel=1e-5, abs=1e-9, nan_ok=True), (
            column
        )
    copied = other.query("method_a == 'greedy' and method_b == 'copy'").iloc[0]
    assert copied["tie_percent"] == 100
    assert other.query("method_a == 'greedy' and method_b == 'syn'").iloc[0]["tie_percent"] == 0


def test_what_has_no_score_where_another_has_one_counts_at_worst_whatever_its_state():
    pairs = many(failing=0.1)
    by_any = pairs.groupby(["moving", "fixed"])["dice_mean"].transform("count") > 0
    pairs = pairs[by_any]
    silent = compare(pairs.assign(status="ok"))
    told = compare(pairs)
    pd.testing.assert_frame_equal(silent, told)
    assert (told["worst_case_n"] > told["n"]).all()


def _left_out_in_turn(pairs: pd.DataFrame) -> pd.Series:
    names = sorted(set(pairs["moving"].str.split("_").str[0]))
    of = {side: pairs[side].str.split("_").str[0] for side in ("moving", "fixed")}
    return pd.Series({n: compare(pairs[(of["moving"] != n) & (of["fixed"] != n)]).iloc[0]["p"] for n in names})


@pytest.mark.parametrize("subjects", [8, 14])
@pytest.mark.parametrize("seed", range(4))
def test_no_single_subject_left_out_makes_a_difference_less_sure_than_the_one_named(subjects: int, seed: int):
    pairs = many(subjects=subjects, gains={"greedy": 0.2, "syn": 0.2}, seed=seed)
    random = np.random.default_rng(seed)
    names = sorted(set(pairs["moving"]))
    syn = pairs["method"] == "syn"
    for side in ("moving", "fixed"):
        own = dict(zip(names, random.normal(0.006, 0.012, len(names)), strict=True))
        pairs.loc[syn, "dice_mean"] += pairs.loc[syn, side].map(own)
    row = compare(pairs).iloc[0]
    each = _left_out_in_turn(pairs)
    assert row["mean_difference"] * row["without_difference"] > 0
    assert row["without_p"] == pytest.approx(each.max())
    assert row["without_subject"] == each.idxmax()
    assert row["hangs_on_subject"] == (row["p"] < 0.05 <= each.max())
