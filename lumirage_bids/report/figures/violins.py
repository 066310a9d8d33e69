"""Dice of every pair: what the pairs of each method look like, not just their mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy.stats import gaussian_kde

from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.report.figures.base import OfLabelling, Shown, of_class
from lumirage_bids.report.figures.points import spread, thin
from lumirage_bids.report.figures.style import (
    FAINT,
    INK,
    PANEL,
    RULE,
    WIDTH,
    Point,
    Sheet,
    arm_colours,
    better_words,
    empty_axes,
    fill,
    headline,
    journal_style,
    legend_below,
    longest_line,
    new_figure,
    wrap_name,
)
from lumirage_bids.report.text import and_join, fixed
from lumirage_bids.stats.classes import (
    ALL,
    FLOOR,
    Arm,
    arm_labels,
    arms_of,
    pair_classes,
    scored_dice,
    select,
    splits_of,
)
from lumirage_bids.stats.score import rounding_of

#: No violin shows more points than this; of more pairs, these are drawn evenly through their ranking.
MAX_POINTS = 300
#: Fewer pairs have no shape: then their points are all there is to see.
FEWEST_FOR_SHAPE = 20
_KDE_POINTS = 2000
_TICK = 0.45  # inches that a number on the axis takes
_HALF_HEIGHT = 0.4
_CEILINGS = ((0, (1, 1.5)), (0, (5, 1, 1, 1)), (0, (5, 1, 1, 1, 1, 1)))  # dashes
_FLOOR = (f"{FLOOR}, median", (0, (3, 2)))
_INITIAL = ("initial, mean", (0, (1, 1)))
_FAR = 0.5  # of the range of the scores: what lies farther off is told in words, as its line would flatten the shapes

_Floats = npt.NDArray[np.float64]


def dice_violins(
    pairs: pd.DataFrame,
    labelling: str,
    *,
    what: str = "mean Dice",
    higher_is_better: bool = True,
    ceilings: Mapping[str, float] | None = None,
    aside: Collection[Arm] = (),
    width: float = WIDTH,
) -> Sheet:
    """Draw the mean Dice of all pairs: a panel per split, a row per arm; the floor is a line in the others' rows.

    Parameters
    ----------
    pairs : DataFrame
        Rows of the score table, with columns variant, method, labelling, split, status, dice_mean, dice_initial.
    labelling : str
        The labelling to draw.
    what : str
        The score, in words.
    higher_is_better : bool
        Which scores are better.
    ceilings : mapping of str to float, optional
        What a registration could reach at best, by what that was measured on: a line each over all panels.
    aside : collection of Arm
        Arms that are set aside for lacking pairs: the figure says so.
    width : float
        Inches.

    Returns
    -------
    Sheet
        Shape: kernel density (Scott's bandwidth), cut at the lowest and highest pair, all equally high; of fewer than
        `FEWEST_FOR_SHAPE` pairs points alone, a thin line joining those of one pair. Lines: median and quartiles.
        Dashed: median of the floor in the same variant; dotted: mean before any alignment; both in words where they
        lie far off. Points: single pairs, at most `MAX_POINTS` a row.
    """
    rows = select(pairs, pairs["labelling"] == labelling).assign(dice=scored_dice)
    rows = rows if "dice_initial" in rows else rows.assign(dice_initial=float("nan"))
    known = arms_of(rows)
    arms = [arm for arm in known if arm.method != FLOOR] or known
    panels = [name for name, splits in pair_classes(splits_of(rows)).items() if splits == {name}] or [ALL]
    labels = [wrap_name(label) for label in arm_labels(known, aside).values()][len(known) - len(arms) :]
    columns = max(1, min(len(panels), int((width - longest_line(labels)) / (0.75 * PANEL))))
    lines = -(-len(panels) // columns)
    shaped = rows.groupby(["variant", "method", "split"])["dice"].count().max() >= FEWEST_FOR_SHAPE
    with journal_style():
        figure = new_figure(width, 1.1 + lines * (0.55 + (0.36 if shaped else 0.28) * max(len(arms), 2)))
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        competing = rows[rows["method"] != FLOOR] if arms != known else rows
        limits = _set_limits(grid[0, 0], competing, [*(ceilings or {}).values()])
        for number, axes in enumerate(grid.flat):
            if number >= len(panels):
                axes.set_axis_off()
                continue
            of = rows[rows["split"] == panels[number]]
            if not of["dice"].notna().any():
                empty_axes(axes, f"{panels[number]}\nno pair was scored")
                continue
            _panel(axes, of, arms, limits)
            axes.set_title(panels[number])
            for value, dashes in zip((ceilings or {}).values(), _CEILINGS, strict=False):
                axes.axvline(value, color=INK, linewidth=0.9, linestyle=dashes, zorder=0)
            axes.tick_params(axis="x", labelbottom=number + columns >= len(panels))
            if number + columns >= len(panels):
                axis = f"{what[0].upper()}{what[1:]} of a pair, {better_words(higher_is_better)}"
                axes.set_xlabel(fill(axis, (width - longest_line(labels)) / columns + 0.2))
        grid[0, 0].set_yticks(range(len(arms)), labels)
        grid[0, 0].xaxis.set_major_locator(MaxNLocator(int((width - longest_line(labels)) / columns / _TICK)))
        definition = (
            f"Points: single pairs{f', at most {MAX_POINTS} per row' if shaped else ', joined by a thin line'}. n: "
            f"scored pairs.{' Shape: kernel density between the lowest and the highest pair.' if shaped else ''}"
        )
        headline(figure, f"{what[0].upper()}{what[1:]} of each pair: {labelling}", definition)
        drawn = {line.get_label() for axes in grid.flat for line in axes.collections}
        marks = _legend(drawn, shaped=shaped, ceilings=list(ceilings or {}))
        legend_below(figure, marks, [str(mark.get_label()) for mark in marks])
    return figure


def _set_limits(axes: Axes, rows: pd.DataFrame, ceilings: Sequence[float]) -> tuple[float, float]:
    """End the axis where the scores of what competes end: lines far below would flatten the shapes."""
    low, high = rows["dice"].min(), max([rows["dice"].max(), *ceilings])
    if not high > low:
        low, high = (low - 0.05, high + 0.05) if np.isfinite(low) else (0.0, 1.0)
    beyond = 0.06 * (high - low)
    axes.set_xlim(low - beyond, high + beyond)
    return axes.get_xlim()


def _panel(axes: Axes, rows: pd.DataFrame, arms: list[Arm], limits: tuple[float, float]) -> None:
    colours, counts, few = arm_colours(arms), [], []
    for place, arm in enumerate(arms):
        of_arm = _of(rows, arm).dropna(subset="dice").sort_values("dice", kind="stable")
        values = of_arm["dice"].to_numpy(dtype=np.float64)
        kept = thin(np.arange(len(values), dtype=np.float64), MAX_POINTS).astype(int)
        if len(values) >= FEWEST_FOR_SHAPE and values[-1] - values[0] > 1e3 * rounding_of(values):
            drawn = _shape(axes, place, values, values[kept], colours[arm])
        else:
            drawn = _dots(axes, place, values[kept], colours[arm])
            few.append((place, of_arm))
        _name(axes, drawn, of_arm.iloc[kept])
        counts.append(len(values))
    _join(axes, few)
    axes.set_ylim(len(arms) - 0.45, -0.55)
    _references(axes, rows, arms, limits)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    beside = axes.secondary_yaxis("right")
    beside.set_yticks(range(len(arms)), [f"n = {n}" if n < 1000 else str(n) for n in counts], fontsize=6)
    beside.tick_params(length=0, pad=1)
    beside.spines["right"].set_visible(False)


def _of(rows: pd.DataFrame, arm: Arm) -> pd.DataFrame:
    return rows[(rows["variant"] == arm.variant) & (rows["method"] == arm.method)]


def _shape(axes: Axes, place: int, values: _Floats, points: _Floats, colour: str) -> Line2D:
    """Draw a violin with its quartiles and points; `values` are sorted."""
    density = gaussian_kde(thin(values, _KDE_POINTS))
    levels = np.linspace(values[0], values[-1], 120)
    scale = _HALF_HEIGHT / density(levels).max()
    reach = density(levels) * scale
    axes.fill_between(levels, place - reach, place + reach, facecolor=colour, alpha=0.45, edgecolor=colour, lw=0.8)
    half = density(points) * scale
    for share, weight in ((0.25, 0.8), (0.5, 1.8), (0.75, 0.8)):
        level = float(np.quantile(values, share))
        tall = float(density(level)[0]) * scale
        axes.vlines(level, place - tall, place + tall, color=INK, linewidth=weight)
    look: dict[str, Any] = {"color": INK, "markersize": 2.2, "alpha": 0.45, "markeredgewidth": 0}
    return axes.plot(points, place + 1.5 * half * spread(len(points)), ".", **look)[0]


def _dots(axes: Axes, place: int, points: _Floats, colour: str) -> Line2D:
    """Draw few pairs, and their median."""
    if len(points):
        axes.vlines(np.median(points), place - 0.3, place + 0.3, color=INK, linewidth=1.8)
    look: dict[str, Any] = {"color": colour, "markersize": 8.0, "alpha": 0.9, "markeredgewidth": 0}
    return axes.plot(points, np.full(len(points), place), ".", zorder=3, **look)[0]


def _name(axes: Axes, line: Line2D, rows: pd.DataFrame) -> None:
    figure = axes.get_figure()
    if isinstance(figure, Sheet):
        told = (fixed(float(dice)) for dice in rows["dice"])
        figure.name_points(line, map(Point, rows["moving"], rows["fixed"], told))


def _join(axes: Axes, few: Sequence[tuple[int, pd.DataFrame]]) -> None:
    """Join the points of one pair from row to row."""
    for (place, of), (after, other) in pairwise(few):
        both = of.merge(other, on=["moving", "fixed"], suffixes=("", "_after"))
        if after == place + 1:
            axes.plot(both[["dice", "dice_after"]].T, [place, after], color=RULE, linewidth=0.6, zorder=1)


def _references(axes: Axes, rows: pd.DataFrame, arms: list[Arm], limits: tuple[float, float]) -> None:
    """Draw where each row's floor is, and what there was before any alignment; tell in words of what lies far off."""
    reach = _FAR * (limits[1] - limits[0])
    floors = [_of(rows, Arm(arm.variant, FLOOR))["dice"].median() if arm.method != FLOOR else np.nan for arm in arms]
    initial = [_of(rows, arm)["dice_initial"].mean() for arm in arms]
    far = []
    for name, values, (label, dashes) in ((FLOOR, floors, _FLOOR), ("initial", initial, _INITIAL)):
        seen = np.array(values, dtype=np.float64)
        further = reach if name == FLOOR else 0.0  # what was before any alignment sets no end
        near = (seen > limits[0] - further) & (seen < limits[1] + further)
        places = np.flatnonzero(near)
        look: dict[str, Any] = {"color": FAINT, "linestyle": dashes, "linewidth": 0.9, "zorder": 0}
        if near.any():
            axes.vlines(seen[near], places - 0.5, places + 0.5, label=label, **look)
        low, high = axes.get_xlim()
        beyond = 0.05 * reach
        axes.set_xlim(min([low, *(seen[near] - beyond)]), max([high, *(seen[near] + beyond)]))
        if len(away := seen[np.isfinite(seen) & ~near]):
            ends = list(dict.fromkeys(fixed(end, 2) for end in (away.min(), away.max())))
            far.append((f"{name} {' to '.join(ends)}", bool(away.max() < limits[0])))
    if far:
        axes.set_ylim(axes.get_ylim()[0] + 0.45, axes.get_ylim()[1])
        below, names = all(below for _, below in far), ", ".join(name for name, _ in far)
        told = f"← {names}" if below else f"{names} →"
        place: dict[str, Any] = {"ha": "left" if below else "right", "va": "bottom", "transform": axes.transAxes}
        axes.text(0.01 if below else 0.99, 0.01, told, fontsize=6.5, color=FAINT, **place)


def _legend(drawn: Collection[object], *, shaped: bool, ceilings: Sequence[str]) -> list[Line2D]:
    styles: dict[str, Mapping[str, object]] = {
        "median": {"color": INK, "linewidth": 1.8},
        "quartiles": {"color": INK, "linewidth": 0.8},
        **{label: {"color": FAINT, "linestyle": dashes, "linewidth": 0.9} for label, dashes in (_FLOOR, _INITIAL)},
        "a pair": {"color": INK, "marker": ".", "linestyle": "none", "markersize": 4, "alpha": 0.6},
    }
    for name, dashes in zip(ceilings, _CEILINGS, strict=False):
        styles[name] = {"color": INK, "linewidth": 0.9, "linestyle": dashes}
    out = {"quartiles": shaped, **{label: label in drawn for label, _ in (_FLOOR, _INITIAL)}}
    kept = {label: style for label, style in styles.items() if out.get(label, True)}
    return [Line2D([], [], label=label, **style) for label, style in kept.items()]  # type: ignore[arg-type]


class Violins(OfLabelling):
    """Dice of every pair."""

    name: ClassVar[str] = "dice"
    section: ClassVar[str] = "overview"
    place: ClassVar[int] = 10
    judged: ClassVar[str] = "scores"
    first_look: ClassVar[bool] = True

    def caption(self, shown: Shown, labelling: str) -> str:
        """What the lines are."""
        return (
            f"Thick line: median. Dashed: the median of {FLOOR}, the start without any deformation, of the same "
            "variant; where it lies far off, its value stands in the corner."
        )

    def alt(self, shown: Shown, labelling: str) -> str:
        """Panels and methods."""
        rows = select(shown.tables.pairs, shown.tables.pairs["labelling"] == labelling)
        methods = and_join(list(arm_labels(arms_of(rows)).values()))
        return (
            f"Mean Dice of the pairs, {labelling}: a panel for each of "
            f"{and_join(list(rows['split'].unique()))}, a row for each of {methods}. The summary has the numbers."
        )

    def draw(self, shown: Shown, labelling: str) -> Sheet:
        """Draw the scores, with what bounds them."""
        ceilings = _known_ceilings(shown, labelling)
        return dice_violins(shown.tables.pairs, labelling, ceilings=ceilings, **shown.look(labelling))


def _known_ceilings(shown: Shown, labelling: str) -> dict[str, float]:
    """What a registration could reach at best: rescans of one brain, and label maps of one scan."""
    summary = shown.tables.summary
    rows = of_class(summary, labelling, SAME_SUBJECT)
    rescans = rows.loc[rows["method"] != FLOOR, "mean"].dropna()
    found = {"rescans of one brain, the best method": float(rescans.max())} if len(rescans) else {}
    return found | {f"label maps against {a.reference}'s": a.dice for a in shown.known.agreements.get(labelling, ())}
