"""Rows of dots: what is told of structures or landmarks, a mark an arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lumirage_bids.report.figures.style import RULE, arm_colours, arm_markers, competing
from lumirage_bids.stats.classes import Arm

ROW = 0.128  # inches: 3.2 mm, for labels of 6 points
_ONE_COLUMN = 40  # rows
_COLUMN = 3.0  # inches, at least
_LONGEST = 30  # characters of a name


def columns_of(rows: int, width: float) -> int:
    """In how many columns rows stand: in two where they are many and there is room.

    Examples
    --------
    >>> columns_of(40, 7.0), columns_of(41, 7.0), columns_of(41, 3.3)
    (1, 2, 1)
    """
    return 2 if rows > _ONE_COLUMN and width >= 2 * _COLUMN else 1


def ends_of(arms: Sequence[Arm], *tables: pd.DataFrame) -> tuple[float, float]:
    """Where an axis ends that shows what competes, with a column an arm; the floor, mostly far off, sets no end."""
    values = np.concatenate([table[competing(arms)].to_numpy(dtype=np.float64).ravel() for table in tables])
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    beyond = 0.04 * (high - low) or 0.05
    return low - beyond, high + beyond


def dots(
    axes: Axes,
    arms: Sequence[Arm],
    means: pd.DataFrame,
    low: pd.DataFrame,
    high: pd.DataFrame,
    *,
    ends: tuple[float, float],
) -> None:
    """Draw a row each, with a column an arm: marks, bars of their intervals, a line from the lowest to the highest.

    Bars end where the axis does. The floor has no bar, and a grey arrow where it lies beyond the `ends` of the axis.
    """
    colours, markers, judged = arm_colours(arms), arm_markers(arms), competing(arms)
    places = np.arange(len(means))
    axes.hlines(places, means[judged].min(axis=1), means[judged].max(axis=1), color=RULE, linewidth=0.8, zorder=1)
    for arm in arms:
        look: dict[str, Any] = {"color": colours[arm], "markersize": 3.4, "markeredgewidth": 1.0, "zorder": 3}
        axes.plot(means[arm], places, markers[arm], **look)
        if arm in judged:
            axes.hlines(places, low[arm], high[arm], color=colours[arm], linewidth=1.5, alpha=0.4, zorder=2)
            continue
        for beyond, arrow, end in ((means[arm] < ends[0], "<", ends[0]), (means[arm] > ends[1], ">", ends[1])):
            if beyond.any():
                axes.plot(
                    np.full(beyond.sum(), end), places[beyond], arrow, clip_on=False, **look | {"markersize": 2.5}
                )
    axes.set_xlim(ends)


def shorten(name: str) -> str:
    """A name that leaves room for what is drawn beside it: its middle left out where it is long.

    Examples
    --------
    >>> shorten("Left Putamen"), shorten("Right TrIFG triangular part of the inferior frontal gyrus")
    ('Left Putamen', 'Right TrIFG tri…frontal gyrus')
    """
    name = " ".join(name.split())
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST // 2]}…{name[1 - _LONGEST // 2 :].lstrip()}"


def name_rows(axes: Axes, names: list[str], length: int) -> None:
    """Name the rows, the first one on top, in axes that have room for `length`."""
    axes.set_yticks(range(len(names)), [shorten(name) for name in names], fontsize=6)
    axes.set_ylim(length - 0.4, -0.6)
    axes.grid(axis="both")
    axes.tick_params(axis="y", length=0)


def legend_marks(arms: Sequence[Arm]) -> list[Line2D]:
    """Marks of the arms for a legend."""
    colours, markers = arm_colours(arms), arm_markers(arms)
    return [Line2D([], [], linestyle="none", marker=markers[a], color=colours[a], markersize=4) for a in arms]
