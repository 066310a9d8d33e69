"""A matrix of measures: what tells of accuracy first, and what its cells say."""

from __future__ import annotations

import numpy as np

from lumirage_bids.report.figures.agreement import agreement_matrix, measures_in_order
from lumirage_bids.stats.agreement import agreement
from lumirage_bids.stats.further import taken_measures
from tests.report.situations import of, table


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def made(methods: int):
    pairs = table({"identity": 0.4, **{f"m{i}": 0.5 + i / 50 for i in range(methods)}}, groups={"T1w": 5})
    distance = 6 - 4 * pairs["dice_mean"] + np.random.default_rng(0).normal(0, 0.1, len(pairs))
    return agreement(taken_measures(pairs.assign(hd95_mm=distance, runtime_s=10.0 + 5 * of(pairs, "m0"))))


def test_measures_of_accuracy_come_first():
    found = measures_in_order(made(4))
    assert found[:2] == ["dice_mean", "hd95_mm"]
    assert found[-2:] == ["runtime_s", "memory_gb"]


def test_cells_hold_tau_and_its_interval_or_couples_that_are_turned():
    many, few = made(4), made(2)
    row = many[many["measure_2"] == "hd95_mm"].iloc[0]
    told = texts(agreement_matrix(many, "title"))
    assert f"{row['tau']:.2f}" in told
    assert f"({row['ci_low']:.2f}, {row['ci_high']:.2f})".replace("-", "−") in told
    assert "–" in told, "folding is the same for all"
    told = texts(agreement_matrix(few, "title"))
    assert "0 of 1" in told
    assert "turned" in told
