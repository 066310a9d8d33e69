from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.variants import VARIANT_COLUMNS, changes, ordered_variants, variant_effects
from tests.stats.made_up import score_table

GAINS = {"identity": 0.0, "syn": 0.2}


def test_means_and_differences_are_over_the_pairs_that_all_variants_scored():
    pairs, _ = score_table(subjects=5, variants=("1mm", "2mm"), gains=GAINS, failing=0.2, kinds=("T1w",))
    effects = variant_effects(pairs, ["2mm", "1mm"])
    assert list(effects.columns) == VARIANT_COLUMNS
    assert effects["base"].unique().tolist() == ["2mm"]
    syn = pairs[pairs["method"] == "syn"].pivot(index=["moving", "fixed"], columns="variant", values="dice_mean")
    common = syn.dropna()
    assert 0 < len(common) < len(syn)
    found = effects[effects["method"] == "syn"].set_index("variant")
    assert found["n"].unique().tolist() == [len(common)]
    assert found["mean"].to_dict() == pytest.approx(common.mean().to_dict())
    assert found["difference"].to_dict() == pytest.approx({"2mm": 0.0, "1mm": (common["1mm"] - common["2mm"]).mean()})


def test_differences_and_intervals_are_those_of_the_comparisons_where_no_pair_failed():
    pairs, _ = score_table(subjects=11, variants=("1mm", "2mm"), gains={"syn": 0.2}, kinds=("T1w",))
    (row,) = compare(pairs).query("split == 'all'").to_dict("records")
    (_, effect) = variant_effects(pairs, ["1mm", "2mm"]).to_dict("records")
    names = {"difference": "mean_difference", "difference_low": "ci_low", "difference_high": "ci_high", "n": "n"}
    assert {k: effect[k] for k in names} == pytest.approx({k: row[v] for k, v in names.items()})
    assert effect["ci_low"] < effect["mean"] < effect["ci_high"]


def test_a_variant_in_which_a_method_never_scored_does_not_take_the_others_away():
    pairs, _ = score_table(subjects=3, variants=("1mm", "2mm", "3mm"), gains={"syn": 0.2}, kinds=("T1w",))
    gone = pairs["variant"] == "1mm"
    pairs = pairs.assign(status=np.where(gone, "failed", "ok"), dice_mean=pairs["dice_mean"].mask(gone))
    effects = variant_effects(pairs, ["1mm", "2mm", "3mm"])
    assert effects["variant"].tolist() == ["2mm", "3mm"]
    assert effects["base"].tolist() == ["2mm", "2mm"]
    assert len(variant_effects(pairs[pairs["variant"] == "2mm"], ["2mm"])) == 0


def test_the_base_is_what_the_others_change_least():
    crop = {"spacing": 1.0, "crop": "brain", "orientation": "RAS"}
    of = {"LPS": {**crop, "orientation": "LPS"}, "crop": crop, "nocrop": {**crop, "crop": "none"}}
    assert ordered_variants(list(of), of) == ["crop", "LPS", "nocrop"]
    # Labels are compared in two ways: native grids first, whatever the names.
    judged = {"lumir": {"evaluation": "reference, nearest"}, "own": {"evaluation": "native"}}
    assert ordered_variants(list(judged), judged) == ["own", "lumir"]
    # A method that was not run in both is no change; one that was, with another parameter, is.
    ran = {"a": {"greedy window": 7, "syn window": 7}, "b": {"greedy window": 5}}
    assert changes(ran, "a", "b") == {"greedy window": 7}
    # Nothing is known of the conditions: by name.
    assert ordered_variants(["b", "a"], {}) == ["a", "b"]
