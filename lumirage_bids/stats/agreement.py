"""Whether measures put the arms in one order: Kendall's tau between every two, over arms and within pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.stats.classes import pair_classes
from lumirage_bids.stats.common import common_pairs
from lumirage_bids.stats.crossing import Designs
from lumirage_bids.stats.further import Taken, TakenMeasures
from lumirage_bids.stats.layout import Mask
from lumirage_bids.stats.pairing import SideBySide
from lumirage_bids.stats.student import Floats

#: Arms below which a tau over arms says next to nothing: of three it can only be -1, -1/3, 1/3 or 1.
FEWEST_ARMS = 4
AGREEMENT_COLUMNS = [
    *("labelling", "evaluation", "split", "measure_1", "measure_2"),
    *("n_arms", "n_common", "n_couples", "n_turned", "tau"),
    *("n_pairs", "n_subjects", "tau_pairs", "ci_low", "ci_high"),
]
_LIES = (-1.0, 1.0)
_Signs = npt.NDArray[np.int8]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Values:
    """A measure of pairs in every arm, shape (pairs, arms), more for the better; and which arms it ranks."""

    name: str
    array: Floats
    ranked: Mask
    least: float


def agreement(taken: TakenMeasures, *, criteria: Criteria | None = None) -> pd.DataFrame:
    """Compare the orders that every two measures put the arms in.

    Parameters
    ----------
    taken : TakenMeasures
    criteria : Criteria, optional
        Level of the intervals.

    Returns
    -------
    DataFrame
        A row per labelling × evaluation × two measures, over the class of pairs that the verdict is about, with
        `AGREEMENT_COLUMNS`. Both are turned so that more is better: 1 where they agree, −1 where one turns the order of
        the other. Unranked arms take no part, nor arms that a measure sets aside.

        ``tau`` is tau-b of the arms' means over the ``n_common`` pairs that all of them have both measures of, NaN
        below `FEWEST_ARMS` arms; ``n_turned`` of ``n_couples`` couples of arms are in opposite orders. ``tau_pairs`` is
        the mean over pairs of tau-b within the pair, with an interval over subjects.

    References
    ----------
    Kendall 1945, Biometrika 33:239–251, doi:10.1093/biomet/33.3.239 (ties).
    """
    criteria = criteria or Criteria()
    rows = [
        {"labelling": labelling, "evaluation": evaluation, **row}
        for place, (labelling, evaluation, _) in enumerate(taken.judged.tables)
        for row in _compare_measures(
            [(each, each.tables[place][2].leave_out(taken.unranked)) for each in taken.all], criteria
        )
    ]
    return pd.DataFrame(rows, columns=AGREEMENT_COLUMNS)


def tau_b(first: _Signs, second: _Signs) -> Floats:
    """Kendall's tau-b of the signs of differences between couples, shape (n, couples); NaN where one has ties alone.

    Examples
    --------
    >>> tau_b(np.array([[1, 1, 1], [0, 0, 0]], np.int8), np.array([[1, -1, 1], [1, 1, 1]], np.int8)).round(2).tolist()
    [0.33, nan]
    """
    known = [np.abs(signs).sum(axis=1, dtype=np.int64) for signs in (first, second)]
    total = np.sqrt(known[0].astype(np.float64) * known[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(total > 0, (first * second).sum(axis=1, dtype=np.int64) / total, np.nan))


def _compare_measures(found: Sequence[tuple[Taken, SideBySide]], criteria: Criteria) -> Iterator[dict[str, object]]:
    """Every two measures of a labelling and evaluation."""
    whole = found[0][1]
    ((split, members),) = pair_classes(whole.crossing.splits, primary=True).items()
    inside, values = whole.of(members), []
    for each, of in found:
        table = of.keep(inside)
        ranked = np.asarray(~common_pairs(table).set_aside & np.isfinite(table.dice).any(axis=0))
        array = each.score.sign * table.dice
        values.append(_Values(name=each.column, array=array, ranked=ranked, least=table.nothing))
    designs = whole.keep(inside).crossing.designs
    for first, second in combinations(values, 2):
        arms = np.flatnonzero(first.ranked & second.ranked)
        if len(arms) > 1:
            told = {"split": split, "measure_1": first.name, "measure_2": second.name, "n_arms": len(arms)}
            yield told | _compare_means(first, second, arms) | _compare_in_pairs(first, second, arms, designs, criteria)


def _compare_means(first: _Values, second: _Values, arms: npt.NDArray[np.intp]) -> dict[str, object]:
    """Tau of the means over the pairs that all of these arms have both measures of."""
    both = np.isfinite(first.array[:, arms]).all(axis=1) & np.isfinite(second.array[:, arms]).all(axis=1)
    told: dict[str, object] = {"n_common": int(both.sum()), "n_couples": len(arms) * (len(arms) - 1) // 2}
    if not both.any():
        return told | {"n_couples": 0, "n_turned": 0, "tau": np.nan}
    one, other = (_signs(of.array[np.ix_(both, arms)].mean(axis=0)[None], of.least) for of in (first, second))
    tau = float(tau_b(one, other)[0]) if len(arms) >= FEWEST_ARMS else np.nan
    return told | {"n_turned": int((one * other < 0).sum()), "tau": tau}


def _compare_in_pairs(
    first: _Values, second: _Values, arms: npt.NDArray[np.intp], designs: Designs, criteria: Criteria
) -> dict[str, object]:
    """Mean over pairs of tau between the arms that a pair has both measures of."""
    known = np.isfinite(first.array[:, arms]) & np.isfinite(second.array[:, arms])
    one, other = (_signs(np.where(known, of.array[:, arms], np.nan), of.least) for of in (first, second))
    tau = tau_b(one, other)
    used = np.isfinite(tau)
    laid = designs.of(np.asarray(used))
    told: dict[str, object] = {"n_pairs": int(used.sum()), "n_subjects": laid.n_subjects}
    # Where a group is too small the interval is that of the rest, and not of the mean told beside it.
    step = 4 / (len(arms) * (len(arms) - 1))  # between two values that tau can have: the same in all pairs is no proof
    whole = used.any() and not laid.refused and laid.n_left_out == 0
    low, high = np.full(1, np.nan), np.full(1, np.nan)
    if whole:
        low, high = laid.infer(tau[:, None], step=step).interval(criteria.confidence, _LIES)
    mean = round(float(tau[used].mean()), 12) if used.any() else np.nan
    return told | {"tau_pairs": mean, "ci_low": float(low[0]), "ci_high": float(high[0])}


def _signs(values: Floats, least: float) -> _Signs:
    """Signs of the differences between every two columns; 0 where there is none, or nothing is known."""
    first, second = np.triu_indices(values.shape[1], 1)
    difference = values[:, first] - values[:, second]
    with np.errstate(invalid="ignore"):
        return ((difference > least).astype(np.int8) - (difference < -least).astype(np.int8)).astype(np.int8)
