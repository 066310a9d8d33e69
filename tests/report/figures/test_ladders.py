"""Curves over the sizes of perturbations."""

from __future__ import annotations

import pytest

from lumirage_bids.report.figures.ladders import ladder_curves
from lumirage_bids.stats.ladders import Rung, climb
from tests.report.situations import of, table


def test_a_panel_a_kind_and_measure_and_a_line_a_method_at_its_means() -> None:
    pairs = table(variants=("plain", "noisy", "turned"), groups={"T1w": 4})
    pairs.loc[of(pairs, "syn", variant="turned"), "dice_mean"] = 0.25
    rungs = {
        "noisy": Rung(kind="noise", size=0.2, unit="of the range", base="plain"),
        "turned": Rung(kind="rotation", size=30, unit="degrees", base="plain"),
    }
    figure = ladder_curves(climb(pairs.assign(hd95_mm=2.0), rungs), "manual")
    panels = {(axes.get_title(), axes.get_ylabel()): axes for axes in figure.axes}
    assert list(panels) == [(k, m) for m in ("Dice", "Folding, %", "HD95, mm") for k in ("noise", "rotation")]
    turned = panels["rotation", "Dice"]
    assert turned.get_xlabel() == "degrees"
    lines = [bars[0] for bars in turned.containers]
    assert len(lines) == 3
    assert list(lines[2].get_xdata()) == [0, 30]
    assert lines[2].get_ydata()[1] == pytest.approx(0.25)
