"""Which arm did better, by how much, and how surely: paired on the pairs that both could register."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from lumirage_bids.errors import BadDataError
from lumirage_bids.stats.classes import Arm, arms_of, pair_classes, scored_dice

COMPARISON_COLUMNS = [
    *("variant_a", "method_a", "variant_b", "method_b", "labelling", "split", "n", "n_failed"),
    *("mean_a", "mean_b", "mean_difference", "ci_low", "ci_high"),
    *("d_z", "d_av", "d_pooled", "hedges_g", "t", "p", "p_holm"),
]
CONFIDENCE = 0.95
#: Standard deviations of Dice below this are rounding, not spread (Dice lies in [0, 1]).
_NO_SPREAD = 1e-12

_Floats = npt.NDArray[np.float64]


class PairedEffect(NamedTuple):
    """A paired difference of b over a; see `paired_effect`."""

    mean_a: float
    mean_b: float
    mean_difference: float
    ci_low: float
    ci_high: float
    d_z: float
    d_av: float
    d_pooled: float
    hedges_g: float
    t: float
    p: float


def paired_effect(a: _Floats, b: _Floats) -> PairedEffect:
    r"""Difference, effect sizes and paired t-test of two arms on the same pairs.

    Parameters
    ----------
    a, b : array, shape (n,)
        Finite scores of the same pairs in the same order. Differences are b − a: positive where b is better.

    Returns
    -------
    PairedEffect
        ``ci_low``, ``ci_high``: 95 % interval of the mean difference by the paired t. Effect sizes, with m the mean
        and s the standard deviation (n − 1) of the differences, s_a and s_b those of the arms:

        - ``d_z`` = m / s
        - ``d_av`` = m / ((s_a + s_b) / 2)
        - ``d_pooled`` = m / √((s_a² + s_b²) / 2), the d of independent groups, which ignores the pairing
        - ``hedges_g`` = d_av · (1 − 3 / (4 (n − 1) − 1)), the g_av that is recommended for paired designs

        What needs a spread is NaN for n < 2 and where all differences (or both arms) are equal.

    Notes
    -----
    The t-test and its interval take the pairs for independent. They are not: a subject recurs in many pairs.
    The interval is too narrow and p too small; n pairs carry less information than n subjects would.

    References
    ----------
    Lakens 2013, doi:10.3389/fpsyg.2013.00863: d_z, d_av, d_s (here ``d_pooled``) and g_av, the last with the paired
    design's n − 1 degrees of freedom as in the spreadsheet that accompanies the paper.
    """
    nan = float("nan")
    n = len(a)
    if n == 0:
        return PairedEffect(*[nan] * len(PairedEffect._fields))
    difference = b - a
    mean = float(difference.mean())
    start = (float(a.mean()), float(b.mean()), mean)
    if n < 2:
        return PairedEffect(*start, *[nan] * 8)
    spread_a, spread_b, spread = (float(x.std(ddof=1)) for x in (a, b, difference))
    d_av = _ratio(mean, (spread_a + spread_b) / 2)
    d_pooled = _ratio(mean, float(np.sqrt((spread_a**2 + spread_b**2) / 2)))
    hedges_g = d_av * (1 - 3 / (4 * (n - 1) - 1))
    if spread < _NO_SPREAD:
        return PairedEffect(*start, nan, nan, nan, d_av, d_pooled, hedges_g, nan, nan)
    test = stats.ttest_rel(b, a)
    interval = test.confidence_interval(CONFIDENCE)
    ends = (float(interval.low), float(interval.high))
    return PairedEffect(
        *start, *ends, mean / spread, d_av, d_pooled, hedges_g, float(test.statistic), float(test.pvalue)
    )


def _ratio(mean: float, spread: float) -> float:
    return mean / spread if spread >= _NO_SPREAD else float("nan")


def holm(p: npt.ArrayLike) -> _Floats:
    """Adjust p-values for the number of tests by Holm's step-down method.

    Parameters
    ----------
    p : array-like, shape (m,)
        P-values; NaN is no test: it stays NaN and is not counted.

    Returns
    -------
    array, shape (m,)
        Adjusted p-values, in the order given.

    References
    ----------
    Holm 1979, Scandinavian Journal of Statistics 6:65–70, https://www.jstor.org/stable/4615733

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def compare(pairs: pd.DataFrame) -> pd.DataFrame:
    """Compare every two arms on the pairs that both scored.

    Parameters
    ----------
    pairs : DataFrame
        A row per variant × method × labelling × pair, with columns variant, method, labelling, split, moving,
        fixed, status and dice_mean.

    Returns
    -------
    DataFrame
        A row per labelling × class of pairs × two arms a, b in the order of `arms_of`. ``n`` pairs were scored in
        both arms; ``n_failed`` further pairs were run in both but lack a score in at least one. Other columns: see
        `paired_effect`. ``p_holm`` is adjusted over all tests of the table; classes that hold the same pairs (``all``
        and the only split) are one test.

    Raises
    ------
    BadDataError
        If a pair has more than one row in an arm and labelling.
    """
    _refuse_duplicates(pairs)
    rows: list[tuple[object, ...]] = []
    tests: list[tuple[object, ...]] = []
    for labelling, of_labelling in pairs.assign(dice=scored_dice(pairs)).groupby("labelling", sort=False):
        arms, dice, present, split = _side_by_side(of_labelling)
        for name, members in pair_classes(split).items():
            inside = np.isin(split, list(members))
            for i, j in combinations(range(len(arms)), 2):
                both_run = inside & present[:, i] & present[:, j]
                scored = both_run & np.isfinite(dice[:, i]) & np.isfinite(dice[:, j])
                n = int(scored.sum())
                effect = paired_effect(dice[scored, i], dice[scored, j])
                rows.append((*arms[i], *arms[j], labelling, name, n, int(both_run.sum()) - n, *effect))
                tests.append((labelling, arms[i], arms[j], members))
    table = pd.DataFrame(rows, columns=COMPARISON_COLUMNS[:-1])
    table["p_holm"] = _holm_once(table["p"].to_numpy(dtype=np.float64), tests)
    return table


