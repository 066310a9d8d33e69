"""Paired differences: how much higher one arm scores than another on the same pairs, pair by pair."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lumirage_bids.report.figures.base import OfLabelling, Shown, among_competitors, of_class
from lumirage_bids.report.figures.points import spread, thin
from lumirage_bids.report.figures.style import (
    ABOVE,
    BAND,
    BELOW,
    FAINT,
    INK,
    WIDTH,
    Point,
    Sheet,
    fill,
    headline,
    interval_words,
    journal_style,
    longest_line,
    new_figure,
    wrap_name,
)
from lumirage_bids.report.text import fixed
from lumirage_bids.stats.classes import FLOOR, Arm, pair_classes, select
from lumirage_bids.stats.pairing import pivot

MAX_POINTS = 200
#: At most so many comparisons fit on a page; the largest effects are drawn.
MAX_ROWS = 45
_FEW = 20  # points that leave room for larger ones
_ROW, _LINE = 0.22, 0.13  # inches
_NARROW_TICK = 0.6  # inches that a number on the axis takes
_WITH_NUMBERS = 5.0  # inches: room for the numbers beside the rows


def keep_differing_in_one(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Keep the comparisons of two competitors in one variant, and of two variants of one, that have pairs."""
    comparisons = among_competitors(comparisons)
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
    width: float = WIDTH,
) -> Sheet:
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
    width : float
        Inches.

    Returns
    -------
    Sheet
        Where there is room, with the numbers beside it. Points: pairs, at most `MAX_POINTS` a row, evenly through their
        ranking; blue where the first-named arm is better, orange where the other is. Diamond: mean, with its 95 %
        interval where there is one, hollow where there is none. Grey band: differences that count as equivalent.
    """
    rows = of_class(comparisons, labelling, split)
    kept = keep_differing_in_one(rows)
    largest = kept["d_z"].abs().sort_values(ascending=False, kind="stable").index[:MAX_ROWS]
    shown = kept[kept.index.isin(largest)]
    # Methods against each other variant by variant; then each method's variants.
    across = shown["method_a"] == shown["method_b"]
    shown = pd.concat([shown[~across].sort_values("variant_a", kind="stable"), shown[across]])
    scored = select(pairs, pairs["labelling"] == labelling)
    whole, (pair, _) = pivot(scored)
    of_split = whole.of(pair_classes(whole.crossing.splits).get(split, ()))
    table, scans = whole.keep(of_split), _scans_of(scored, pair)[of_split]
    places = {arm: place for place, arm in enumerate(table.arms)}
    several = len({*rows["variant_a"], *rows["variant_b"]}) > 1
    sign = 1 if higher_is_better else -1
    couples = [(Arm(r["variant_a"], r["method_a"]), Arm(r["variant_b"], r["method_b"])) for _, r in shown.iterrows()]
    names = [_name(a, b, several=several) + _tell_aside(a, b, aside) for a, b in couples]
    names = names if width >= _WITH_NUMBERS else [wrap_name(name) for name in names]
    row_height = max([_ROW, *(_LINE * (name.count("\n") + 1) + 0.06 for name in names)])
    with journal_style():
        figure = new_figure(width, 1.35 + row_height * max(len(shown), 3))
        axes = figure.subplots()
        margin = float(rows["equivalence_margin"].iloc[0])
        axes.axvspan(-margin, margin, color=BAND, linewidth=0, zorder=0)
        axes.axvline(0, color=INK, linewidth=0.6, zorder=1)
        for place, ((a, b), row) in enumerate(zip(couples, shown.to_dict("records"), strict=True)):
            values = table.dice[:, places[b]] - table.dice[:, places[a]]
            drawn = table.crossing.designs.of(np.isfinite(values)).kept  # what the mean is over
            drawn = drawn[np.argsort(values[drawn], kind="stable")]
            _points(axes, place, values[drawn], scans[drawn], sign)
            _mean(axes, place, row)
        _finish(axes, names, what, sign, width)
        if width >= _WITH_NUMBERS:
            _write_numbers(axes, shown)
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


def _scans_of(rows: pd.DataFrame, pair: npt.NDArray[np.intp]) -> npt.NDArray[np.object_]:
    """Names of the scans of each pair that the rows are put into, shape (pairs, 2)."""
    scans = np.empty((int(pair.max(initial=-1)) + 1, 2), dtype=object)
    scans[pair] = rows[["moving", "fixed"]]
    return scans


def _points(axes: Axes, place: int, values: npt.NDArray[np.float64], scans: npt.NDArray[np.object_], sign: int) -> None:
    """Draw the differences of pairs, which are sorted."""
    kept = thin(np.arange(len(values), dtype=np.float64), MAX_POINTS).astype(int)
    y, figure = place + 0.56 * spread(len(kept)), axes.get_figure()
    for better, colour in ((1, ABOVE), (-1, BELOW), (0, FAINT)):
        of = np.sign(sign * values[kept]) == better
        if of.any() and isinstance(figure, Sheet):
            size = 4 if len(values) > _FEW else 6
            line = axes.plot(values[kept][of], y[of], ".", color=colour, markersize=size, alpha=0.6, zorder=2)[0]
            line.set_markeredgewidth(0)
            told = (fixed(value, sign=True) for value in values[kept][of])
            figure.name_points(line, map(Point, *scans[kept][of].T, told))


def _mean(axes: Axes, place: int, row: Mapping[Hashable, Any]) -> None:
    known = bool(np.isfinite(row["ci_low"]))
    if known:
        axes.hlines(place, row["ci_low"], row["ci_high"], color=INK, linewidth=1.6, zorder=3)
    look: dict[str, Any] = (
        {"color": INK, "markeredgecolor": "white"} if known else {"color": "white", "markeredgecolor": INK}
    )
    axes.plot(row["mean_difference"], place, "D", markersize=4.2, zorder=4, **look)


def _finish(axes: Axes, names: list[str], what: str, sign: int, width: float) -> None:
    wide = width >= _WITH_NUMBERS
    if not wide:
        axes.xaxis.set_major_locator(MaxNLocator(int((width - longest_line(names)) / _NARROW_TICK)))
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    left, right = ("second", "first")[::sign]
    axis = f"difference in {what} of a pair"
    axes.set_xlabel(
        f"← {left}-named better · {axis} · {right}-named better →"
        if wide
        else f"{fill(axis, width - longest_line(names))}\n← {left} better · {right} better →"
    )


def _write_numbers(axes: Axes, shown: pd.DataFrame) -> None:
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
    section: ClassVar[str] = "overview"
    place: ClassVar[int] = 20
    judged: ClassVar[str] = "differences"
    needs: ClassVar[str] = "comparisons"

    def caption(self, shown: Shown, labelling: str) -> str:
        """Which differences, and what the marks are."""
        return (
            "Two methods in one variant, or two variants of one method, on the same pairs. What lies in the grey band "
            f"is of no consequence. Against {FLOOR}: in the table of comparisons."
        )

    def alt(self, shown: Shown, labelling: str) -> str:
        """What it shows."""
        return (
            f"Paired differences in mean Dice between methods, {labelling}. The table of comparisons has the numbers."
        )

    def draw(self, shown: Shown, labelling: str) -> Sheet | None:
        """Draw it where arms differ in one thing."""
        split, rows = shown.split(labelling), shown.tables.comparisons
        if not len(keep_differing_in_one(of_class(rows, labelling, split))):
            return None
        return paired_differences(shown.tables.pairs, rows, labelling, split, **shown.look(labelling))
