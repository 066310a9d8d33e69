"""A matrix of effect sizes: which arm is better than which, and how large that is at least."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from lumirage_bids.report.figures.base import PageFigure, ReportFigure, Shown, among_competitors, of_class
from lumirage_bids.report.figures.style import (
    FAINT,
    ON_DARK,
    ON_LIGHT,
    WIDTH,
    Sheet,
    empty_axes,
    headline,
    journal_style,
    longest_line,
    new_figure,
    tell_pairs,
    wrap_name,
)
from lumirage_bids.report.text import compared_where, fixed
from lumirage_bids.stats.classes import Arm, arm_labels, evaluations_of, grids_of, primary_class

#: Lower bounds of |d| and their names: Cohen 1988, Statistical Power Analysis, 2nd ed., doi:10.4324/9780203771587.
BANDS = ((0.0, "negligible"), (0.2, "small"), (0.5, "medium"), (0.8, "large"))
# Blue where the row is better, orange where the column is; the darker the larger it is at least.
_STRONG = "#1e6ea7"
ROW_BETTER = ("#f0f0f0", "#cfe3f2", "#84b8dc", _STRONG)
COLUMN_BETTER = ("#f0f0f0", "#fbe3b5", "#f2bd5c", "#ce8400")

_KEY = 4.2  # inches that the key to the colours takes
_ROOM_FOR_MORE = 0.55  # inches
_FEWEST_CELLS = 3  # below that the table says it all
_LEAST_CELL = 0.45  # inches: the number is read on a phone too


class _Effect(NamedTuple):
    """d_z of row minus column with the ends of its interval, NaN where there is none, over n pairs."""

    d: float
    low: float
    high: float
    n: int

    @property
    def least(self) -> float:
        """The end of the interval nearer to 0, 0 where the interval holds it; NaN without one."""
        return float(max(self.low, 0.0) + min(self.high, 0.0))


def band(d: float) -> str:
    """Name the size of an effect.

    Examples
    --------
    >>> [band(d) for d in (0.1, -0.2, 0.79, -3.0)]
    ['negligible', 'small', 'medium', 'large']
    """
    return BANDS[_step(d)][1]


def _step(d: float) -> int:
    return int(np.searchsorted([low for low, _ in BANDS], abs(d), side="right")) - 1


def effect_matrix(
    comparisons: pd.DataFrame,
    labelling: str,
    split: str,
    *,
    what: str = "mean Dice",
    higher_is_better: bool = True,
    aside: Collection[Arm] = (),
    width: float = WIDTH,
) -> Sheet:
    """Draw d_z of every two arms.

    Parameters
    ----------
    comparisons : DataFrame
        Rows of `lumirage_bids.stats.comparisons.compare`.
    labelling, split : str
        The labelling and class of pairs to draw.
    what : str
        The score, in words.
    higher_is_better : bool
        Which scores are better.
    aside : collection of Arm
        Arms that are set aside for lacking pairs: their effects are told without colour.
    width : float
        Inches.

    Returns
    -------
    Sheet
        Wider than asked for where cells could not be read. A cell holds d_z of row minus column and its interval. Its
        colour says how large the effect is at least, by the end of the interval nearer to 0: blue where the row is
        better, orange where the column is, grey where that is less than small. An effect without an interval has no
        colour.
    """
    rows = of_class(comparisons, labelling, split)
    effects: dict[tuple[Arm, Arm], _Effect] = {}
    for row in rows.to_dict("records"):
        a, b = Arm(row["variant_a"], row["method_a"]), Arm(row["variant_b"], row["method_b"])
        effects[b, a] = _Effect(float(row["d_z"]), float(row["d_z_low"]), float(row["d_z_high"]), int(row["n"]))
    arms = list(dict.fromkeys([a for _, a in effects] + [b for b, _ in effects]))
    labels = {arm: wrap_name(label, 12) for arm, label in arm_labels(arms, aside).items()}
    names = longest_line(labels.values())
    with journal_style():
        size = max(_LEAST_CELL, min(0.95, (width - 0.5 - names) / max(1, len(arms) - 1)))
        side = size * max(1, len(arms) - 1)
        upright = names > size
        height = max(0.6, side * 0.62)
        figure = new_figure(max(min(width, _KEY), side + names + 0.5), height + 1.4 + (names if upright else 0))
        axes, key = figure.subplots(2, 1, height_ratios=[height, 0.16])
        if not arms:
            key.set_axis_off()
            empty_axes(axes, "Only one method: nothing to compare")
            return figure
        _cells(axes, arms, effects, size, 1 if higher_is_better else -1, aside)
        axes.set_xticks(np.arange(len(arms) - 1) + 0.5, [labels[arm] for arm in arms[:-1]], rotation=90 * upright)
        axes.set_yticks(np.arange(len(arms) - 1) + 0.5, [labels[arm] for arm in arms[1:]])
        _colour_key(key, higher_is_better=higher_is_better)
        definition = (
            f"{tell_pairs(effect.n for effect in effects.values())}. d_z: mean of the paired differences in {what} "
            f"({'higher' if higher_is_better else 'lower'} is better), row − column, over their standard deviation; "
            "in brackets its interval. Colour: its size at least, by the end of the interval nearer to 0; none "
            f"without an interval{', nor beside a method set aside' if set(arms) & set(aside) else ''}."
        )
        headline(figure, f"Effect size d_z: {labelling}, {split}", definition)
    return figure


def _cells(
    axes: Axes,
    arms: list[Arm],
    effects: dict[tuple[Arm, Arm], _Effect],
    size: float,
    sign: int,
    aside: Collection[Arm],
) -> None:
    """Draw the lower triangle; intervals, and numbers of pairs where they differ, where there is room (inches)."""
    lower, left = arms[1:], arms[:-1]
    counted = len({effect.n for effect in effects.values()}) > 1
    for i, row in enumerate(lower):
        for j, column in enumerate(left[: i + 1]):
            effect = effects[row, column]
            coloured = np.isfinite(effect.least) and not {row, column} & set(aside)
            shades = ROW_BETTER if sign * effect.d > 0 else COLUMN_BETTER
            colour = shades[_step(effect.least)] if coloured else "white"
            frame: dict[str, Any] = (
                {"edgecolor": "white", "linewidth": 1.5} if coloured else {"edgecolor": "#d0d0d0", "linewidth": 0.6}
            )
            axes.add_patch(Rectangle((j + 0.02, i + 0.02), 0.96, 0.96, facecolor=colour, **frame))
            ink = ON_DARK if colour == _STRONG else ON_LIGHT if coloured else FAINT
            style: dict[str, Any] = {"ha": "center", "va": "center", "color": ink}
            told = [*([_ends(effect)] if np.isfinite(effect.d) else []), *([f"n = {effect.n}"] if counted else [])]
            told = told if size >= _ROOM_FOR_MORE else []
            text = _write_signed(effect.d) if np.isfinite(effect.d) else "–"
            bold: dict[str, Any] = {"fontsize": min(9.0, 15 * size), "fontweight": "bold"}
            axes.text(j + 0.5, i + 0.5 - 0.13 * len(told), text, **style, **bold)
            for place, line in enumerate(told):
                axes.text(j + 0.5, i + 0.84 - 0.26 * (len(told) - 1 - place), line, fontsize=6, **style)
    axes.set(xlim=(0, len(left)), ylim=(len(lower), 0))
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _write_signed(d: float) -> str:
    return fixed(d, 2, sign=True)


def _ends(effect: _Effect) -> str:
    return (
        f"({_write_signed(effect.low)}, {_write_signed(effect.high)})" if np.isfinite(effect.least) else "no interval"
    )


def _colour_key(axes: Axes, *, higher_is_better: bool) -> None:
    """Draw the bands as a strip from "column better" to "row better"."""
    bounds = [low for low, _ in BANDS[1:]]
    names = ["< small", *(name for _, name in BANDS[1:])]
    colours = [*reversed(COLUMN_BETTER), *ROW_BETTER[1:]]
    for place, (colour, name) in enumerate(zip(colours, [*reversed(names), *names[1:]], strict=True)):
        axes.add_patch(Rectangle((place, 0), 1, 1, facecolor=colour, edgecolor="white", linewidth=1))
        ink = ON_DARK if colour == _STRONG else ON_LIGHT
        axes.text(place + 0.5, 0.48, name, ha="center", va="center", fontsize=6, color=ink)
    sign = 1 if higher_is_better else -1
    edges = [sign * edge for edge in (*(-low for low in reversed(bounds)), *bounds)]
    axes.set(xlim=(0, len(colours)), ylim=(0, 1), yticks=[])
    axes.set_xticks(range(1, len(colours)), [f"{edge:g}".replace("-", "−") for edge in edges], fontsize=6)
    axes.tick_params(length=0, pad=1)
    axes.set_xlabel("← column better, at least · d_z · row better, at least →", fontsize=6.5)
    for spine in axes.spines.values():
        spine.set_visible(False)


class EffectSizes(PageFigure):
    """Effect sizes, a matrix for each labelling and evaluation."""

    name: ClassVar[str] = "effects"
    section: ClassVar[str] = "comparisons"
    place: ClassVar[int] = 20
    judged: ClassVar[str] = "effects"
    needs: ClassVar[str] = "comparisons"

    def draw_all(self, shown: Shown) -> Iterator[ReportFigure]:
        """One matrix for each place where label maps are compared."""
        comparisons = shown.tables.comparisons
        for labelling, name in shown.named.items():
            rows = among_competitors(comparisons[comparisons["labelling"] == labelling])
            if rows.empty:
                continue
            split = primary_class(rows["split"])
            grids = grids_of(shown.tables.pairs)
            for number, how in enumerate(evaluations_of(rows)):
                here = rows[rows["evaluation"] == how]
                where = f"compared {compared_where(*grids[how])}" if how in grids else f"of {how}"
                yield ReportFigure(
                    name=f"{self.name}-{name}{f'-{number + 1}' * bool(number)}",
                    figure=effect_matrix(here, labelling, split, **shown.look(labelling)),
                    caption=f"Labels {where}. Positive: the row is better. Blue: the row is better; orange: the column "
                    "is. White: no interval, or a method that is set aside. Bands after Cohen: small from 0.2, medium "
                    "from 0.5, large from 0.8.",
                    alt=f"Matrix of effect sizes d_z between methods, {labelling}. The table of comparisons has the "
                    "numbers.",
                    labelling=labelling,
                    folded=len(here) < _FEWEST_CELLS,
                )
