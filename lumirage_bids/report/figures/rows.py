"""Rows of dots: what is told of structures or landmarks, a mark an arm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lumirage_bids.report.figures.style import arm_colours, arm_markers
from lumirage_bids.stats.classes import Arm

ROW = 0.128  # inches: 3.2 mm, for labels of 6 points
ONE_COLUMN = 40
"""Rows beyond which there are two columns."""


def dots(axes: Axes, arms: Sequence[Arm], means: pd.DataFrame, low: pd.DataFrame, high: pd.DataFrame) -> None:
    """Draw a row each, with a column an arm: marks, bars of their intervals, a line from the lowest to the highest."""
    colours, markers = arm_colours(arms), arm_markers(arms)
    places = np.arange(len(means))
    axes.hlines(places, means.min(axis=1), means.max(axis=1), color="#c8c8c8", linewidth=0.8, zorder=1)
    for arm in arms:
        axes.hlines(places, low[arm], high[arm], color=colours[arm], linewidth=2.2, alpha=0.4, zorder=2)
        axes.plot(means[arm], places, markers[arm], color=colours[arm], markersize=3.4, markeredgewidth=1.0, zorder=3)


def name_rows(axes: Axes, names: list[str], length: int) -> None:
    """Name the rows, the first one on top, in axes that have room for `length`."""
    axes.set_yticks(range(len(names)), names, fontsize=6)
    axes.set_ylim(length - 0.4, -0.6)
    axes.grid(axis="both")
    axes.tick_params(axis="y", length=0)


def legend_marks(arms: Sequence[Arm]) -> list[Line2D]:
    """Marks of the arms for a legend."""
    colours, markers = arm_colours(arms), arm_markers(arms)
    return [Line2D([], [], linestyle="none", marker=markers[a], color=colours[a], markersize=4) for a in arms]