def _holm_once(p: _Floats, tests: list[tuple[object, ...]]) -> _Floats:
    """Holm over the distinct tests; rows of one test share its value."""
    first = {test: row for row, test in reversed(list(enumerate(tests)))}
    distinct = list(first.values())
    adjusted = dict(zip(distinct, holm(p[distinct]), strict=True))
    return np.array([adjusted[first[test]] for test in tests], dtype=np.float64)


def _side_by_side(rows: pd.DataFrame) -> tuple[list[Arm], _Floats, npt.NDArray[np.bool_], npt.NDArray[np.object_]]:
    """Dice and presence, each (pairs, arms), and the split of each pair."""
    arms = arms_of(rows)
    column = pd.MultiIndex.from_frame(rows[["variant", "method"]]).map({arm: i for i, arm in enumerate(arms)})
    key = pd.MultiIndex.from_frame(rows[["moving", "fixed"]])
    codes, pairs = key.factorize()
    dice = np.full((len(pairs), len(arms)), np.nan)
    present = np.zeros(dice.shape, dtype=np.bool_)
    dice[codes, column] = rows["dice"]
    present[codes, column] = True
    split = np.empty(len(pairs), dtype=np.object_)
    split[codes] = rows["split"]
    return arms, dice, present, split


def _refuse_duplicates(pairs: pd.DataFrame) -> None:
    key = ["variant", "method", "labelling", "moving", "fixed"]
    double = pairs.duplicated(key)
    if double.any():
        found = ", ".join(f"{name} {value!r}" for name, value in pairs.loc[double, key].iloc[0].items())
        raise BadDataError(
            f"{int(double.sum())} rows of the score table repeat an earlier one, first: {found}. A pair may have one "
            "row per variant, method and labelling. Remove the rows that are out of date and run group again."
        )
