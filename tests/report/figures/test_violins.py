"""Dice of every pair, by split and method."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from lumirage_bids.report.figures.style import COLUMN, WIDTH
from lumirage_bids.report.figures.violins import FEWEST_FOR_SHAPE, dice_violins
from tests.report.figures.drawn import texts, words
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def test_there_is_a_panel_per_split_and_scored_pairs_are_counted():
    pairs, _ = score_table(rescanned=2, failing=0.2)
    figure = dice_violins(pairs, "braincolor")
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert sorted(titles) == sorted(pairs["split"].unique())
    assert figure.get_figwidth() == WIDTH
    panel = next(axes for axes in figure.axes if axes.get_title() == "same subject")
    n = pairs.query("split == 'same subject' and status == 'ok'").groupby("method").size()
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["greedy", "syn"]
    (beside,) = panel.child_axes
    assert [t.get_text() for t in beside.get_yticklabels()] == [f"n = {n[m]}" for m in ("greedy", "syn")]


def test_lines_lie_at_the_quartiles():
    pairs, _ = score_table(kinds=("T1w",), gains={"syn": 0.2})
    assert len(pairs) >= FEWEST_FOR_SHAPE
    expected = pairs["dice_mean"].quantile([0.25, 0.5, 0.75])
    drawn = [x for (lines, _) in uprights(pairs) for x in lines]
    assert set(np.round(expected, 9)) <= set(np.round(drawn, 9))


def uprights(pairs: pd.DataFrame, **kind: object) -> list[tuple[list[float], str]]:
    """Places of the upright lines in the first panel, with their names."""
    found = []
    for lines in dice_violins(pairs, "braincolor", **kind).axes[0].collections:
        if isinstance(lines, LineCollection):
            found.append(([float(segment[0, 0]) for segment in lines.get_segments()], str(lines.get_label())))
    return found


@pytest.mark.parametrize(("floor", "drawn"), [(-0.01, True), (-0.3, False)])
def test_the_floor_is_a_line_beside_what_competes_or_told_where_it_lies_far_off(floor: float, drawn: bool):
    pairs, _ = score_table(kinds=("T1w",), gains={"identity": floor, "greedy": 0.0, "syn": 0.02})
    pairs = pairs.assign(dice_initial=np.nan)
    median = pairs.loc[pairs["method"] == "identity", "dice_mean"].median()
    lines = [places for places, name in uprights(pairs) if name == "identity, median"]
    assert lines == ([[pytest.approx(median)] * 2] if drawn else [])
    figure = dice_violins(pairs, "braincolor")
    low, high = figure.axes[0].get_xlim()
    scores = pairs.loc[pairs["method"] != "identity", "dice_mean"]
    assert high - low < 2 * (scores.max() - scores.min())
    assert (f"← identity {median:.2f}" in texts(figure)) == (not drawn)
    assert ("identity, median" in texts(figure)) == drawn


def test_the_floor_alone_has_a_row():
    pairs, _ = score_table(kinds=("T1w",), gains={"identity": 0.0})
    assert [t.get_text() for t in dice_violins(pairs, "braincolor").axes[0].get_yticklabels()] == ["identity"]


@pytest.mark.parametrize("dice", [[0.5], [0.5] * 8, [0.1, 0.2, 0.3], [0.01 * i for i in range(19)]])
def test_few_or_equal_pairs_are_drawn_as_points(dice: list[float]):
    pairs, _ = score_table(kinds=("T1w",), gains={"syn": 0.2})
    pairs = pairs.head(len(dice)).assign(dice_mean=dice)
    (axes, *_) = dice_violins(pairs, "braincolor").axes
    (points,) = [line for line in axes.lines if line.get_marker() == "."]
    assert sorted(points.get_xdata()) == dice
    assert not [shape for shape in axes.collections if not isinstance(shape, LineCollection)]


def test_every_mark_knows_its_pair_and_lines_join_those_of_one():
    pairs, _ = score_table(subjects=3, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.1})
    figure = dice_violins(pairs, "braincolor")
    lines = {line.get_gid(): line for line in figure.axes[0].lines if line.get_gid()}
    wide = pairs.pivot(index=["moving", "fixed"], columns="method", values="dice_mean")
    for (name, points), method in zip(figure.points.items(), ("greedy", "syn"), strict=True):
        assert len(points) == 6
        for point, x in zip(points, lines[name].get_xdata(), strict=True):
            assert x == wide.loc[(point.moving, point.fixed), method]
            assert point.told == f"{x:.3f}"
    joined = {tuple(line.get_xdata()) for line in figure.axes[0].lines if not line.get_gid()}
    assert joined == set(wide[["greedy", "syn"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("width", [WIDTH, COLUMN])
def test_nothing_lies_beyond_the_sides(width: float):
    pairs, _ = score_table(rescanned=2, gains={"identity": 0.0, "a_method_with_a_very_long_name": 0.2, "syn": 0.1})
    assert "a_method_with_a_ very_long_name" in words(dice_violins(pairs, "braincolor", width=width))


def test_names_with_dollar_signs_are_not_mathematics():
    pairs, _ = score_table(gains={"$x^2$_a": 0.2, "syn": 0.1})
    assert any(text.startswith("$x^2$_a") for text in texts(dice_violins(pairs, "braincolor")))
