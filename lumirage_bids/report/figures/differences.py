"""Paired differences: how much higher one arm scores than another on the same pairs, pair by pair."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lumirage_bids.report.figures.points import spread, thin
from lumirage_bids.report.figures.style import (
    ABOVE,
    BELOW,
    INK,
    WIDTH,
    headline,
    interval_words,
    journal_style,
    new_figure,
)
from lumirage_bids.stats.classes import Arm, pair_classes
from lumirage_bids.stats.design import design
from lumirage_bids.stats.pairing import side_by_side

MAX_POINTS = 200
#: At most so many comparisons fit on a page; the largest effects are drawn.
MAX_ROWS = 45
_ROW = 0.22  # inches


def differing_in_one(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Keep the comparisons of two methods in one variant, and of two variants of one method, that have pairs."""
    alike = (comparisons["variant_a"] == comparisons["variant_b"]) | (
        comparisons["method_a"] == comparisons["method_b"]
    )
    return comparisons[alike & (comparisons["n"] > 0)]


def paired_differences(
    pairs: pd.DataFrame, comparisons: pd.DataFrame, labelling: str, split: str, *, what: str = "mean Dice"
) -> Figure:
    """Draw the difference in score of every pair, a row for every two arms that differ in one thing.

    Parameters
    ----------
    pairs : DataFrame
        The score table.
    comparisons : DataFrame
        Rows of `lumirage_bids.stats.comparisons.compare`, at least one of them kept by `differing_in_one`.
    labelling, split : str
        The labelling and class of pairs to draw.
    what : str
        The score, in words.

    Returns
    -------
    Figure
        180 mm wide. Points: pairs, at most `MAX_POINTS` a row, evenly through their ranking; blue where the
        first-named arm is higher, orange where the other is. Diamond: mean, with its 95 % interval where there is
        one. Grey band: differences that count as equivalent.
    """
    rows = comparisons[(comparisons["labelling"] == labelling) & (comparisons["split"] == split)]
    kept = differing_in_one(rows)
    largest = kept["d_z"].abs().sort_values(ascending=False, kind="stable").index[:MAX_ROWS]
    shown = kept[kept.index.isin(largest)]
    # Methods against each other variant by variant; then each method's variants.
    across = shown["method_a"] == shown["method_b"]
    shown = pd.concat([shown[~across].sort_values("variant_a", kind="stable"), shown[across]])
    whole = side_by_side(pairs[pairs["labelling"] == labelling])
    table = whole.only(whole.of(pair_classes(whole.crossing.splits).get(split, ())))
    places = {arm: place for place, arm in enumerate(table.arms)}
    with journal_style():
        figure = new_figure(WIDTH, 1.25 + _ROW * max(len(shown), 3))
        axes = figure.subplots()
        margin = float(rows["equivalence_margin"].iloc[0])
        axes.axvspan(-margin, margin, color="#e6e6e6", linewidth=0, zorder=0)
        axes.axvline(0, color=INK, linewidth=0.6, zorder=1)
        names = []
        for place, row in enumerate(shown.to_dict("records")):
            a, b = (Arm(row[f"variant_{x}"], row[f"method_{x}"]) for x in "ab")
            values = table.dice[:, places[b]] - table.dice[:, places[a]]
            names.append(_name(a, b, several=rows["variant_a"].nunique() > 1 or len(kept) < len(rows)))
            drawn = values[design(table.crossing, np.isfinite(values)).kept]  # what the mean is over
            _row(axes, place, np.sort(drawn), row)
        _finish(axes, names, shown, what)
        left_out = "" if len(shown) == len(kept) else f" The {len(shown)} of {len(kept)} with the largest |d_z|."
        definition = (
            f"Points: single pairs, at most {MAX_POINTS} a row. Diamond: mean. "
            f"{interval_words(bool(shown['ci_low'].notna().any()))} Grey: within ± {margin:g}.{left_out}"
        )
        headline(figure, f"Paired differences in {what}: {labelling}, {split}", definition)
    return figure


def _name(a: Arm, b: Arm, *, several: bool) -> str:
    if a.method == b.method:
        return f"{b.method}: {b.variant} − {a.variant}"
    return f"{b.method} − {a.method}" + f" ({a.variant})" * several


def _row(axes: Axes, place: int, values: npt.NDArray[np.float64], row: Mapping[Hashable, Any]) -> None:
    points = thin(values, MAX_POINTS)
    y = place + 0.56 * spread(len(points))
    for of, colour in ((points > 0, ABOVE), (points <= 0, BELOW)):
        axes.plot(points[of], y[of], ".", color=colour, markersize=3.2, alpha=0.6, markeredgewidth=0, zorder=2)
    if np.isfinite(row["ci_low"]):
        axes.hlines(place, row["ci_low"], row["ci_high"], color=INK, linewidth=1.6, zorder=3)
    axes.plot(row["mean_difference"], place, "D", color=INK, markersize=4.2, markeredgecolor="white", zorder=4)


def _finish(axes: Axes, names: list[str], shown: pd.DataFrame, what: str) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_xlabel(f"← second-named higher · difference in {what} of a pair · first-named higher →")
    told = axes.secondary_yaxis("right")
    texts = []
    for row in shown.to_dict("records"):
        ends = f" [{row['ci_low']:+.3f}, {row['ci_high']:+.3f}]" if np.isfinite(row["ci_low"]) else ""
        texts.append(f"{row['mean_difference']:+.3f}{ends}, n = {row['n']}".replace("-", "−"))
    told.set_yticks(range(len(texts)), texts)
    told.tick_params(length=0)
    told.spines["right"].set_visible(False)
