"""Violins of Dice: what the pairs of each method look like, not just their mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import gaussian_kde

from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.report.figures.base import OfLabelling, Shown, of_class
from lumirage_bids.report.figures.points import spread, thin
from lumirage_bids.report.figures.style import (
    FAINT,
    INK,
    WIDTH,
    arm_colours,
    better_words,
    empty_axes,
    headline,
    journal_style,
    new_figure,
)
from lumirage_bids.report.text import and_join
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
_KDE_POINTS = 2000
_HALF_WIDTH = 0.4
_CEILINGS = ((0, (1, 1.5)), (0, (5, 1, 1, 1)), (0, (5, 1, 1, 1, 1, 1)))  # dashes
_FEWEST_FOR_SHAPE = 5
_VIOLINS_PER_ROW = 12
_CHARACTER = 0.056  # width of a character of a tick label, inches

_Floats = npt.NDArray[np.float64]


def dice_violins(
    pairs: pd.DataFrame,
    labelling: str,
    *,
    what: str = "mean Dice",
    higher_is_better: bool = True,
    ceilings: Mapping[str, float] | None = None,
    aside: Collection[Arm] = (),
) -> Figure:
    """Draw the mean Dice of all pairs: a panel per split, a violin per arm.

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

    Returns
    -------
    Figure
        180 mm wide. Shape: kernel density (Scott's bandwidth), cut at the lowest and highest pair, all violins
        equally wide. Lines: median and quartiles. Dashed: mean Dice before any alignment. Points: single pairs,
        at most `MAX_POINTS` a violin.
    """
    rows = select(pairs, pairs["labelling"] == labelling).assign(dice=scored_dice)
    rows = rows if "dice_initial" in rows else rows.assign(dice_initial=float("nan"))
    arms = arms_of(rows)
    panels = [name for name, splits in pair_classes(splits_of(rows)).items() if splits == {name}] or [ALL]
    lines = -(-len(panels) // max(1, min(_VIOLINS_PER_ROW // max(1, len(arms)), 4)))
    columns = -(-len(panels) // lines)
    labels = [label.replace(" (", "\n(") for label in arm_labels(arms, aside).values()]
    lying = max((len(part) for label in labels for part in label.split("\n")), default=0) * _CHARACTER
    upright = lying > (WIDTH / columns - 0.5) / max(1, len(arms))
    with journal_style():
        figure = new_figure(WIDTH, 0.85 + 1.9 * lines + (lying if upright else 0.3))
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        low, high = rows["dice"].min(), max([rows["dice"].max(), *(ceilings or {}).values()])
        if high > low:  # of the scores: lines far below would flatten the shapes
            grid[0, 0].set_ylim(low - 0.08 * (high - low), high + 0.05 * (high - low))
        for number, axes in enumerate(grid.flat):
            if number >= len(panels):
                axes.set_axis_off()
                continue
            _panel(axes, rows[rows["split"] == panels[number]], arms, panels[number])
            for value, dashes in zip((ceilings or {}).values(), _CEILINGS, strict=False):
                axes.axhline(value, color=INK, linewidth=0.9, linestyle=dashes, zorder=0)
            axes.tick_params(axis="y", labelleft=True)
            # What stands below the panels is told once a column.
            axes.tick_params(axis="x", labelbottom=number + columns >= len(panels), labelrotation=90 * upright)
        grid[0, 0].set_xticks(range(len(arms)), labels)
        for axes in grid[:, 0]:
            axes.set_ylabel(f"{what[0].upper()}{what[1:]} of a pair\n{better_words(higher_is_better)}")
        definition = (
            "n, above: scored pairs. Shape: kernel density between the lowest and the highest pair. "
            f"Points: single pairs, at most {MAX_POINTS} per violin."
        )
        headline(figure, f"{what[0].upper()}{what[1:]} of each pair: {labelling}", definition)
        figure.legend(
            handles=_legend(initial=bool(rows["dice_initial"].notna().any()), ceilings=list(ceilings or {})),
            loc="outside lower center",
            ncols=4,
        )
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, arms: list[Arm], title: str) -> None:
    if not rows["dice"].notna().any():
        return empty_axes(axes, f"{title}\nno pair was scored")
    colours, counts = arm_colours(arms), []
    for place, arm in enumerate(arms):
        of_arm = rows[(rows["variant"] == arm.variant) & (rows["method"] == arm.method)]
        values = np.sort(of_arm["dice"].dropna().to_numpy(dtype=np.float64))
        _violin(axes, place, values, colours[arm])
        initial = of_arm["dice_initial"].mean()
        axes.plot([place - 0.5, place + 0.5], [initial, initial], color=FAINT, linestyle=(0, (3, 2)), linewidth=0.9)
        counts.append(len(values))
    axes.set_xlim(-0.6, len(arms) - 0.4)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")
    axes.set_title(title)
    initial = rows["dice_initial"].mean()
    if initial < axes.get_ylim()[0]:  # the same for all arms of a variant, and often far below
        told = f"↓ mean initial Dice {initial:.2f}"
        axes.text(0.01, 0.01, told, va="bottom", fontsize=6, color=FAINT, transform=axes.transAxes)
    above = axes.secondary_xaxis("top")
    above.set_xticks(range(len(arms)), [f"n = {n}" if n < 1000 else str(n) for n in counts], fontsize=6)
    above.tick_params(length=0, pad=1)
    above.spines["top"].set_visible(False)
    return None


def _violin(axes: Axes, place: int, values: _Floats, colour: str) -> None:
    """Draw one violin; `values` are sorted."""
    if not len(values):
        return
    points = thin(values, MAX_POINTS)
    half = np.full(len(points), 0.12)
    # Few pairs have no shape; then the points are all there is to see.
    look: dict[str, Any] = {"color": colour, "markersize": 8.0, "alpha": 0.9}
    if len(values) >= _FEWEST_FOR_SHAPE and values[-1] - values[0] > 1e3 * rounding_of(values):
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
    axes.plot(place + 1.5 * half * spread(len(points)), points, ".", markeredgewidth=0, **look)


def _legend(*, initial: bool, ceilings: Sequence[str] = ()) -> list[Line2D]:
    styles: dict[str, Mapping[str, object]] = {
        "median": {"color": INK, "linewidth": 1.8},
        "quartiles": {"color": INK, "linewidth": 0.8},
        "mean initial Dice, before any alignment": {"color": FAINT, "linestyle": (0, (3, 2)), "linewidth": 0.9},
        "a pair": {"color": INK, "marker": ".", "linestyle": "none", "markersize": 4, "alpha": 0.6},
    }
    for name, dashes in zip(ceilings, _CEILINGS, strict=False):
        styles[name] = {"color": INK, "linewidth": 0.9, "linestyle": dashes}
    kept = {label: style for label, style in styles.items() if initial or "initial" not in label}
    return [Line2D([], [], label=label, **style) for label, style in kept.items()]  # type: ignore[arg-type]


class Violins(OfLabelling):
    """Dice of every pair."""

    name: ClassVar[str] = "dice"
    section: ClassVar[str] = "violins"
    judged: ClassVar[str] = "scores"

    def caption(self, shown: Shown, labelling: str) -> str:
        """What shape and points are."""
        return (
            f"Mean Dice of each pair, {labelling}. Shape: kernel density, cut at the lowest and the highest pair. "
            f"Points: single pairs, at most {MAX_POINTS} per violin, evenly through their ranking. n: scored pairs."
        )

    def alt(self, shown: Shown, labelling: str) -> str:
        """Panels and methods."""
        rows = select(shown.tables.pairs, shown.tables.pairs["labelling"] == labelling)
        methods = and_join(list(arm_labels(arms_of(rows)).values()))
        return (
            f"Violins of the mean Dice of the pairs, {labelling}: a panel for each of "
            f"{and_join(list(rows['split'].unique()))}, a violin for each of {methods}. The summary has the numbers."
        )

    def draw(self, shown: Shown, labelling: str) -> Figure:
        """Draw the violins, with what bounds them."""
        ceilings = _known_ceilings(shown, labelling)
        return dice_violins(shown.tables.pairs, labelling, ceilings=ceilings, **shown.look(labelling))


def _known_ceilings(shown: Shown, labelling: str) -> dict[str, float]:
    """What a registration could reach at best: rescans of one brain, and label maps of one scan."""
    summary = shown.tables.summary
    rows = of_class(summary, labelling, SAME_SUBJECT)
    rescans = rows.loc[rows["method"] != FLOOR, "mean"].dropna()
    found = {"rescans of one brain, the best method": float(rescans.max())} if len(rescans) else {}
    return found | {f"label maps against {a.reference}'s": a.dice for a in shown.known.agreements.get(labelling, ())}
