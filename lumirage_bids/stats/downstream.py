"""Whether transforms agree over three scans, and how good labels are that several atlases make: summed up and compared.

Rows share subjects in three roles, so standard errors are a jackknife: each is left out in turn, wherever it occurs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.output.downstream import Downstream
from lumirage_bids.stats.classes import Arm, arms_of
from lumirage_bids.stats.common import FLOORS
from lumirage_bids.stats.groups import FEWEST_SUBJECTS
from lumirage_bids.stats.holm import holm
from lumirage_bids.stats.score import DICE_LIES
from lumirage_bids.stats.student import Floats, Inference

_WHAT = ["measure", "unit", "better", "labelling"]
DOWNSTREAM_COLUMNS = [
    *(*_WHAT, "variant", "method", "n", "n_failed", "n_subjects"),
    *("mean", "ci_low", "ci_high", "mean_single", "gain"),
]
DOWNSTREAM_COMPARISON_COLUMNS = [
    *(*_WHAT, "variant_a", "method_a", "variant_b", "method_b", "n", "n_subjects", "mean_a", "mean_b"),
    *("mean_difference", "ci_low", "ci_high", "p", "p_holm"),
]
TRANSITIVITY = "transitivity_mm"
About = dict[str, str | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Outcome:
    """One measure of all arms, side by side.

    Attributes
    ----------
    about : dict
        Measure, unit, direction and labelling.
    lies : tuple of float
        Between which it lies.
    subjects : list of frozenset
        Of each row, those that it is drawn with.
    arms : list of Arm
    values, single : array, shape (rows, arms)
        NaN where a registration failed, or an arm has no such row; and the same of atlases one by one.
    ran : array of bool, shape (rows, arms)
        Whether an arm has the row.
    """

    about: About
    lies: tuple[float, float]
    subjects: list[frozenset[str]]
    arms: list[Arm]
    values: Floats
    single: Floats
    ran: Floats


def sum_up_downstream(found: Downstream, *, criteria: Criteria | None = None) -> pd.DataFrame:
    """Sum up each outcome of each arm.

    Parameters
    ----------
    found : Downstream
    criteria : Criteria, optional
        Level of the intervals.

    Returns
    -------
    DataFrame
        With `DOWNSTREAM_COLUMNS`; a row a measure × labelling × arm, over the rows that the arm has.
    """
    level = (criteria or Criteria()).confidence
    rows: list[dict[str, Any]] = []
    for outcome in _outcomes(found):
        for place, arm in enumerate(outcome.arms):
            values, single = outcome.values[:, place], outcome.single[:, place]
            known = np.isfinite(values)
            inferred, n_subjects = jackknife(values, outcome.subjects)
            low, high = inferred.interval(level, outcome.lies)
            alone = float(single[known].mean()) if np.isfinite(single[known]).any() else float("nan")
            rows.append(
                {
                    **outcome.about,
                    **arm._asdict(),
                    "n": int(known.sum()),
                    "n_failed": int((outcome.ran[:, place] & ~known).sum()),
                    "n_subjects": n_subjects,
                    "mean": float(inferred.estimate),
                    "ci_low": float(low),
                    "ci_high": float(high),
                    "mean_single": alone,
                    "gain": float(inferred.estimate) - alone,
                }
            )
    return pd.DataFrame(rows, columns=DOWNSTREAM_COLUMNS)


def compare_downstream(
    found: Downstream, *, criteria: Criteria | None = None, unranked: Collection[str] = FLOORS
) -> pd.DataFrame:
    """Compare every two arms by each outcome, on the rows that both have.

    Parameters
    ----------
    found : Downstream
    criteria : Criteria, optional
        Level of the intervals.
    unranked : collection of str
        Methods that are no competitors. By transitivity they are compared with nobody: no deformation is perfect.

    Returns
    -------
    DataFrame
        With `DOWNSTREAM_COMPARISON_COLUMNS`; ``mean_difference`` is b − a, Holm's correction over the table.
    """
    level = (criteria or Criteria()).confidence
    rows: list[dict[str, Any]] = []
    for outcome in _outcomes(found):
        for a, b in combinations(range(len(outcome.arms)), 2):
            if outcome.about["measure"] == TRANSITIVITY and {outcome.arms[i].method for i in (a, b)} & {*unranked}:
                continue
            both = np.isfinite(outcome.values[:, [a, b]]).all(axis=1)
            difference = np.where(both, outcome.values[:, b] - outcome.values[:, a], np.nan)
            inferred, n_subjects = jackknife(difference, outcome.subjects)
            low, high = inferred.interval(level)
            ends = {f"{k}_{side}": v for side, i in (("a", a), ("b", b)) for k, v in outcome.arms[i]._asdict().items()}
            means = {f"mean_{side}": _mean(outcome.values[both, i]) for side, i in (("a", a), ("b", b))}
            rows.append(
                {
                    **outcome.about,
                    **ends,
                    **means,
                    "n": int(both.sum()),
                    "n_subjects": n_subjects,
                    "mean_difference": float(inferred.estimate),
                    "ci_low": float(low),
                    "ci_high": float(high),
                    "p": float(inferred.p()),
                }
            )
    table = pd.DataFrame(rows, columns=[c for c in DOWNSTREAM_COMPARISON_COLUMNS if c != "p_holm"])
    return table.assign(p_holm=holm(table["p"].to_numpy(dtype=np.float64)))[DOWNSTREAM_COMPARISON_COLUMNS]


def jackknife(values: Floats, subjects: list[frozenset[str]]) -> tuple[Inference, int]:
    """Mean of values with a standard error over subjects, each of whom is left out in turn with all its rows.

    Parameters
    ----------
    values : array, shape (rows,)
        NaN is left out.
    subjects : list of frozenset
        Of each row.

    Returns
    -------
    Inference
        The error is NaN below three subjects, or where too few rows are left without one of them.
    int
        How many subjects there are.

    References
    ----------
    Arvesen 1969, doi:10.1214/aoms/1177697286
    """
    known = np.isfinite(values)
    kept = [of for of, is_known in zip(subjects, known, strict=True) if is_known]
    found = sorted(set().union(*kept))
    n, rows = len(found), values[known]
    takes_part = np.array([[name in of for name in found] for of in kept], dtype=bool).reshape(len(kept), n)
    se = float("nan")
    left = (~takes_part).sum(axis=0)
    if n >= FEWEST_SUBJECTS and left.min() > 0:
        without = (rows[:, None] * ~takes_part).sum(axis=0) / left
        se = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    as_array = [np.asarray(value, dtype=np.float64) for value in (_mean(rows), se, max(n - 1, 1), 0.0)]
    return Inference(**dict(zip(("estimate", "se", "df", "skewness"), as_array, strict=True))), n


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _outcomes(found: Downstream) -> Iterator[_Outcome]:
    """Every measure of every labelling: fused labels first."""
    for (labelling, fusion), of in found.fused.groupby(["labelling", "fusion"], sort=False):
        about: About = {
            "measure": f"{fusion}_dice",
            "unit": "1",
            "better": "higher",
            "labelling": str(labelling),
        }
        yield _side_by_side(of, about, DICE_LIES, ["scan", "atlases"], "dice", ["scan"])
    if len(triples := found.triples):
        about = {"measure": TRANSITIVITY, "unit": "mm", "better": "lower", "labelling": None}
        ends = ["scan", "via", "to"]
        yield _side_by_side(triples, about, (0.0, float("inf")), ends, "error_mm", ends)


def _side_by_side(
    rows: pd.DataFrame,
    about: About,
    lies: tuple[float, float],
    key: list[str],
    value: str,
    drawn: list[str],
) -> _Outcome:
    arms = arms_of(rows)
    wide = rows.set_index([*key, "variant", "method"])
    single = "dice_single" if "dice_single" in rows else value

    def spread(column: pd.Series[float]) -> pd.DataFrame:
        return column.unstack(["variant", "method"]).reindex(columns=pd.MultiIndex.from_tuples(arms))

    values = spread(wide[value])
    ends = values.index.to_frame(index=False)[drawn]
    return _Outcome(
        about=about,
        lies=lies,
        subjects=[frozenset(of) for of in ends.itertuples(index=False, name=None)],
        arms=arms,
        values=values.to_numpy(dtype=np.float64),
        single=spread(wide[single]).to_numpy(dtype=np.float64) if single != value else np.full(values.shape, np.nan),
        ran=spread(wide[value].isna().astype(float)).notna().to_numpy(),
    )
