"""Violins of Dice: what the pairs of each method look like, not just their mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import gaussian_kde

from lumirage_bids.figures.style import (
    FAINT,
    INK,
    WIDTH,
    arm_colours,
    empty_axes,
    journal_style,
    new_figure,
)
from lumirage_bids.stats.classes import ALL, Arm, arm_labels, arms_of, pair_classes, scored_dice

#: No violin shows more points than this; of more pairs, these are drawn evenly through their ranking.
MAX_POINTS = 300
_KDE_POINTS = 2000
_HALF_WIDTH = 0.4
_FEWEST_FOR_SHAPE = 5
_VIOLINS_PER_ROW = 12
_CHARACTER = 0.056  # width of a character of a tick label, inches
_GOLDEN = (np.sqrt(5) - 1) / 2

_Floats = npt.NDArray[np.float64]


def dice_violins(pairs: pd.DataFrame, labelling: str) -> Figure:
    """Draw the mean Dice of all pairs: a panel per split, a violin per arm.

    Parameters
    ----------
    pairs : DataFrame
        Rows of the score table, with columns variant, method, labelling, split, status, dice_mean, dice_initial.
    labelling : str
        The labelling to draw.

    Returns
    -------
    Figure
        180 mm wide. Shape: kernel density (Scott's bandwidth), cut at the lowest and highest pair, all violins
        equally wide. Lines: median and quartiles. Dashed: mean Dice before any alignment. Points: single pairs,
        at most `MAX_POINTS` a violin.
    """
    rows = pairs[pairs["labelling"] == labelling].assign(dice=scored_dice)
    arms = arms_of(rows)
    panels = [name for name, splits in pair_classes(rows["split"]).items() if splits == {name}] or [ALL]
    lines = -(-len(panels) // max(1, min(_VIOLINS_PER_ROW // max(1, len(arms)), 4)))
    columns = -(-len(panels) // lines)
    with journal_style():
        figure = new_figure(WIDTH, 0.5 + 2.3 * lines)
        grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
        for number, axes in enumerate(grid.flat):
            if number >= len(panels):
                axes.set_axis_off()
                continue
            _panel(axes, rows[rows["split"] == panels[number]], arms, panels[number], WIDTH / columns)
        for axes in grid[:, 0]:
            axes.set_ylabel("Mean Dice of a pair")
        figure.suptitle(f"Dice of moved and fixed labels, {labelling}", fontsize=9, fontweight="bold")
        figure.legend(handles=_legend(), loc="outside lower center", ncols=4)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, arms: list[Arm], title: str, width: float) -> None:
    if not rows["dice"].notna().any():
        return empty_axes(axes, f"{title}\nno pair was scored")
    labels, colours = arm_labels(arms), arm_colours(arms)
    ticks = []
    for place, arm in enumerate(arms):
        of_arm = rows[(rows["variant"] == arm.variant) & (rows["method"] == arm.method)]
        values = np.sort(of_arm["dice"].dropna().to_numpy(dtype=np.float64))
        _violin(axes, place, values, colours[arm])
        initial = of_arm["dice_initial"].mean()
        axes.plot([place - 0.5, place + 0.5], [initial, initial], color=FAINT, linestyle=(0, (3, 2)), linewidth=0.9)
        ticks.append(labels[arm].replace(" (", "\n(") + f"\nn = {len(values)}")
    axes.set_xticks(range(len(arms)), ticks)
    longest = max(len(line) for tick in ticks for line in tick.split("\n"))
    if longest * _CHARACTER > (width - 0.5) / len(arms):
        axes.tick_params(axis="x", rotation=90)
    axes.set_xlim(-0.6, len(arms) - 0.4)
    axes.tick_params(axis="x", length=0)
    axes.tick_params(axis="y", labelleft=True)
    axes.grid(axis="y")
    axes.set_title(title)
    return None


def _violin(axes: Axes, place: int, values: _Floats, colour: str) -> None:
    """Draw one violin; `values` are sorted."""
    if not len(values):
        return
    points = thin(values, MAX_POINTS)
    half = np.full(len(points), 0.12)
    # Few pairs have no shape; then the points are all there is to see.
    look: dict[str, Any] = {"color": colour, "markersize": 8.0, "alpha": 0.9}
    if len(values) >= _FEWEST_FOR_SHAPE and values[-1] - values[0] > 1e-9:
        density = gaussian_kde(thin(values, _KDE_POINTS))
        levels = np.linspace(values[0], values[-1], 120)
        scale = _HALF_WIDTH / density(levels).max()
        width = density(levels) * scale
        axes.fill_betweenx(levels, place - width, place + width, facecolor=colour, alpha=0.45, edgecolor=colour, lw=0.8)
        half = density(points) * scale
        look = {"color": INK, "markersize": 2.2, "alpha": 0.45}
        for share, style in ((0.25, 0.8), (0.5, 1.8), (0.75, 0.8)):
            level = float(np.quantile(values, share))
            reach = float(density(level)[0]) * scale
            axes.plot([place - reach, place + reach], [level, level], color=INK, linewidth=style, solid_capstyle="butt")
    # A golden-ratio sequence spreads the points evenly and the same way every time.
    spread = (np.arange(1, len(points) + 1) * _GOLDEN) % 1 - 0.5
    axes.plot(place + 1.5 * half * spread, points, ".", markeredgewidth=0, **look)


def thin(values: _Floats, limit: int) -> _Floats:
    """Keep at most `limit` of sorted values, evenly through their ranking, both ends among them.

    Examples
    --------
    >>> thin(np.arange(9.0), 3).tolist()
    [0.0, 4.0, 8.0]
    """
    if len(values) <= limit:
        return values
    kept: _Floats = values[np.linspace(0, len(values) - 1, limit).round().astype(int)]
    return kept


def _legend() -> list[Line2D]:
    styles: Mapping[str, Mapping[str, object]] = {
        "median": {"color": INK, "linewidth": 1.8},
        "quartiles": {"color": INK, "linewidth": 0.8},
        "mean initial Dice, before any alignment": {"color": FAINT, "linestyle": (0, (3, 2)), "linewidth": 0.9},
        "a pair": {"color": INK, "marker": ".", "linestyle": "none", "markersize": 4, "alpha": 0.6},
    }
    return [Line2D([], [], label=label, **style) for label, style in styles.items()]  # type: ignore[arg-type]
