"""P-values of many tests."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from lumirage_bids.stats.student import Floats


def holm(p: npt.ArrayLike) -> Floats:
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


def holm_once(p: Floats, tests: Sequence[Hashable]) -> Floats:
    """Holm over the distinct tests; rows of one test share its value."""
    first = {test: row for row, test in reversed(list(enumerate(tests)))}
    distinct = list(first.values())
    adjusted = dict(zip(distinct, holm(p[distinct]), strict=True))
    return np.array([adjusted[first[test]] for test in tests], dtype=np.float64)


def benjamini_hochberg(p: npt.ArrayLike) -> Floats:
    """Adjust p-values so that of those below a level at most that share are false, on average.

    Parameters
    ----------
    p : array-like, shape (m,)
        P-values; NaN is no test: it stays NaN and is not counted.

    References
    ----------
    Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.8]).round(3).tolist()
    [0.04, 0.053, 0.053, 0.8]
    """
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(values))
    order = tested[np.argsort(-values[tested], kind="stable")]
    steps = values[order] * len(order) / np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps), 1.0)
    return adjusted
