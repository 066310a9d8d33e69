"""Dots of the mean error per landmark, over what raters' disagreement alone would leave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from lumirage_bids.report.figures.base import PageFigure, ReportFigure, Shown
from lumirage_bids.report.figures.rows import ROW, columns_of, dots, ends_of, legend_marks, name_rows
from lumirage_bids.report.figures.style import (
    BAND,
    WIDTH,
    Sheet,
    better_words,
    headline,
    interval_words,
    journal_style,
    legend_below,
    new_figure,
    tell_pairs,
)
from lumirage_bids.report.text import fixed, span
from lumirage_bids.stats.classes import FLOOR, Arm, arm_labels, arms_of
from lumirage_bids.stats.landmarks import ALL_LANDMARKS

_TOLD = 6
"""Arms whose worst landmark is told."""


def landmark_dots(landmarks: pd.DataFrame, *, width: float = WIDTH) -> Sheet:
    """Draw the mean error of every landmark, a mark per arm, the worst landmark first.

    Parameters
    ----------
    landmarks : DataFrame
        Rows of `lumirage_bids.stats.landmarks.per_landmark`.

    width : float
        Inches.

    Returns
    -------
    Sheet
        3.2 mm a landmark; more than 40 stand in two columns, where there is room. Bars are the 95 % intervals of the
        means; a grey bar from 0 is what raters' disagreement would leave after a perfect registration.
    """
    rows = landmarks[landmarks["landmark"] != ALL_LANDMARKS]
    arms, order = arms_of(rows), list(rows["landmark"].unique())
    by_arm = rows.set_index(["landmark", "variant", "method"])
    means, low, high = (by_arm[column].unstack(["variant", "method"]) for column in ("mean", "ci_low", "ci_high"))
    about = rows.drop_duplicates("landmark").set_index("landmark")
    columns = columns_of(len(order), width)
    length = -(-len(order) // columns)
    floor = bool(about["floor_mm"].notna().any())
    ends = (0.0, ends_of(arms, means)[1])
    with journal_style():
        figure = new_figure(width, 1.0 + ROW * max(length, 6))
        for number, axes in enumerate(figure.subplots(1, columns, sharex=True, squeeze=False)[0]):
            part = order[number * length : (number + 1) * length]
            dots(axes, arms, *(wide.loc[part] for wide in (means, low, high)), ends=ends)
            axes.barh(np.arange(len(part)), about.loc[part, "floor_mm"], height=1.0, color=BAND, zorder=0)
            axes.set_xlabel(f"Mean error, mm, {better_words(False)}")
            name_rows(axes, [name_of(name, str(about["description"][name])) for name in part], length)
        definition = f"Means over {tell_pairs(rows['n'])}. {interval_words(bool(rows['ci_low'].notna().any()))}"
        headline(figure, "Error of each landmark", definition)
        marks = [*legend_marks(arms), *([Patch(color=BAND)] if floor else [])]
        legend_below(
            figure, marks, [*arm_labels(arms).values(), *(["left by raters' disagreement alone"] if floor else [])]
        )
    return figure


def name_of(landmark: str, description: str) -> str:
    """What a landmark is called: where its name is a number or a code, with what it is.

    Examples
    --------
    >>> name_of("1", "AC"), name_of("AC", ""), name_of("AC", "AC")
    ('1 AC', 'AC', 'AC')
    """
    return landmark if description in ("", landmark) else f"{landmark} {description}"


def worst_words(landmarks: pd.DataFrame) -> str:
    """Say which landmark is the worst under each method, with its interval, and how far raters disagree."""
    rows = landmarks[landmarks["landmark"] != ALL_LANDMARKS].dropna(subset="mean")
    labels = arm_labels(arms_of(landmarks))
    judged = [arm for arm in arms_of(rows) if arm.method != FLOOR] or arms_of(rows)
    told = []
    for arm in judged[:_TOLD]:
        worst = _keep_arm(rows, arm).sort_values("mean", ascending=False, kind="stable").iloc[0]
        name = name_of(str(worst["landmark"]), str(worst["description"]))
        told.append(f"{labels[arm]}: {name}, {_with_interval(worst)}")
    more = f"; and {len(judged) - _TOLD} more methods in the table" if len(judged) > _TOLD else ""
    return f"Worst landmark by method: {'; '.join(told)}{more}."


def raters_words(landmarks: pd.DataFrame) -> str:
    """Say how far raters disagree, and what that would leave; empty where single raters are not known."""
    whole = landmarks[landmarks["landmark"] == ALL_LANDMARKS].iloc[0]
    if not np.isfinite(whole["raters_mm"]):
        return ""
    return (
        f"Two raters' placements lie {fixed(whole['raters_mm'], 2)} mm apart on average over landmarks; if raters err "
        f"independently, that alone leaves an error of {fixed(whole['floor_mm'], 2)} mm after a perfect registration."
    )


def _keep_arm(rows: pd.DataFrame, arm: Arm) -> pd.DataFrame:
    return rows[(rows["variant"] == arm.variant) & (rows["method"] == arm.method)]


def _with_interval(row: pd.Series[float]) -> str:
    interval = f" ({span(row['ci_low'], row['ci_high'], 2)})" if np.isfinite(row["ci_low"]) else ""
    return f"{fixed(row['mean'], 2)} mm{interval}"


class LandmarkDots(PageFigure):
    """Error of each landmark."""

    name: ClassVar[str] = "landmarks"
    section: ClassVar[str] = "landmarks"
    place: ClassVar[int] = 10
    needs: ClassVar[str] = "landmarks"

    def draw_all(self, shown: Shown) -> Iterator[ReportFigure]:
        """One for the run: landmarks have nothing to do with labellings."""
        rows = shown.table("landmarks")
        if rows["mean"].notna().any():
            yield ReportFigure(
                name=self.name,
                figure=landmark_dots(rows, width=shown.width),
                caption=" ".join(filter(None, ("Mean error of each landmark.", worst_words(rows), raters_words(rows)))),
                alt="Dots of mean error per landmark and method, the worst on top. The table below has the numbers.",
            )
