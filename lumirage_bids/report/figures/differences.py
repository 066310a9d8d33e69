"""Paired differences: how much higher one arm scores than another on the same pairs, pair by pair."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lumirage_bids.report.figures.base import OfLabelling, Shown, of_class
from lumirage_bids.report.figures.points import spread, thin
from lumirage_bids.report.figures.style import (
    ABOVE,
    BELOW,
    FAINT,
    INK,
    WIDTH,
    headline,
    interval_words,
    journal_style,
    new_figure,
)
from lumirage_bids.stats.classes import Arm, pair_classes, select
from lumirage_bids.stats.pairing import side_by_side

MAX_POINTS = 200
#: At most so many comparisons fit on a page; the largest effects are drawn.
MAX_ROWS = 45
_ROW = 0.22  # inches


def keep_differing_in_one(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Keep the comparisons of two methods in one variant, and of two variants of one method, that have pairs."""
    alike = (comparisons["variant_a"] == comparisons["variant_b"]) | (
        comparisons["method_a"] == comparisons["method_b"]
    )
    return comparisons[alike & (comparisons["n"] > 0)]


def paired_differences(
    pairs: pd.DataFrame,
    comparisons: pd.DataFrame,
    labelling: str,
    split: str,
    *,
    what: str = "mean Dice",
    higher_is_better: bool = True,
    aside: Collection[Arm] = (),
) -> Figure:
    """Draw the difference in score of every pair, a row for every two arms that differ in one thing.

    Parameters
    ----------
    pairs : DataFrame
        The score table.
    comparisons : DataFrame
        Rows of `lumirage_bids.stats.comparisons.compare`, at least one of them kept by `keep_differing_in_one`.
    labelling, split : str
        The labelling and class of pairs to draw.
    what : str
        The score, in words.
    higher_is_better : bool
        Which scores are better.
    aside : collection of Arm
        Arms that are set aside for lacking pairs: their names say so.

    Returns
    -------
    Figure
        180 mm wide. Points: pairs, at most `MAX_POINTS` a row, evenly through their ranking; blue where the
        first-named arm is better, orange where the other is. Diamond: mean, with its 95 % interval where there is
        one, hollow where there is none. Grey band: differences that count as equivalent.
    """
    rows = of_class(comparisons, labelling, split)
    kept = keep_differing_in_one(rows)
    largest = kept["d_z"].abs().sort_values(ascending=False, kind="stable").index[:MAX_ROWS]
    shown = kept[kept.index.isin(largest)]
    # Methods against each other variant by variant; then each method's variants.
    across = shown["method_a"] == shown["method_b"]
    shown = pd.concat([shown[~across].sort_values("variant_a", kind="stable"), shown[across]])
    whole = side_by_side(select(pairs, pairs["labelling"] == labelling))
    table = whole.keep(whole.of(pair_classes(whole.crossing.splits).get(split, ())))
    places = {arm: place for place, arm in enumerate(table.arms)}
    sign = 1 if higher_is_better else -1
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
            several = rows["variant_a"].nunique() > 1 or len(kept) < len(rows)
            names.append(_name(a, b, several=several) + _tell_aside(a, b, aside))
            drawn = values[table.crossing.designs.of(np.isfinite(values)).kept]  # what the mean is over
            _row(axes, place, np.sort(drawn), row, sign)
        _finish(axes, names, shown, what, sign)
        left_out = "" if len(shown) == len(kept) else f" The {len(shown)} of {len(kept)} with the largest |d_z|."
        definition = (
            f"Points: single pairs, at most {MAX_POINTS} per row, blue where the first-named is better. Diamond: mean"
            f"{', hollow without an interval' if shown['ci_low'].isna().any() else ''}. "
            f"{interval_words(bool(shown['ci_low'].notna().any()))} Grey: within ± {margin:g}.{left_out}"
        )
        headline(figure, f"Paired differences in {what}: {labelling}, {split}", definition)
    return figure


def _name(a: Arm, b: Arm, *, several: bool) -> str:
    if a.method == b.method:
        return f"{b.method}: {b.variant} − {a.variant}"
    return f"{b.method} − {a.method}" + f" ({a.variant})" * several


def _tell_aside(a: Arm, b: Arm, aside: Collection[Arm]) -> str:
    """Say which of two arms are set aside; both, or a method's variant, by name."""
    out = [arm for arm in (b, a) if arm in aside]
    if not out:
        return ""
    names = ["both"] if len(out) == 2 else [out[0].variant if a.method == b.method else out[0].method]
    return f"\n{names[0]} set aside"


def _row(axes: Axes, place: int, values: npt.NDArray[np.float64], row: Mapping[Hashable, Any], sign: int) -> None:
    points = thin(values, MAX_POINTS)
    y = place + 0.56 * spread(len(points))
    for of, colour in ((sign * points > 0, ABOVE), (sign * points < 0, BELOW), (points == 0, FAINT)):
        axes.plot(points[of], y[of], ".", color=colour, markersize=3.2, alpha=0.6, markeredgewidth=0, zorder=2)
    if np.isfinite(row["ci_low"]):
        axes.hlines(place, row["ci_low"], row["ci_high"], color=INK, linewidth=1.6, zorder=3)
    known = np.isfinite(row["ci_low"])
    look: dict[str, Any] = (
        {"color": INK, "markeredgecolor": "white"} if known else {"color": "white", "markeredgecolor": INK}
    )
    axes.plot(row["mean_difference"], place, "D", markersize=4.2, zorder=4, **look)


def _finish(axes: Axes, names: list[str], shown: pd.DataFrame, what: str, sign: int) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    left, right = ("second", "first")[::sign]
    axes.set_xlabel(f"← {left}-named better · difference in {what} of a pair · {right}-named better →")
    told = axes.secondary_yaxis("right")
    texts = []
    for row in shown.to_dict("records"):
        ends = f" [{row['ci_low']:+.3f}, {row['ci_high']:+.3f}]" if np.isfinite(row["ci_low"]) else ""
        texts.append(f"{row['mean_difference']:+.3f}{ends}, n = {row['n']}".replace("-", "−"))
    told.set_yticks(range(len(texts)), texts)
    told.tick_params(length=0)
    told.spines["right"].set_visible(False)


class Differences(OfLabelling):
    """Paired differences."""

    name: ClassVar[str] = "differences"
    section: ClassVar[str] = "comparisons"
    place: ClassVar[int] = 10
    judged: ClassVar[str] = "differences"
    needs: ClassVar[str] = "comparisons"

    def caption(self, shown: Shown, labelling: str) -> str:
        """Which differences, and what the marks are."""
        margin = float(shown.tables.comparisons["equivalence_margin"].iloc[0])
        return (
            f"Difference in mean Dice on the same pairs, {labelling}, pairs of class “{shown.split(labelling)}”: two "
            "methods in one variant, or two variants of one method. Diamond: mean, with its interval over subjects "
            f"where there are enough. Grey band: ± {margin:g}, of no consequence."
        )

    def alt(self, shown: Shown, labelling: str) -> str:
        """What it shows."""
        return (
            f"Paired differences in mean Dice between methods, {labelling}. The table of comparisons has the numbers."
        )

    def draw(self, shown: Shown, labelling: str) -> Figure | None:
        """Draw it where arms differ in one thing."""
        split, rows = shown.split(labelling), shown.tables.comparisons
        if not len(keep_differing_in_one(of_class(rows, labelling, split))):
            return None
        return paired_differences(shown.tables.pairs, rows, labelling, split, **shown.look(labelling))
