"""What several experiments say together: their mean, how far they differ, and what a further one may show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, special

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.stats.student import Floats

#: Fewer experiments are told side by side: how far they differ cannot be known from two.
FEWEST_EXPERIMENTS = 3
#: Of fewer there is no interval for a further experiment: it would hang on a variance that three or four do not tell.
FEWEST_TO_PREDICT = 5
#: Degrees of freedom of an experiment's standard error: with fewer, one too small by chance would weigh too much.
FEWEST_DEGREES = 3
ARMS = ("variant_a", "method_a", "variant_b", "method_b")
TOGETHER_COLUMNS = [
    *("group", *ARMS, "n_experiments", "n_datasets", "n_aside", "lowest", "highest"),
    *("mean_difference", "se", "df", "ci_low", "ci_high", "p", "equivalence_margin", "p_equivalence"),
    *("tau", "tau_low", "tau_high", "i2", "i2_low", "i2_high", "p_same", "further_low", "further_high"),
]
_NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class Together:
    """What experiments say together; NaN for what so few do not tell.

    Attributes
    ----------
    n : int
        Experiments.
    mean, se, df : float
        Mean over experiments, its standard error and degrees of freedom.
    low, high : float
        Interval of the mean.
    p : float
        Two-sided p-value of a mean of 0.
    tau, tau_low, tau_high : float
        Standard deviation of the experiments' true values, in the unit of the estimates, with its interval.
    i2, i2_low, i2_high : float
        Share of the variance between the estimates that is not chance of single experiments, percent.
    p_same : float
        P-value of all experiments having one true value (Cochran's Q).
    further_low, further_high : float
        Where the true value of a further experiment lies, at the same level.
    """

    n: int
    mean: float = _NAN
    se: float = _NAN
    df: float = _NAN
    low: float = _NAN
    high: float = _NAN
    p: float = _NAN
    tau: float = _NAN
    tau_low: float = _NAN
    tau_high: float = _NAN
    i2: float = _NAN
    i2_low: float = _NAN
    i2_high: float = _NAN
    p_same: float = _NAN
    further_low: float = _NAN
    further_high: float = _NAN

    def p_within(self, margin: float) -> float:
        """P-value of two one-sided tests: small where the mean surely lies within ± ``margin``."""
        if not self.se > 0:
            return _NAN
        ends = (-(margin - self.mean) / self.se, -(margin + self.mean) / self.se)
        return float(max(special.stdtr(self.df, end) for end in ends))


def combine(estimate: npt.ArrayLike, se: npt.ArrayLike, *, confidence: float = 0.95) -> Together:
    """Sum up independent experiments whose true values may differ.

    Parameters
    ----------
    estimate, se : array-like, shape (n,)
        An estimate of each experiment, and its standard error, above 0.
    confidence : float
        Level of the intervals.

    Returns
    -------
    Together
        The variance between experiments is Paule and Mandel's, its interval the Q-profile's. The mean's interval is
        Hartung and Knapp's and Sidik and Jonkman's, never narrower than that with the variance taken for known (the
        modification that Röver, Knapp and Friede recommend for few experiments of different size). Nothing but ``n``
        below `FEWEST_EXPERIMENTS`.

    References
    ----------
    Paule and Mandel 1982, doi:10.6028/jres.087.022; Viechtbauer 2007, doi:10.1002/sim.2514 (Q-profile);
    Hartung and Knapp 2001, doi:10.1002/sim.1009; Sidik and Jonkman 2002, doi:10.1002/sim.1262;
    Röver, Knapp and Friede 2015, doi:10.1186/s12874-015-0091-1;
    Higgins and Thompson 2002, doi:10.1002/sim.1186 (I²);
    Higgins, Thompson and Spiegelhalter 2009, doi:10.1111/j.1467-985X.2008.00552.x (further experiments), with the
    mean's error as above, as in Partlett and Riley 2017, doi:10.1002/sim.7140.

    Examples
    --------
    >>> found = combine([0.03, 0.01, 0.02, 0.05], [0.01, 0.005, 0.01, 0.02])
    >>> f"{found.mean:.4f}, {found.low:.4f} to {found.high:.4f}; tau {found.tau:.4f}"
    '0.0216, -0.0012 to 0.0444; tau 0.0102'
    """
    y, variance = np.asarray(estimate, dtype=np.float64), np.asarray(se, dtype=np.float64) ** 2
    n = len(y)
    if n < FEWEST_EXPERIMENTS:
        return Together(n=n)
    tau2 = _variance_at(y, variance, n - 1)
    weight = 1 / (variance + tau2)
    mean = float((weight * y).sum() / weight.sum())
    scale = max(1.0, _q(y, variance, tau2) / (n - 1))
    error = float(np.sqrt(scale / weight.sum()))
    reach = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * error
    low2, high2 = (_variance_at(y, variance, float(special.chdtri(n - 1, p))) for p in _tails(confidence))
    further = _NAN
    if n >= FEWEST_TO_PREDICT:
        further = float(special.stdtrit(n - 2, (1 + confidence) / 2) * np.sqrt(tau2 + error**2))
    return Together(
        n=n,
        mean=mean,
        se=error,
        df=n - 1.0,
        low=mean - reach,
        high=mean + reach,
        p=float(2 * special.stdtr(n - 1, -abs(mean) / error)),
        tau=float(np.sqrt(tau2)),
        tau_low=float(np.sqrt(low2)),
        tau_high=float(np.sqrt(high2)),
        **dict(zip(("i2", "i2_low", "i2_high"), _shares(variance, tau2, low2, high2), strict=True)),
        p_same=float(special.chdtrc(n - 1, _q(y, variance, 0.0))),
        further_low=mean - further,
        further_high=mean + further,
    )


def sum_up_experiments(rows: pd.DataFrame, criteria: Criteria) -> pd.DataFrame:
    """Sum up what comparable experiments found of the same two arms.

    Parameters
    ----------
    rows : DataFrame
        A row per experiment × two arms: columns ``group`` (experiments of one are comparable), ``dataset``, the arms
        (`ARMS`), and ``mean_difference``, ``se`` and ``df`` as of `lumirage_bids.stats.comparisons.compare`.
    criteria : Criteria
        Margin of equivalence, and level of intervals.

    Returns
    -------
    DataFrame
        A row per group × two arms, with `TOGETHER_COLUMNS`. Experiments on one dataset are not independent and count
        as one: the mean of their differences, with the mean of their standard errors, which is right where they
        agree altogether and too large otherwise. Those without a standard error, or with one of fewer than
        `FEWEST_DEGREES` degrees of freedom, are ``n_aside`` of the ``n_experiments``; ``lowest`` and ``highest`` are
        over all.
    """
    found = [
        {**dict(zip(("group", *ARMS), key, strict=True)), **_sum_up(of, criteria)}
        for key, of in rows.groupby(["group", *ARMS], sort=False)
    ]
    return pd.DataFrame(found, columns=TOGETHER_COLUMNS)


def _sum_up(rows: pd.DataFrame, criteria: Criteria) -> dict[str, float]:
    known = rows[(rows["se"] > 0) & (rows["df"] >= FEWEST_DEGREES)]
    of_datasets = known.groupby("dataset", sort=False)[["mean_difference", "se"]].mean()
    found = combine(of_datasets["mean_difference"], of_datasets["se"], confidence=criteria.confidence)
    numbers = vars(found)
    same = ("se", "df", "p", "tau", "tau_low", "tau_high", "i2", "i2_low", "i2_high", "p_same")
    return {
        "n_experiments": len(rows),
        "n_datasets": found.n,
        "n_aside": len(rows) - len(known),
        **{"lowest": rows["mean_difference"].min(), "highest": rows["mean_difference"].max()},
        **{"mean_difference": found.mean, "ci_low": found.low, "ci_high": found.high},
        **{name: numbers[name] for name in (*same, "further_low", "further_high")},
        "equivalence_margin": criteria.margin,
        "p_equivalence": found.p_within(criteria.margin),
    }


def _tails(confidence: float) -> tuple[float, float]:
    """Upper tails of the χ² quantiles that the ends of the variance's interval belong to, the lower end first."""
    return (1 - confidence) / 2, (1 + confidence) / 2


def _q(y: Floats, variance: Floats, tau2: float) -> float:
    """Weighed sum of squares about the weighed mean, with a variance between experiments."""
    weight = 1 / (variance + tau2)
    mean = (weight * y).sum() / weight.sum()
    return float((weight * (y - mean) ** 2).sum())


def _variance_at(y: Floats, variance: Floats, wanted: float) -> float:
    """Variance between experiments at which the sum of squares is what is wanted: it falls as the variance rises."""

    def beyond(tau2: float) -> float:
        return _q(y, variance, tau2) - wanted

    return 0.0 if beyond(0.0) <= 0 else _root(beyond, float(np.var(y)))


def _root(falling: Callable[[float], float], start: float) -> float:
    top = start
    while falling(top) > 0:
        top *= 4
    return float(optimize.brentq(falling, 0.0, top, xtol=1e-12 * top, rtol=1e-12))


def _shares(variance: Floats, *tau2: float) -> list[float]:
    """Variances between experiments as shares of it and the variance of a typical experiment, percent."""
    weight = 1 / variance
    typical = (len(weight) - 1) * weight.sum() / (weight.sum() ** 2 - (weight**2).sum())
    return [float(100 * each / (each + typical)) for each in tau2]
