"""A matrix of effect sizes: which arm is above which, and is that small or large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lumirage_bids.report.figures.style import (
    ABOVE,
    BELOW,
    INK,
    WIDTH,
    empty_axes,
    headline,
    journal_style,
    new_figure,
    pairs_told,
)
from lumirage_bids.stats.classes import Arm, arm_labels

#: Lower bounds of |d| and their names: Cohen 1988, Statistical Power Analysis, 2nd ed., doi:10.4324/9780203771587.
BANDS = ((0.0, "negligible"), (0.2, "small"), (0.5, "medium"), (0.8, "large"))
# Blue where the row is above, orange where the column is; the darker the larger, and the sign is printed too.
_ABOVE = ("#f5f5f5", "#cfe3f2", "#84b8dc", ABOVE)
_BELOW = ("#f5f5f5", "#fbe3b5", "#f2bd5c", BELOW)


_CHARACTER = 0.056  # width of a character of a label, inches
_ROOM_FOR_COUNT = 0.55  # inches


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


def effect_matrix(comparisons: pd.DataFrame, labelling: str, split: str, *, what: str = "mean Dice") -> Figure:
    """Draw d_z of every two arms.

    Parameters
    ----------
    comparisons : DataFrame
        Rows of `lumirage_bids.stats.comparisons.compare`.
    labelling, split : str
        The labelling and class of pairs to draw.
    what : str
        The score, in words.

    Returns
    -------
    Figure
        At most 180 mm wide. A cell holds d_z of row minus column: positive (blue) where the row's score is higher,
        negative (orange) where the column's is.
    """
    rows = comparisons[(comparisons["labelling"] == labelling) & (comparisons["split"] == split)]
    effects: dict[tuple[Arm, Arm], tuple[float, int]] = {}
    for row in rows.to_dict("records"):
        a, b = Arm(row["variant_a"], row["method_a"]), Arm(row["variant_b"], row["method_b"])
        effects[b, a] = (float(row["d_z"]), int(row["n"]))
    arms = list(dict.fromkeys([a for _, a in effects] + [b for b, _ in effects]))
    labels = arm_labels(arms)
    names = max((len(label) for label in labels.values()), default=0) * _CHARACTER
    with journal_style():
        size = min(0.95, (WIDTH - 0.5 - names) / max(1, len(arms) - 1))
        side = size * max(1, len(arms) - 1)
        upright = names > size
        height = max(0.6, side * 0.62)
        figure = new_figure(max(4.2, side + names + 0.5), height + 1.4 + (names if upright else 0))
        axes, key = figure.subplots(2, 1, height_ratios=[height, 0.16])
        if not arms:
            key.set_axis_off()
            empty_axes(axes, "Only one method: nothing to compare")
            return figure
        _cells(axes, arms, effects, size)
        axes.set_xticks(np.arange(len(arms) - 1) + 0.5, [labels[arm] for arm in arms[:-1]], rotation=90 * upright)
        axes.set_yticks(np.arange(len(arms) - 1) + 0.5, [labels[arm] for arm in arms[1:]])
        _colour_key(key)
        definition = (
            f"{pairs_told(n for _, n in effects.values())}. d_z: mean of the paired differences in {what}, "
            "row − column, over their standard deviation."
        )
        headline(figure, f"Effect size d_z: {labelling}, {split}", definition)
    return figure


def _cells(axes: Axes, arms: list[Arm], effects: dict[tuple[Arm, Arm], tuple[float, int]], size: float) -> None:
    """Draw the lower triangle; the number of pairs stands in a cell where it differs and there is room (inches)."""
    lower, left = arms[1:], arms[:-1]
    counted = size >= _ROOM_FOR_COUNT and len({n for _, n in effects.values()}) > 1
    for i, row in enumerate(lower):
        for j, column in enumerate(left[: i + 1]):
            d, n = effects[row, column]
            known = np.isfinite(d)
            colour = (_ABOVE if d > 0 else _BELOW)[_step(d)] if known else "white"
            axes.add_patch(Rectangle((j, i), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5))
            style: dict[str, Any] = {
                **{"ha": "center", "va": "center"},
                "color": "white" if known and colour == _ABOVE[-1] else INK,
            }
            text = f"{d:+.2f}".replace("-", "−") if known else "–"
            bold: dict[str, Any] = {"fontsize": min(9.0, 15 * size), "fontweight": "bold"}
            axes.text(j + 0.5, i + (0.42 if counted else 0.5), text, **style, **bold)
            if counted:
                axes.text(j + 0.5, i + 0.75, f"n = {n}", fontsize=6, **style)
    axes.set(xlim=(0, len(left)), ylim=(len(lower), 0))
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _colour_key(axes: Axes) -> None:
    """Draw the bands as a strip from "column higher" to "row higher"."""
    bounds = [low for low, _ in BANDS[1:]]
    names = [name for _, name in BANDS]
    colours = [*reversed(_BELOW), *_ABOVE[1:]]
    for place, (colour, name) in enumerate(zip(colours, [*reversed(names), *names[1:]], strict=True)):
        axes.add_patch(Rectangle((place, 0), 1, 1, facecolor=colour, edgecolor="white", linewidth=1))
        ink = "white" if colour == _ABOVE[-1] else INK
        axes.text(place + 0.5, 0.48, name, ha="center", va="center", fontsize=6, color=ink)
    edges = [*(-low for low in reversed(bounds)), *bounds]
    axes.set(xlim=(0, len(colours)), ylim=(0, 1), yticks=[])
    axes.set_xticks(range(1, len(colours)), [f"{edge:g}".replace("-", "−") for edge in edges], fontsize=6)
    axes.tick_params(length=0, pad=1)
    axes.set_xlabel("← column higher · d_z · row higher →", fontsize=6.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
