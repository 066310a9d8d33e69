"""What a registration costs, and what it brings: run time and memory against Dice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from lumirage_bids.report.figures.base import OfLabelling, Shown
from lumirage_bids.report.figures.style import (
    FAINT,
    WIDTH,
    Sheet,
    arm_colours,
    arm_markers,
    fill,
    headline,
    journal_style,
    legend_below,
    log_axis,
    new_figure,
    tell_pairs,
)
from lumirage_bids.report.text import fixed
from lumirage_bids.stats.classes import FLOOR, Arm, arm_labels, arms_of, rows_of_class, scored_dice

_MEASURES = {"runtime_s": "Run time of a registration, s", "memory_gb": "Peak memory of a registration, GB"}
_FAR = 1.0  # of the range of Dice
_Floats = npt.NDArray[np.float64]


class Quartiles(NamedTuple):
    """Quartiles (first, median, third) of an arm's Dice, run time (s) and peak memory (10⁹ bytes) over n pairs."""

    n: int
    dice: _Floats
    runtime_s: _Floats
    memory_gb: _Floats


def costs(pairs: pd.DataFrame, labelling: str, split: str) -> dict[Arm, Quartiles]:
    """Sum up Dice and cost of every arm over its scored pairs; arms without any, and without a cost, are left out.

    Parameters
    ----------
    pairs : DataFrame
        The score table.
    labelling, split : str
        The labelling and class of pairs.
    """
    rows = rows_of_class(pairs, labelling, split)
    table = rows.assign(dice=scored_dice(rows)).dropna(subset="dice")
    found = {}
    for arm in arms_of(table):
        mine = table[(table["variant"] == arm.variant) & (table["method"] == arm.method)]
        measures = (mine[name].to_numpy(dtype=np.float64) for name in ("dice", *_MEASURES))
        cost = Quartiles(len(mine), *(np.quantile(values, (0.25, 0.5, 0.75)) for values in measures))
        if arm.method == FLOOR or (cost.runtime_s > 0).all():
            found[arm] = cost
    return found


def dice_against_cost(
    of: Mapping[Arm, Quartiles], labelling: str, split: str, *, aside: Collection[Arm] = (), width: float = WIDTH
) -> Sheet:
    """Draw run time and peak memory of every arm against its Dice.

    Parameters
    ----------
    of : mapping of Arm to Quartiles
        What `costs` finds, with at least one arm that is not the floor.
    labelling, split : str
        What that is of, for the title.
    aside : collection of Arm
        Arms that are set aside for lacking pairs: the figure says so.
    width : float
        Inches.

    Returns
    -------
    Sheet
        Logarithmic axes of cost. Marks: medians over pairs; bars: quartiles. The floor registers nothing: its Dice is a
        line, or told in words where it lies far off.
    """
    with journal_style():
        figure = new_figure(width, 3.0)
        grid = figure.subplots(1, 2, sharey=True)
        for axes, (measure, title) in zip(grid, _MEASURES.items(), strict=True):
            _panel(axes, of, measure, aside)
            axes.set_xlabel(fill(title, (width - 0.6) / 2))
        _floor(grid, of)
        grid[0].set_ylabel("Mean Dice of a pair")
        headline(
            figure,
            f"Accuracy against cost: {labelling}, {split}",
            f"{tell_pairs(cost.n for cost in of.values())}. Marks: medians over pairs; bars: quartiles. "
            "Better is up and to the left.",
        )
        legend_below(figure, *grid[0].get_legend_handles_labels())
    return figure


def _panel(axes: Axes, of: Mapping[Arm, Quartiles], measure: str, aside: Collection[Arm]) -> None:
    arms = list(of)
    labels, colours, markers = arm_labels(arms, aside), arm_colours(arms), arm_markers(arms)
    for arm, cost in of.items():
        if arm.method == FLOOR:
            continue
        low, dice, high = cost.dice
        cheap, middle, dear = getattr(cost, measure)
        look: dict[str, Any] = {"color": colours[arm], "markersize": 5.5, "elinewidth": 1.0, "label": labels[arm]}
        across, along = [[middle - cheap], [dear - middle]], [[dice - low], [high - dice]]
        axes.errorbar(middle, dice, along, across, markers[arm], **look)
    axes.set_xscale("log")
    left, right = axes.get_xlim()
    axes.set_xlim(left / 1.3, right * 1.3)
    log_axis(axes.xaxis)
    axes.grid(axis="both")


def _floor(grid: Sequence[Axes], of: Mapping[Arm, Quartiles]) -> None:
    """Draw the floor's Dice as a line where it lies near; else tell it, as it would flatten what is compared."""
    low, high = grid[0].get_ylim()
    medians = [float(cost.dice[1]) for arm, cost in of.items() if arm.method == FLOOR]
    near = [median for median in medians if low - _FAR * (high - low) < median < high]
    for axes in grid:
        for place, median in enumerate(near):
            told = None if place else f"{FLOOR}, median"
            axes.axhline(median, color=FAINT, linestyle=(0, (3, 2)), linewidth=0.9, label=told)
    if (
        far := list(dict.fromkeys(fixed(median, 2) for median in (min(medians), max(medians))))
        if medians and not near
        else []
    ):
        look: dict[str, Any] = {"fontsize": 6.5, "color": FAINT, "va": "bottom", "transform": grid[0].transAxes}
        grid[0].text(0.02, 0.01, f"↓ {FLOOR} {' to '.join(far)}", **look)


class Costs(OfLabelling):
    """Dice against time and memory."""

    name: ClassVar[str] = "cost"
    section: ClassVar[str] = "overview"
    place: ClassVar[int] = 30

    def caption(self, shown: Shown, labelling: str) -> str:
        """What the axes are, and when times compare."""
        return (
            "Run time and peak memory of the registration alone. Times compare only if all pairs ran on the same "
            "machine with the same threads."
        )

    def alt(self, shown: Shown, labelling: str) -> str:
        """The axes."""
        return f"Dice against run time and against memory of each method, {labelling}. The summary has the numbers."

    def draw(self, shown: Shown, labelling: str) -> Sheet | None:
        """Draw it where at least two competitors have costs."""
        split = shown.split(labelling)
        found = costs(shown.tables.pairs, labelling, split)
        if sum(arm.method != FLOOR for arm in found) < 2:
            return None
        return dice_against_cost(found, labelling, split, aside=shown.aside(labelling), width=shown.width)
