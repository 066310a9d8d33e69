"""Paired differences: effect sizes from weighted moments, and the plain tests that take pairs for independent."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from lumirage_bids.stats.score import rounding_of
from lumirage_bids.stats.student import Floats, Inference

# How many times fewer degrees of freedom a spread's own error is taken to have, less one.
_SPREAD_UNSURE = 1.0
#: Most pairs for which Wilcoxon's p-value is exact where there are no ties.
_EXACT = 50


class Effects(NamedTuple):
    """A paired difference of b over a; each an array, a value for each way of weighing the pairs."""

    mean_difference: Floats
    d_z: Floats
    d_av: Floats
    d_pooled: Floats
    hedges_g: Floats


def moments(a: Floats, b: Floats) -> Floats:
    """Give the columns whose weighted sums `effects` is made of.

    Parameters
    ----------
    a, b : array, shape (n,)
        Scores of the same pairs; a pair with NaN in either does not count. Best with a's and b's means taken off:
        large means lose digits of the spreads.

    Returns
    -------
    array, shape (n, 6)
        One, a, b, and the squares of a, b and b - a.
    """
    scored = np.isfinite(a) & np.isfinite(b)
    a, b = np.where(scored, a, 0.0), np.where(scored, b, 0.0)
    return np.stack([scored.astype(np.float64), a, b, a * a, b * b, (b - a) ** 2], axis=-1)


def effects(sums: Floats, shift: float, n: int, least: float = 0.0) -> Effects:
    r"""Difference and effect sizes from sums of moments.

    Parameters
    ----------
    sums : array, shape (..., 6)
        Weighted sums of the columns of `moments`.
    shift : float
        What was taken off b's scores minus what was taken off a's.
    n : int
        Pairs; variances are those of a sample, with n - 1, whatever the weights.
    least : float
        Standard deviations that are no larger are none, see `lumirage_bids.stats.score.rounding_of`.

    Returns
    -------
    Effects
        Each of shape (...). With m the mean and s the standard deviation of the differences, s_a and s_b those of the
        arms:

        - ``d_z`` = m / s
        - ``d_av`` = m / ((s_a + s_b) / 2)
        - ``d_pooled`` = m / √((s_a² + s_b²) / 2), the d of independent groups, which ignores the pairing
        - ``hedges_g`` = d_av · (1 − 3 / (4 (n − 1) − 1)), the g_av that is recommended for paired designs

        What needs a spread is NaN for n < 2 and where all differences (or both arms) are equal; everything is NaN
        where the weights are all zero.

    References
    ----------
    Lakens 2013, doi:10.3389/fpsyg.2013.00863: d_z, d_av, d_s (here ``d_pooled``) and g_av, the last with the paired
    design's n − 1 degrees of freedom as in the spreadsheet that accompanies the paper.
    """
    total, a, b, a2, b2, d2 = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_a, mean_b = a / total, b / total
        centred = mean_b - mean_a
        bessel = n / (n - 1) if n > 1 else np.nan
        squares = ((a2, mean_a), (b2, mean_b), (d2, centred))
        var_a, var_b, var_d = (_variance(square / total, mean) * bessel for square, mean in squares)
        mean = centred + shift
        d_av = _ratio(mean, (np.sqrt(var_a) + np.sqrt(var_b)) / 2, least)
        d_pooled = _ratio(mean, np.sqrt((var_a + var_b) / 2), least)
        return Effects(mean, _ratio(mean, np.sqrt(var_d), least), d_av, d_pooled, d_av * _correction(n))


def _variance(square: Floats, mean: Floats) -> Floats:
    """Mean square less squared mean; zero where that is only what rounding left."""
    variance = square - mean**2
    return np.asarray(np.where(variance > 1e-13 * square, variance, 0.0))


def _correction(n: int) -> float:
    return 1 - 3 / (4 * (n - 1) - 1) if n > 1 else float("nan")


def _ratio(mean: Floats, spread: Floats, least: float) -> Floats:
    return np.asarray(np.where(spread > least, mean / spread, np.nan))


def influences(a: Floats, b: Floats) -> Floats:
    """How much each pair moves each effect size: what their errors are inferred from.

    Parameters
    ----------
    a, b : array, shape (n,)
        Finite scores of the same pairs.

    Returns
    -------
    array, shape (n, 4)
        For d_z, d_av, d_pooled and hedges_g, in that order; the mean of each is 0. NaN where the size is.
    """
    n, difference = len(a), b - a
    sums = moments(a - a.mean(), b - b.mean()).sum(axis=0)
    sizes = effects(sums, float(b.mean() - a.mean()), n, rounding_of(a, b))
    centred = difference - difference.mean()
    (own_a, own_b, own) = (x - x.mean() for x in (a, b, difference))
    var_a, var_b, var = (float((x**2).sum() / (n - 1)) for x in (own_a, own_b, own))
    with np.errstate(divide="ignore", invalid="ignore"):
        # A variance moves by (x − mean)² − variance; a standard deviation by half of that over itself.
        d_z = centred / np.sqrt(var) - sizes.d_z / 2 * (own**2 / var - 1)
        spread = (np.sqrt(var_a) + np.sqrt(var_b)) / 2
        half = [(x**2 - v) / (2 * np.sqrt(v)) if v > 0 else np.zeros(n) for x, v in ((own_a, var_a), (own_b, var_b))]
        d_av = centred / spread - sizes.d_av * (half[0] + half[1]) / 2 / spread
        pooled = (var_a + var_b) / 2
        d_pooled = centred / np.sqrt(pooled) - sizes.d_pooled / 2 * ((own_a**2 + own_b**2) / 2 / pooled - 1)
    known = np.isfinite([sizes.d_z, sizes.d_av, sizes.d_pooled, sizes.hedges_g])
    return np.where(known, np.stack([d_z, d_av, d_pooled, d_av * _correction(n)], axis=1), np.nan)


def size_intervals(found: Inference, sizes: npt.ArrayLike, confidence: float) -> tuple[Floats, Floats]:
    """Ends of the intervals of effect sizes.

    The error of an effect size d grows with it, as √(1 + d² / 2): intervals are taken on a scale on which it does not,
    √2 · arsinh(d / √2), so that of a large size the lower end is a fraction of it and not a difference from it. Most of
    that error is of the standard deviation that the size is divided by, which is known from fourth powers of few
    differences, and too small more often than not: its share counts with half of the degrees of freedom.

    Parameters
    ----------
    found : Inference
        Of the influences of each size.
    sizes : array-like
        The sizes that were found.
    confidence : float
    """
    d = np.asarray(sizes, dtype=np.float64)
    half = d**2 / 2
    degrees = np.maximum(found.df / (1 + _SPREAD_UNSURE * half / (1 + half)), 1.0)
    even = replace(found, estimate=np.arcsinh(d / np.sqrt(2)), se=found.se / np.sqrt(2 + d**2), df=degrees)
    low, high = even.interval(confidence)
    return np.asarray(np.sqrt(2) * np.sinh(low)), np.asarray(np.sqrt(2) * np.sinh(high))


class PlainTests(NamedTuple):
    """Tests of a paired difference that take the pairs for independent."""

    t: float
    p_t: float
    w: float
    p_wilcoxon: float


def plain_tests(a: Floats, b: Floats) -> PlainTests:
    """Paired t-test and Wilcoxon's signed-rank test, two-sided, on finite scores of the same pairs.

    NaN where there are fewer than two pairs or the differences do not vary. Wilcoxon's p-value is exact up to 50 pairs
    without ties, else by the normal approximation.

    Notes
    -----
    Pairs are not independent: a subject recurs in many. Both p-values are too small.
    """
    difference = b - a
    if len(difference) < 2 or difference.std(ddof=1) <= rounding_of(a, b):
        return PlainTests(*[float("nan")] * 4)
    n = len(difference)
    t = float(difference.mean() / (difference.std(ddof=1) / np.sqrt(n)))
    w, p_wilcoxon = _signed_ranks(difference[difference != 0], n)
    return PlainTests(t, float(2 * special.stdtr(n - 1, -abs(t))), w, p_wilcoxon)


def _signed_ranks(difference: Floats, pairs: int) -> tuple[float, float]:
    """Wilcoxon's statistic, the smaller sum of ranks, and its p-value."""
    n, size = len(difference), np.abs(difference)
    ranks = pd.Series(size).rank().to_numpy(dtype=np.float64)
    above = float(ranks[difference > 0].sum())
    w = min(above, n * (n + 1) / 2 - above)
    _, ties = np.unique(size, return_counts=True)
    if n == pairs <= _EXACT and ties.max() == 1:
        ways = np.ones(1)
        for rank in range(1, n + 1):  # orders of signs by their sum of ranks
            ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
        return w, min(1.0, float(2 * ways[: int(w) + 1].sum() / 2.0**n))
    variance = n * (n + 1) * (2 * n + 1) / 24 - float((ties**3 - ties).sum()) / 48
    return w, float(2 * special.ndtr((w - n * (n + 1) / 4) / np.sqrt(variance)))
