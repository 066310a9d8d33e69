"""Dice of labels that several atlases make together, beside that of the same atlases one by one."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from lumirage_bids.report.figures.base import OfLabelling, Shown
from lumirage_bids.report.figures.rows import name_rows
from lumirage_bids.report.figures.style import (
    ABOVE,
    BELOW,
    FAINT,
    WIDTH,
    Sheet,
    better_words,
    headline,
    interval_words,
    journal_style,
    legend_below,
    new_figure,
)
from lumirage_bids.stats.classes import arm_labels, arms_of

_ROW = 0.32  # inches
_WAYS = {"majority_dice": ("majority vote", ABOVE, "o"), "staple_dice": ("STAPLE", BELOW, "s")}


def fused_dots(rows: pd.DataFrame, title: str, *, width: float = WIDTH) -> Sheet:
    """Draw the mean Dice of fused labels, a row an arm and a mark a way to fuse, and that of single atlases.

    Parameters
    ----------
    rows : DataFrame
        Rows of `lumirage_bids.stats.downstream.sum_up_downstream` of one labelling.
    title : str
    width : float
        Inches.

    Returns
    -------
    Sheet
        Bars are the 95 % intervals of the means.
    """
    arms = arms_of(rows)
    by_arm = rows.set_index(["measure", "variant", "method"])
    with journal_style():
        figure = new_figure(width, 1.1 + _ROW * max(len(arms), 3))
        axes = figure.subplots()
        for number, (measure, (_, colour, marker)) in enumerate(_WAYS.items()):
            of = by_arm.loc[measure].reindex(pd.MultiIndex.from_tuples(arms))
            places = np.arange(len(arms)) + 0.24 * (number - 0.5)
            axes.hlines(places, of["ci_low"], of["ci_high"], color=colour, linewidth=2.2, alpha=0.4)
            axes.plot(of["mean"], places, marker, color=colour, markersize=4)
            axes.plot(of["mean_single"], np.arange(len(arms)), "|", color=FAINT, markersize=10, markeredgewidth=1.4)
        name_rows(axes, list(arm_labels(arms).values()), len(arms))
        axes.set_xlabel(f"Mean Dice, {better_words(True)}")
        definition = f"Means over {_scans(rows['n'])}. {interval_words(bool(rows['ci_low'].notna().any()))}"
        headline(figure, title, definition)
        marks = [Line2D([], [], linestyle="none", marker="|", color=FAINT, markersize=10, markeredgewidth=1.4)]
        marks += [Line2D([], [], linestyle="none", marker=m, color=c, markersize=4) for _, c, m in _WAYS.values()]
        legend_below(figure, marks, ["single atlases, mean", *(name for name, _, _ in _WAYS.values())])
    return figure


def _scans(n: pd.Series[int]) -> str:
    few, many = int(n.min()), int(n.max())
    return f"{many} held-out scans" if few == many else f"{few} to {many} held-out scans"


class Atlases(OfLabelling):
    """Labels of several atlases."""

    name: ClassVar[str] = "atlases"
    section: ClassVar[str] = "atlases"
    needs: ClassVar[str] = "downstream"

    def caption(self, shown: Shown, labelling: str) -> str:
        """What is drawn."""
        return (
            f"Dice of {labelling} labels that the other drawn scans make together by each method's transforms, against "
            "the scan's own; beside it, of the same atlases one by one."
        )

    def alt(self, shown: Shown, labelling: str) -> str:
        """The marks."""
        return (
            f"Dots of mean Dice by method, for majority vote, STAPLE and single atlases, {labelling}. The table has "
            "the numbers."
        )

    def draw(self, shown: Shown, labelling: str) -> Sheet | None:
        """Draw it where labels were fused."""
        rows = shown.table("downstream")
        rows = rows[(rows["labelling"] == labelling) & rows["mean"].notna()]
        return fused_dots(rows, f"Multi-atlas labels: {labelling}", width=shown.width) if len(rows) else None
