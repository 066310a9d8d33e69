"""Dice of every pair, by split and method."""

from __future__ import annotations

import pytest

from lumirage_bids.report.figures.style import WIDTH
from lumirage_bids.report.figures.violins import dice_violins
from tests.report.figures.drawn import texts
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def test_violins_have_a_panel_per_split_and_count_scored_pairs():
    pairs, _ = score_table(rescanned=2, failing=0.2)
    figure = dice_violins(pairs, "braincolor")
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert sorted(titles) == sorted(pairs["split"].unique())
    assert figure.get_figwidth() == WIDTH
    panel = next(axes for axes in figure.axes if axes.get_title() == "same subject")
    n = pairs.query("split == 'same subject' and status == 'ok'").groupby("method").size()
    methods = ["identity", "greedy", "syn"]
    assert [t.get_text() for t in panel.get_xticklabels()] == methods
    (above,) = panel.child_axes
    assert [t.get_text() for t in above.get_xticklabels()] == [f"n = {n[m]}" for m in methods]


def test_violin_lines_lie_at_the_quartiles_and_the_initial_dice():
    pairs, _ = score_table(kinds=("T1w",), gains={"syn": 0.2})
    panel = dice_violins(pairs, "braincolor").axes[0]
    levels = {round(float(line.get_ydata()[0]), 9) for line in panel.lines if len(set(line.get_ydata())) == 1}
    expected = [*pairs["dice_mean"].quantile([0.25, 0.5, 0.75]), pairs["dice_initial"].mean()]
    assert levels == {round(x, 9) for x in expected}


@pytest.mark.parametrize("dice", [[0.5], [0.5] * 8, [0.1, 0.2, 0.3]])
def test_few_or_equal_pairs_are_drawn_as_points(dice: list[float]):
    pairs, _ = score_table(kinds=("T1w",), gains={"syn": 0.2})
    pairs = pairs.head(len(dice)).assign(dice_mean=dice)
    points = [line for line in dice_violins(pairs, "braincolor").axes[0].lines if line.get_marker() == "."]
    assert sorted(points[0].get_ydata()) == dice


def test_names_with_dollar_signs_are_not_mathematics():
    pairs, _ = score_table(gains={"$x^2$_a": 0.2, "syn": 0.1})
    assert any(text.startswith("$x^2$_a") for text in texts(dice_violins(pairs, "braincolor")))
