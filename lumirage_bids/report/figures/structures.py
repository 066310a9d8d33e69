"""Dots of mean Dice per structure: where the methods differ."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import pandas as pd

from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.report.figures.base import OfLabelling, Shown, with_structures
from lumirage_bids.report.figures.rows import ROW, columns_of, dots, ends_of, legend_marks, name_rows
from lumirage_bids.report.figures.style import (
    WIDTH,
    Sheet,
    better_words,
    competing,
    empty_axes,
    headline,
    interval_words,
    journal_style,
    legend_below,
    new_figure,
)
from lumirage_bids.stats.classes import FLOOR, Arm, arm_labels, arms_of


def structure_dots(
    per_structure: pd.DataFrame, labelling: str, *, aside: Collection[Arm] = (), width: float = WIDTH
) -> Sheet:
    """Draw the mean Dice of every structure, a mark per arm, best structures first.

    Parameters
    ----------
    per_structure : DataFrame
        Rows of `lumirage_bids.stats.summaries.per_structure`.
    labelling : str
        The labelling to draw.
    aside : collection of Arm
        Arms that are set aside for lacking pairs: the figure says so.
    width : float
        Inches.

    Returns
    -------
    Sheet
        3.2 mm a structure; more than 40 structures stand in two columns, where there is room. A line joins the lowest
        and the highest arm of a structure; bars are the 95 % intervals of the means. Structures that were never scored
        are left out.
    """
    rows = with_structures(per_structure, labelling)
    arms = arms_of(rows)
    names = rows.drop_duplicates("index").set_index("index")["name"]
    by_arm = rows.set_index(["index", "variant", "method"])
    means, low, high = (by_arm[column].unstack(["variant", "method"]) for column in ("mean", "ci_low", "ci_high"))
    order = _best_first(means, arms)
    columns = columns_of(len(order), width)
    length = -(-len(order) // columns)
    ends = ends_of(arms, means) if order else (0.0, 1.0)
    with journal_style():
        figure = new_figure(width, 1.0 + ROW * max(length, 6))
        grid = figure.subplots(1, columns, sharex=True, squeeze=False)[0]
        if not order:
            empty_axes(grid[0], "No structure was scored")
            return figure
        for number, axes in enumerate(grid):
            part = order[number * length : (number + 1) * length]
            dots(axes, arms, *(wide.loc[part] for wide in (means, low, high)), ends=ends)
            axes.set_xlabel(f"Mean Dice, {better_words(True)}")
            name_rows(axes, [str(names[i]) for i in part], length)
        most = int(rows["n"].max())
        definition = (
            f"Means over the pairs that have the structure, n ≤ {most}. "
            f"{interval_words(bool(rows['ci_low'].notna().any()))}"
        )
        headline(figure, f"Mean Dice per structure: {labelling}", definition)
        legend_below(figure, legend_marks(arms), list(arm_labels(arms, aside).values()))
    return figure


def _best_first(means: pd.DataFrame, arms: list[Arm]) -> list[int]:
    """List indices by falling mean over the methods; the floor decides only where it is alone."""
    if means.empty:
        return []
    return [int(i) for i in means[competing(arms)].mean(axis=1).sort_values(ascending=False, kind="stable").index]


def _which(shown: Shown, labelling: str) -> str:
    """Pairs that structures are summed up over, in words."""
    splits = shown.tables.pairs.loc[shown.tables.pairs["labelling"] == labelling, "split"]
    rescan = splits == SAME_SUBJECT
    return "rescans" if rescan.all() else "pairs of different subjects" if rescan.any() else "all pairs"


class StructureDots(OfLabelling):
    """Dice of each structure."""

    name: ClassVar[str] = "structures"
    section: ClassVar[str] = "structures"
    place: ClassVar[int] = 10
    needs: ClassVar[str] = "structures"

    def caption(self, shown: Shown, labelling: str) -> str:
        """Over which pairs."""
        return (
            f"Over {_which(shown, labelling)}, best structures first. Where {FLOOR} lies beyond the axis, a grey arrow."
        )

    def alt(self, shown: Shown, labelling: str) -> str:
        """What it shows."""
        return f"Dots of mean Dice per structure and method, {labelling}. The table below has the numbers."

    def draw(self, shown: Shown, labelling: str) -> Sheet | None:
        """Draw it where a structure was scored."""
        rows = shown.table("structures")
        if with_structures(rows, labelling).empty:
            return None
        return structure_dots(rows, labelling, aside=shown.aside(labelling), width=shown.width)
