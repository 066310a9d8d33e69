"""A matrix of effect sizes: which arm is above which, and is that small or large."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lumirage_bids.figures.style import INK, WIDTH, empty_axes, journal_style, new_figure
from lumirage_bids.stats.classes import Arm, arm_labels

#: Lower bounds of |d| and their names: Cohen 1988, Statistical Power Analysis, 2nd ed., doi:10.4324/9780203771587.
BANDS = ((0.0, "negligible"), (0.2, "small"), (0.5, "medium"), (0.8, "large"))
# Blue where the row is above, orange where the column is; the darker the larger, and the sign is printed too.
_ABOVE = ("#f5f5f5", "#cfe3f2", "#84b8dc", "#1f6fa8")
_BELOW = ("#f5f5f5", "#fbe3b5", "#f2bd5c", "#cf8500")


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


def effect_matrix(comparisons: pd.DataFrame, labelling: str, split: str) -> Figure:
    """Draw d_z of every two arms.

    Parameters
    ----------
    comparisons : DataFrame
        Rows of `lumirage_bids.stats.comparisons.compare`.
    labelling, split : str
        The labelling and class of pairs to draw.

    Returns
    -------
    Figure
        At most 180 mm wide. A cell holds d_z of row minus column: positive (blue) where the row's Dice is higher,
        negative (orange) where the column's is.
    """
    rows = comparisons[(comparisons["labelling"] == labelling) & (comparisons["split"] == split)]
    effects: dict[tuple[Arm, Arm], tuple[float, int]] = {}
    for row in rows.to_dict("records"):
        a, b = Arm(row["variant_a"], row["method_a"]), Arm(row["variant_b"], row["method_b"])
        effects[b, a] = (float(row["d_z"]), int(row["n"]))
    arms = list(dict.fromkeys([a for _, a in effects] + [b for b, _ in effects]))
    with journal_style():
        size = min(0.95, (WIDTH - 1.6) / max(1, len(arms) - 1))
        side = size * max(1, len(arms) - 1)
        height = max(0.6, side * 0.62)
        figure = new_figure(max(4.2, side + 1.6), height + 1.5)
        axes, key = figure.subplots(2, 1, height_ratios=[height, 0.16])
        if not arms:
            key.set_axis_off()
            empty_axes(axes, "Only one method: nothing to compare")
            return figure
        _cells(axes, arms, effects)
        _colour_key(key)
        figure.suptitle(f"Effect size d_z, row − column: {labelling}, {split}", fontsize=8, fontweight="bold")
    return figure


def _cells(axes: Axes, arms: list[Arm], effects: dict[tuple[Arm, Arm], tuple[float, int]]) -> None:
    labels = arm_labels(arms)
    lower, left = arms[1:], arms[:-1]
    for i, row in enumerate(lower):
        for j, column in enumerate(left[: i + 1]):
            d, n = effects[row, column]
            known = np.isfinite(d)
            colour = (_ABOVE if d > 0 else _BELOW)[_step(d)] if known else "white"
            axes.add_patch(Rectangle((j, i), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5))
            text = f"{d:+.2f}".replace("-", "−") if known else "–"
            ink = "white" if known and colour == _ABOVE[-1] else INK
            axes.text(j + 0.5, i + 0.42, text, ha="center", va="center", fontsize=9, fontweight="bold", color=ink)
            axes.text(j + 0.5, i + 0.75, f"n = {n}", ha="center", va="center", fontsize=6, color=ink)
    axes.set(xlim=(0, len(left)), ylim=(len(lower), 0))
    axes.set_xticks(np.arange(len(left)) + 0.5, [labels[arm] for arm in left])
    axes.set_yticks(np.arange(len(lower)) + 0.5, [labels[arm] for arm in lower])
    if len(left) > 4:
        axes.tick_params(axis="x", rotation=35)
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
