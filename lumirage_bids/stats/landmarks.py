"""Error of each landmark, and how far the people who placed it disagree: the floor that no registration gets below."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.output.score_table import landmark_name
from lumirage_bids.stats.pairing import keys_of, pivot
from lumirage_bids.stats.score import DICE
from lumirage_bids.stats.student import Floats
from lumirage_bids.stats.summaries import sum_up_cells

#: The row that sums up all landmarks of a pair.
ALL_LANDMARKS = "all landmarks"
LANDMARK_COLUMNS = [
    *("variant", "method", "landmark", "description", "n", "n_subjects"),
    *("mean", "ci_low", "ci_high", "median", "std", "q25", "q75", "raters_mm", "floor_mm"),
]
# mm: how far the mean of the raters may be from the point that counts, which files round.
_IS_MEAN = 0.01
_LIES = (0.0, float("inf"))


@dataclass(frozen=True, kw_only=True, eq=False)
class LandmarkScores:
    """What is known of the landmarks of a run.

    Attributes
    ----------
    errors : DataFrame
        A row per variant × method × pair: variant, method, moving, fixed, split, status and a column
        ``tre_mm_<landmark>`` each, mm.
    placements : DataFrame
        Rows of `lumirage_bids.output.placements.collect`.
    """

    errors: pd.DataFrame
    placements: pd.DataFrame


def per_landmark(scores: LandmarkScores, *, criteria: Criteria | None = None) -> pd.DataFrame:
    """Sum up the error of every landmark over the pairs of different subjects; over rescans where all pairs are.

    Parameters
    ----------
    scores : LandmarkScores
    criteria : Criteria, optional
        Level of the intervals.

    Returns
    -------
    DataFrame
        A row per landmark × arm, and one over all landmarks of a pair, which comes first; of landmarks the worst comes
        first, by its mean over the arms. The interval is that of the mean over ``n_subjects`` subjects
        (`lumirage_bids.stats.design`). Raters' columns are those of `disagreement`.
    """
    columns = {name: c for c in scores.errors.columns if (name := landmark_name(c)) is not None}
    if scores.errors.empty or not columns:
        return pd.DataFrame(columns=LANDMARK_COLUMNS)
    pairs, (pair, arm) = pivot(keys_of(scores.errors).assign(dice_mean=np.nan), DICE)
    values = np.full((len(pairs.dice), len(columns) + 1, len(pairs.arms)), np.nan)
    values[pair, 1:, arm] = scores.errors[list(columns.values())].to_numpy(dtype=np.float64)
    values[:, 0] = _mean(values[:, 1:], axis=1)
    between = ~pairs.of([SAME_SUBJECT])
    if between.any():
        pairs, values = pairs.keep(between), values[between]
    worst_first = 1 + np.argsort(-_mean(_mean(values[:, 1:], axis=2), axis=0), kind="stable")
    order = [0, *worst_first.tolist()]
    names = [ALL_LANDMARKS, *columns]
    cells = values[:, order].reshape(len(values), -1).T
    table = sum_up_cells(pairs, cells, criteria or Criteria(), _LIES).rename(columns={"index": "landmark"})
    table["landmark"] = [names[order[place]] for place in table["landmark"]]
    found = table.merge(disagreement(scores.placements), how="left", on="landmark")
    return found.assign(description=found["description"].fillna(""))[LANDMARK_COLUMNS]


def disagreement(placements: pd.DataFrame) -> pd.DataFrame:
    """How far raters disagree about each landmark.

    Parameters
    ----------
    placements : DataFrame
        Rows of `lumirage_bids.output.placements.collect`.

    Returns
    -------
    DataFrame
        ``landmark``, ``description``; ``raters_mm``: distance between two raters' placements, mean over their pairs and
        over scans; ``floor_mm``: error that would be left after a perfect registration. All landmarks come last.

    Notes
    -----
    Two raters of one scan differ by two errors of placing, and so do the points that count of two scans. If these are
    single placements, the floor is the raters' distance; if they are the means of R raters who err independently, it is
    that over √R. What all raters do wrong alike is in neither.
    """
    rows = []
    for (_, landmark), of in placements.groupby(["scan", "landmark"], sort=False):
        places = of[["x", "y", "z"]].to_numpy(dtype=np.float64)
        counts = (of["rater"] == "").to_numpy()
        apart, floor = _measure_spread(places[counts][0], places[~counts])
        rows.append((landmark, of["description"].iloc[0], apart, floor))
    columns = ["landmark", "description", "raters_mm", "floor_mm"]
    table = pd.DataFrame(rows, columns=columns).groupby("landmark", sort=False)
    found = table.agg({"description": "first", "raters_mm": "mean", "floor_mm": "mean"}).reset_index()
    if found.empty:
        return found.reindex(columns=columns)
    whole = {"landmark": ALL_LANDMARKS, "description": "", **found[columns[2:]].mean().to_dict()}
    return pd.concat([found, pd.DataFrame([whole])], ignore_index=True)


def _measure_spread(counts: Floats, raters: Floats) -> tuple[float, float]:
    """Mean distance of two raters, and what of it is left in the point that counts; NaN with fewer than two."""
    if len(raters) < 2:
        return float("nan"), float("nan")
    apart = float(np.mean([np.linalg.norm(a - b) for a, b in combinations(raters, 2)]))
    is_mean = np.linalg.norm(raters.mean(axis=0) - counts) <= _IS_MEAN
    return apart, apart / np.sqrt(len(raters)) if is_mean else apart


def _mean(values: Floats, axis: int) -> Floats:
    """Mean over the finite values; NaN where there is none."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=axis) / known.sum(axis=axis))
