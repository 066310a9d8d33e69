"""A matrix of measures: which put the methods in one order, over means and within pairs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.patches import Rectangle

from lumirage_bids.measures import compared_columns
from lumirage_bids.report.figures.base import PageFigure, ReportFigure, Shown
from lumirage_bids.report.figures.style import (
    FAINT,
    INK,
    ON_DARK,
    ON_LIGHT,
    RULE,
    WIDTH,
    Sheet,
    headline,
    journal_style,
    longest_line,
    new_figure,
    wrap_name,
)
from lumirage_bids.report.text import compared_where, fixed
from lumirage_bids.stats.agreement import FEWEST_ARMS
from lumirage_bids.stats.classes import evaluations_of, grids_of

_COLOURS = LinearSegmentedColormap.from_list("agreement", ["#ce8400", "#f4f4f4", "#1e6ea7"])
_KINDS = ("accuracy", "deformation", "cost")
_CELLS = (0.4, 0.62)  # inches, at least and at most
_ROOM_FOR_ENDS = 0.5  # inches


def agreement_matrix(agreement: pd.DataFrame, title: str, *, width: float = WIDTH) -> Sheet:
    """Draw whether every two measures agree.

    Parameters
    ----------
    agreement : DataFrame
        Rows of `lumirage_bids.stats.agreement.agreement` of one labelling and evaluation.
    title : str
        What they are of.
    width : float
        Inches.

    Returns
    -------
    Sheet
        Wider than asked for where cells could not be read. Above the diagonal Kendall's tau over the methods' means,
        or with few methods how many of their couples are turned; below it tau within pairs, with its interval. Blue:
        the same order; orange: the opposite.
    """
    names = measures_in_order(agreement)
    room = longest_line(titles := _titles(names)) + 0.3
    size = max(_CELLS[0], min(_CELLS[1], (width - room) / len(names)))
    with journal_style():
        figure = new_figure(max(min(width, 5.0), size * len(names) + room), 0.72 * size * len(names) + 2.2)
        axes = figure.subplots()
        for row in agreement.to_dict("records"):
            first, second = sorted(names.index(row[f"measure_{i}"]) for i in (1, 2))
            tau, pairs = float(row["tau"]), float(row["tau_pairs"])
            few = f"{row['n_turned']} of {row['n_couples']}\nturned" if row["n_arms"] < FEWEST_ARMS else "–"
            _cell(axes, second, first, tau, _number(tau) if np.isfinite(tau) else few, size)
            known = np.isfinite(row["ci_low"]) and size >= _ROOM_FOR_ENDS
            ends = f"\n({_number(row['ci_low'])}, {_number(row['ci_high'])})" if known else ""
            _cell(axes, first, second, pairs, f"{_number(pairs)}{ends}" if np.isfinite(pairs) else "–", size)
        _frame(axes, names, titles)
        most = int(agreement["n_arms"].max())
        definition = (
            f"Up to {most} methods, {int(agreement['n_pairs'].max())} pairs. Above the diagonal: Kendall's τ of the "
            f"methods' means (below {FEWEST_ARMS} methods: couples in opposite orders). Below it: τ within a pair, "
            "mean over pairs, with its interval. Each measure counts by its better values: 1 is the same order, −1 the "
            "opposite. –: all methods are equal by one of the two."
        )
        headline(figure, title, definition)
    return figure


def measures_in_order(agreement: pd.DataFrame) -> list[str]:
    """Measures of a table: those of accuracy first, then of the deformation, then of cost."""
    found = dict.fromkeys([*agreement["measure_1"], *agreement["measure_2"]])
    return sorted(found, key=lambda name: _KINDS.index(compared_columns()[name].tells or "accuracy"))


def _number(tau: float) -> str:
    return fixed(tau, 2)


def _cell(axes: Axes, x: int, y: int, value: float, text: str, size: float) -> None:
    """One cell, with the first line of its text in bold."""
    known = bool(np.isfinite(value))
    colour = to_hex(_COLOURS((value + 1) / 2)) if known else "white"
    axes.add_patch(Rectangle((x + 0.02, y + 0.02), 0.96, 0.96, facecolor=colour, edgecolor=RULE, linewidth=0.4))
    ink = ON_DARK if known and value > 0.7 else ON_LIGHT if known else FAINT
    style: dict[str, Any] = {"ha": "center", "va": "center", "color": ink}
    head, _, below = text.partition("\n")
    axes.text(x + 0.5, y + (0.36 if below else 0.5), head, fontsize=min(7.5, 13 * size), fontweight="bold", **style)
    if below:
        axes.text(x + 0.5, y + 0.72, below, fontsize=min(6.0, 11 * size), **style)


def _titles(names: list[str]) -> list[str]:
    return [wrap_name(compared_columns()[name].title, 18) for name in names]


def _frame(axes: Axes, names: list[str], titles: list[str]) -> None:
    """Names of the measures, and lines between what tells of accuracy, of the deformation and of cost."""
    axes.set_xticks(np.arange(len(names)) + 0.5, titles, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(np.arange(len(names)) + 0.5, titles)
    axes.set(xlim=(0, len(names)), ylim=(len(names), 0))
    axes.tick_params(length=0)
    kinds = [compared_columns()[name].tells for name in names]
    for place, (one, other) in enumerate(pairwise(kinds), start=1):
        if one != other:
            axes.axhline(place, color=INK, linewidth=0.8)
            axes.axvline(place, color=INK, linewidth=0.8)
    for spine in axes.spines.values():
        spine.set_visible(False)


class MeasureAgreement(PageFigure):
    """Whether measures agree, a matrix for each labelling and evaluation."""

    name: ClassVar[str] = "agreement"
    section: ClassVar[str] = "measures"
    place: ClassVar[int] = 10
    needs: ClassVar[str] = "agreement"

    def draw_all(self, shown: Shown) -> Iterator[ReportFigure]:
        """One matrix for each place where label maps are compared."""
        table, grids = shown.table("agreement"), grids_of(shown.tables.pairs)
        for labelling, name in shown.named.items():
            rows = table[table["labelling"] == labelling]
            for number, how in enumerate(evaluations_of(rows)):
                here = rows[rows["evaluation"] == how]
                split = here["split"].iloc[0]
                yield ReportFigure(
                    name=f"{self.name}-{name}{f'-{number + 1}' * bool(number)}",
                    figure=agreement_matrix(here, f"Do measures agree: {labelling}, {split}", width=shown.width),
                    caption="Whether every two measures put the methods in one order, labels compared "
                    f"{compared_where(*grids[how])}. Measures of the deformation and of cost may be against those of "
                    "accuracy: that is its price.",
                    alt=f"Matrix of Kendall's tau between measures, {labelling}. The table agreement.tsv has the "
                    "numbers.",
                    labelling=labelling,
                    folded=int(here["n_arms"].max()) < FEWEST_ARMS,
                )
