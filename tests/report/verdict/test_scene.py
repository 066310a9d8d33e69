"""Which arms are ranked, and over which pairs."""

from __future__ import annotations

import numpy as np
import pytest

from tests.report.situations import fail, of, some, table, verdict, words
from tests.report.verdict.claims import claims, failing

pytestmark = pytest.mark.filterwarnings("error")


def test_methods_without_a_pair_in_common_are_compared_in_twos():
    pairs = table({f"m{i:02d}": 0.5 + 0.05 * i for i in range(24)}, subject=0.004)
    keys = pairs["moving"] + pairs["fixed"]
    order = {key: i for i, key in enumerate(keys.unique())}
    place = keys.map(order) % 24
    found = verdict(fail(pairs, pairs["method"].str[1:].astype(int) == place))
    assert "no pair was scored by all methods, so their means are over different pairs" in found.headline
    assert "No method scored enough" not in words(found)
    assert found.sentences[0].startswith("m23 is above m00 by 1.1")
    assert "over 121 pairs" in found.sentences[0]
    assert "for certain" not in words(found)


def test_a_method_that_fails_on_the_hard_half_does_not_win():
    pairs = table({"identity": 0.45, "greedy": 0.6, "vfa": 0.58}, subject=0.004)
    hard = pairs["fixed"].str.startswith(("sub-00", "sub-01", "sub-02", "sub-03"))
    pairs.loc[hard, "dice_mean"] -= 0.2
    found = verdict(fail(pairs, of(pairs, "vfa") & hard))
    assert found.headline.startswith("Set aside, too few scores: vfa, 44 of 132 pairs failed")
    assert "Only one method can be ranked, greedy" in found.headline
    assert not any("vfa is above" in s or "vfa is better" in s for s in found.sentences)


def test_a_method_that_scores_nothing_leaves_the_others_ranked():
    pairs = failing()
    found = verdict(fail(pairs, of(pairs, "vfa")))
    assert found.headline.startswith("Set aside, too few scores: vfa, 132 of 132 pairs failed (all: out of memory).")
    assert "Highest mean: syn" in found.headline


def test_failures_are_told_by_kind_not_by_their_figures():
    pairs = table(subject=0.004)
    rows = of(pairs, "syn") & some(pairs, 0.4)
    pairs = fail(pairs, rows)
    pairs.loc[rows, "reason"] = [f"out of memory: RuntimeError: {n} bytes" for n in range(rows.sum())]
    assert "(40.2 %: out of memory: RuntimeError: 0 bytes, and the like)." in verdict(pairs).headline
    late = rows & pairs["moving"].str.startswith("sub-00")
    pairs.loc[late, "reason"] = "timed out after 9 s"
    told = verdict(pairs).headline
    assert f"and the like ({rows.sum() - late.sum()}); timed out after 9 s ({late.sum()}))" in told


def test_all_methods_set_aside_leave_no_winner():
    pairs = failing(0.2)
    for seed, method in enumerate(("greedy", "syn")):
        pairs = fail(pairs, of(pairs, method) & some(pairs, 0.2, seed + 1))
    found = verdict(pairs)
    assert found.headline.endswith("No method scored enough of its pairs to be ranked.")
    assert any(s.startswith("Separately, ") for s in found.sentences)
    assert not claims(found)


def test_a_scan_that_fails_every_method_sets_none_aside():
    pairs = table(groups={"T1w": 10}, subject=0.004)
    broken = pairs["moving"].str.startswith("sub-00") | pairs["fixed"].str.startswith("sub-00")
    found = verdict(fail(pairs, broken, "bad data: sub-00 is 4D"))
    assert "Lacking pairs" in found.headline
    assert "Highest mean: syn" in found.headline
    assert "over 72 pairs" in found.headline


def test_identity_and_its_failures_never_narrow_the_pairs():
    pairs = table(subject=0.004)
    found = verdict(fail(pairs, of(pairs, "identity") & some(pairs, 0.5)))
    assert found.headline.startswith(
        "Lacking pairs: identity, 66 of 132 pairs failed (50.0 %: out of memory). Highest mean"
    )
    assert "over 132 pairs" in found.headline


def test_scores_that_are_missing_without_a_failure_count_as_lacking():
    pairs = table(subject=0.004)
    pairs.loc[of(pairs, "syn") & some(pairs, 0.3), "dice_mean"] = np.nan
    assert verdict(pairs).headline.startswith("Set aside, too few scores: syn, 40 of 132 pairs without a score")


def test_pairs_that_nobody_can_score_are_lacking_for_nobody():
    pairs = table(subject=0.004)
    pairs.loc[some(pairs, 0.3), "dice_mean"] = np.nan
    found = verdict(pairs)
    assert "Highest mean: syn" in found.headline
    assert "over 92 pairs" in found.headline
    assert "Set aside" not in found.headline
    assert "failed" not in found.headline


def test_methods_that_all_lack_the_same_pairs_are_named_first_and_ranked():
    pairs = table(subject=0.004)
    found = verdict(fail(pairs, ~of(pairs, "identity") & some(pairs, 0.2)))
    assert found.headline.startswith(
        "Lacking pairs: greedy, 26 of 132 pairs failed (19.7 %: out of memory); syn, 26 of 132 pairs failed"
    )
    assert "Highest mean: syn, mean Dice 0." in found.headline
    assert "over 106 pairs" in found.headline
    assert "above every other for certain" in found.headline


def test_neighbours_in_rank_are_told_first():
    found = verdict(table({f"m{i:02d}": 0.3 + 0.025 * i for i in range(20)}, subject=0.001, noise=0.001))
    told = [s for s in found.sentences if " is above " in s]
    assert [s.split(" by ")[0] for s in told] == [f"m{i:02d} is above m{i - 1:02d}" for i in range(19, 13, -1)]
    assert "184 further differences are in the table." in found.sentences


def test_an_arm_is_known_by_its_fields_whatever_it_is_called_in_words():
    found = verdict(table({"x": 0.6, "y": 0.62, "x and y": 0.64}, subject=0.003))
    assert [(s.name, s.method) for s in found.standings] == [("x", "x"), ("y", "y"), ("“x and y”", "x and y")]


def test_a_mean_over_other_pairs_stands_beside_nobodys():
    (aside,) = [s for s in verdict(failing()).standings if s.set_aside]
    assert (aside.name, aside.n) == ("vfa", 0)
    assert np.isnan(aside.mean)
    assert np.isfinite(aside.mean_at_worst)
