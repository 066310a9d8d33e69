"""Differences between methods in several experiments, and what these say together: a forest plot."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.figures.style import ABOVE, FAINT, INK, WIDTH, Sheet, headline, journal_style, new_figure

ARMS = ["variant_a", "method_a", "variant_b", "method_b"]
#: Every two methods that a figure shows; the tables have all.
MOST = 10
_LINE = 0.2  # inches a line
_LONGEST = 40  # characters of a title


def forest(
    couples: pd.DataFrame,
    together: pd.DataFrame,
    *,
    experiments: Mapping[int, str],
    names: Mapping[tuple[str, str], str],
    group: str,
    criteria: Criteria,
) -> Sheet:
    """Draw the differences of every two methods, an experiment a line, and below them their mean.

    Parameters
    ----------
    couples : DataFrame
        Rows of ``comparisons.tsv`` of a group: ``experiment``, the arms, ``mean_difference``, ``ci_low``, ``ci_high``,
        ``counted``.
    together : DataFrame
        Rows of ``together.tsv`` of the group; the first `MOST` are drawn.
    experiments : mapping of int to str
        Titles.
    names : mapping
        Variant and method → name of the arm.
    group : str
        What the scores are of.
    criteria : Criteria
        The margin is drawn as a band.

    Returns
    -------
    Sheet
        180 mm wide. Right of 0: the first-named method is better.
    """
    lines = [
        line for row in together.head(MOST).to_dict("records") for line in _lines(row, couples, experiments, names)
    ]
    with journal_style():
        figure = new_figure(WIDTH, 1.2 + _LINE * len(lines))
        axes = figure.subplots()
        axes.axvspan(-criteria.margin, criteria.margin, color="#eeeeee", linewidth=0, zorder=0)
        axes.axvline(0, color=INK, linewidth=0.6)
        for place, (_, draw) in enumerate(lines):
            _line(axes, place, draw)
        axes.set_yticks(range(len(lines)), [label for label, _ in lines])
        for tick, (_, draw) in zip(axes.get_yticklabels(), lines, strict=True):
            tick.set_fontweight("bold" if draw is None else "normal")
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("Difference in mean Dice (right of 0: the first-named is better)")
        definition = (
            f"Points: single experiments, hollow where they are not summed up; bars: {criteria.level} intervals over "
            "subjects. "
            + "Diamonds: mean over datasets; thin lines: where a further dataset would lie. "
            * bool(together["mean_difference"].notna().any())
            + "Grey: within the margin."
        )
        headline(figure, f"Differences between methods in each experiment: {group}", definition)
    return figure


_Drawn = Mapping[Hashable, Any] | None
"""What is drawn on a line: an experiment (with ``counted``) or a mean (with ``further_low``); None for a heading."""


def _lines(
    row: Mapping[Hashable, Any],
    couples: pd.DataFrame,
    experiments: Mapping[int, str],
    names: Mapping[tuple[str, str], str],
) -> Iterator[tuple[str, _Drawn]]:
    a, b = names[row["variant_a"], row["method_a"]], names[row["variant_b"], row["method_b"]]
    yield f"{b} − {a}", None
    for each in couples[(couples[ARMS] == [row[arm] for arm in ARMS]).all(axis="columns")].to_dict("records"):
        yield _shorten(experiments[each["experiment"]]), each
    if math.isfinite(row["mean_difference"]):
        yield f"mean over {row['n_datasets']} datasets", row


def _shorten(title: str) -> str:
    """A title that leaves room for what is drawn: its middle left out, as its number stands at its end.

    Examples
    --------
    >>> _shorten("Alpha (1)"), len(_shorten("a very long name of a dataset, with what it is a subset of (12)"))
    ('Alpha (1)', 40)
    """
    return title if len(title) <= _LONGEST else f"{title[: _LONGEST - 11].rstrip()}…{title[-10:]}"[:_LONGEST]


def _line(axes: Axes, place: int, draw: _Drawn) -> None:
    if draw is None:
        return
    mean, low, high = (float(draw[key]) for key in ("mean_difference", "ci_low", "ci_high"))
    if "further_low" in draw:
        axes.hlines(place, draw["further_low"], draw["further_high"], color=FAINT, linewidth=0.8)
        axes.fill([low, mean, high, mean], [place, place - 0.3, place, place + 0.3], color=ABOVE, linewidth=0)
        return
    if math.isfinite(low):
        axes.hlines(place, low, high, color=INK, linewidth=1.0)
    face = INK if draw["counted"] else "white"
    axes.plot(mean, place, marker="o", markersize=4, color=INK, markerfacecolor=face, linestyle="none")
