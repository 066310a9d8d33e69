"""Dice against what a registration costs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.report.figures.cost import costs, dice_against_cost
from lumirage_bids.stats.classes import ALL, DIFFERENT_SUBJECTS, Arm
from tests.report.figures.drawn import LONG, words
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def with_costs(**kind: object) -> pd.DataFrame:
    pairs, _ = score_table(**kind)  # type: ignore[arg-type]
    random = np.random.default_rng(0)
    factor = pairs["method"].map({m: 10.0**i for i, m in enumerate(pairs["method"].unique())})
    return pairs.assign(
        runtime_s=pairs["runtime_s"] * factor * random.lognormal(0, 0.1, len(pairs)),
        memory_gb=pairs["memory_gb"] * factor,
    )


def test_costs_are_quartiles_over_the_scored_pairs_of_the_class():
    pairs = with_costs(subjects=4, rescanned=2, failing=0.3)
    found = costs(pairs, "braincolor", DIFFERENT_SUBJECTS)
    syn = pairs.query("method == 'syn' and status == 'ok' and split != 'same subject'")
    cost = found[Arm("default", "syn")]
    assert cost.n == len(syn)
    for measure, column in (("dice", "dice_mean"), ("runtime_s", "runtime_s"), ("memory_gb", "memory_gb")):
        np.testing.assert_allclose(getattr(cost, measure), syn[column].quantile([0.25, 0.5, 0.75]))


def test_cost_has_logarithmic_axes_and_the_floor_as_a_line():
    figure = dice_against_cost(costs(with_costs(gains=LONG), "braincolor", ALL), "braincolor", ALL)
    assert [axes.get_xscale() for axes in figure.axes] == ["log", "log"]
    shown = words(figure)
    for text in (*list(LONG)[1:], "identity, median", "n = 30 pairs", "Run time of a registration, s"):
        assert text in shown
    assert "mathdefault" not in shown


def test_an_arm_without_any_cost_is_left_out():
    pairs = with_costs(subjects=3).assign(runtime_s=0.0)
    assert list(costs(pairs, "braincolor", ALL)) == [Arm("default", "identity")]
