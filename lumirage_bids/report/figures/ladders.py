"""Curves of scores over the sizes of perturbations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lumirage_bids.measures import columns
from lumirage_bids.report.figures.base import OfLabelling, Shown
from lumirage_bids.report.figures.style import (
    WIDTH,
    Sheet,
    arm_colours,
    arm_markers,
    headline,
    interval_words,
    journal_style,
    legend_below,
    new_figure,
    tell_pairs,
)
from lumirage_bids.stats.classes import Arm, quote

_ROW = 1.6  # inches
_PANEL = 1.6  # inches, at least


def ladder_curves(rows: pd.DataFrame, labelling: str, *, width: float = WIDTH) -> Sheet:
    """Draw means over the size of each perturbation, one line per method: measures of accuracy and of the deformation.

    Parameters
    ----------
    rows : DataFrame
        Rows of `lumirage_bids.stats.ladders.climb`, of one labelling and evaluation.
    labelling : str
    width : float
        Inches.

    Returns
    -------
    Sheet
        A panel a kind and measure, as many in a row as there is room for. Bars are the 95 % intervals of the means.
    """
    known = columns()
    shown = [m for m in rows["measure"].unique() if known[m].tells in {"accuracy", "deformation"}]
    ladders = list(rows[["variant", "perturbation"]].drop_duplicates().itertuples(index=False, name=None))
    several = len({variant for variant, _ in ladders}) > 1
    methods = list(rows["method"].unique())
    panels = [(*ladder, measure) for measure in shown for ladder in ladders]
    across = min(int(width / _PANEL), len(panels))
    height = -(-len(panels) // across)
    with journal_style():
        figure = new_figure(width, 1.0 + _ROW * height)
        grid = figure.subplots(height, across, squeeze=False).ravel()
        for axes, (variant, kind, measure) in zip(grid, panels, strict=False):
            here = rows[(rows["perturbation"] == kind) & (rows["variant"] == variant) & (rows["measure"] == measure)]
            _draw(axes, here, methods)
            axes.set_title(f"{kind} ({variant})" if several else kind)
            axes.set_xlabel(str(here["unit"].iloc[0]))
            axes.set_ylabel(known[measure].title)
        for axes in grid[len(panels) :]:
            axes.remove()
        definition = f"Means over {tell_pairs(rows['n'])}. {interval_words(bool(rows['ci_low'].notna().any()))}"
        headline(figure, f"Robustness: {labelling}", definition)
        arms = [Arm("", method) for method in methods]
        colours, markers = arm_colours(arms), arm_markers(arms)
        marks = [Line2D([], [], marker=markers[a], color=colours[a], markersize=4) for a in arms]
        legend_below(figure, marks, [quote(method) for method in methods])
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, methods: Sequence[str]) -> None:
    arms = [Arm("", method) for method in methods]
    colours, markers = arm_colours(arms), arm_markers(arms)
    for arm in arms:
        of = rows[rows["method"] == arm.method].sort_values("size")
        ends = np.abs(of[["ci_low", "ci_high"]].to_numpy().T - of["mean"].to_numpy())
        axes.errorbar(
            of["size"], of["mean"], np.nan_to_num(ends), marker=markers[arm], color=colours[arm], markersize=3.4,
            linewidth=1.0, elinewidth=1.0,
        )  # fmt: skip
    axes.grid(axis="both")


class Ladders(OfLabelling):
    """Scores over the sizes of perturbations."""

    name: ClassVar[str] = "ladder"
    section: ClassVar[str] = "robustness"
    needs: ClassVar[str] = "ladder"

    def caption(self, shown: Shown, labelling: str) -> str:
        """What is drawn, and which pairs it is over."""
        return (
            f"Means of {labelling} over the size of each perturbation of the moving image, 0 for none; pairs that all "
            "methods were run on at all sizes. A pair that failed counts 0 in Dice and is left out of other measures."
        )

    def alt(self, shown: Shown, labelling: str) -> str:
        """The axes."""
        return (
            f"Curves of scores over the size of each perturbation, one line per method, {labelling}. The tables "
            "have them."
        )

    def draw(self, shown: Shown, labelling: str) -> Sheet | None:
        """Draw it where the labelling has a ladder."""
        rows = shown.table("ladder")
        rows = rows[rows["labelling"] == labelling]
        rows = rows[rows["evaluation"] == rows["evaluation"].iloc[0]] if len(rows) else rows
        return ladder_curves(rows, labelling, width=shown.width) if len(rows) else None
