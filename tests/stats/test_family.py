"""Tests of several experiments corrected as one family."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.judged import score_tables
from lumirage_bids.report.verdict.verdict import Tables
from lumirage_bids.stats.classes import splits_of
from lumirage_bids.stats.family import correct_together
from lumirage_bids.stats.holm import holm
from tests.report.situations import table

ALL = {("manual", "native"): {"T1w to T1w": ("T1w", "T1w")}}


def tables(seed: int, **more: object) -> Tables:
    return score_tables(table(seed=seed, **{"groups": {"T1w": 6}, **more}), criteria=Criteria())


def test_one_experiment_alone_is_corrected_as_on_its_own_page():
    own = tables(1).comparisons
    family = correct_together([own], [ALL])
    for column in ("p_holm", "p_equivalence_holm", "ahead_at_worst_p_holm"):
        np.testing.assert_allclose(family.comparisons[0][column], own[column])
    assert family.tests == 3  # all pairs, and their only split, are the same pairs


def test_all_experiments_and_their_means_are_one_family():
    first, second = tables(1).comparisons, tables(2).comparisons
    together = pd.DataFrame({"p": [0.004, np.nan], "p_equivalence": [0.2, np.nan]})
    family = correct_together([first, second], [ALL, ALL], together=together)
    once = [rows[rows["split"] == "all"] for rows in (first, second)]
    wanted = holm(np.concatenate([*(rows["p"] for rows in once), together["p"]]))
    found = [rows[rows["split"] == "all"]["p_holm"] for rows in family.comparisons]
    np.testing.assert_allclose(np.concatenate([*found, family.together["p_holm"]]), wanted)
    assert family.tests == 7
    assert (family.comparisons[0]["p_holm"] >= first["p_holm"] - 1e-15).all()


def test_nothing_that_was_given_is_changed():
    own = tables(1)
    before = own.comparisons.copy()
    correct_together([own.comparisons] * 2, [ALL, ALL], [own.interactions] * 2)
    pd.testing.assert_frame_equal(own.comparisons, before)


@pytest.mark.parametrize("factor", ["split", "variant", "labelling"])
def test_no_interaction_is_surer_than_the_comparisons_that_it_is_about(factor):
    more: dict[str, dict[str, object]] = {
        "split": {"groups": {"A": 6, "B": 6}},
        "variant": {"variants": ("x", "y and z")},
        "labelling": {"labellings": ("a", "b and c")},
    }
    made = [tables(seed, **more[factor]) for seed in (1, 2)]
    splits = [{key: splits_of(of) for key, of in each.pairs.groupby(["labelling", "evaluation"])} for each in made]
    family = correct_together([m.comparisons for m in made], splits, [m.interactions for m in made])
    for own, found, compared in zip(made, family.interactions, family.comparisons, strict=True):
        mine = found[found["factor"] == factor]
        assert len(mine)
        least = compared.loc[compared["method_a"] != "identity", "p_holm"].min()
        assert (mine["p_page"] >= least - 1e-15).all()
        assert (found["p_page"] >= own.interactions["p_page"] - 1e-15).all()
        assert (found["p_reversal_page"] >= own.interactions["p_reversal_page"] - 1e-15).all()
        assert (mine["p_page"] < 1).any() or (own.interactions["p_page"] == 1).all()
