"""Where the differences between pairs come from, and how many subjects it takes to see a small one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from lumirage_bids.stats.crossing import Crossing
from lumirage_bids.stats.groups import FEWEST_SUBJECTS
from lumirage_bids.stats.layout import Mask
from lumirage_bids.stats.student import Floats

_POWER = 0.8
#: Subjects beyond which nobody looks how many more it would take.
MOST_SUBJECTS = 100_000


class Shares(NamedTuple):
    """Variances of the scores of pairs.

    Attributes
    ----------
    moving, fixed, pair : float
        Of the effect of the moving subject, of the fixed one, and of what is left to the pair.
    both : float
        Covariance of a subject's effects as moving and as fixed one.
    """

    moving: float
    fixed: float
    pair: float
    both: float

    @property
    def percent(self) -> tuple[float, float, float]:
        """Shares of moving subject, fixed subject and pair, NaN where nothing varies."""
        parts = np.array([self.moving, self.fixed, self.pair])
        total = parts.sum()
        moving, fixed, pair = 100 * parts / total if total > 0 else np.full(3, np.nan)
        return float(moving), float(fixed), float(pair)


def variance_shares(crossing: Crossing, used: Mask, values: Floats) -> Shares:
    """Estimate the variances by the method of moments, within splits.

    Parameters
    ----------
    crossing : Crossing
    used : array, shape (pairs,)
        Which of its pairs.
    values : array, shape (pairs,)
        Finite where used. All is NaN where the pairs do not tell the parts apart: too few, or of the same subjects.
    """
    sides = [np.unique(side[used], return_inverse=True)[1] for side in (crossing.moving, crossing.fixed)]
    subjects, codes = np.unique(np.concatenate([crossing.moving[used], crossing.fixed[used]]), return_inverse=True)
    moving, fixed = np.split(codes, 2) if len(codes) else (codes, codes)
    if not len(codes) or (moving == fixed).all() or min(side.max() for side in sides) < 1:
        return Shares(*[float("nan")] * 4)
    block = np.unique(crossing.split[used], return_inverse=True)[1]
    in_split, n = np.bincount(block).astype(float), len(subjects)
    residual = values[used] - (np.bincount(block, values[used]) / in_split)[block]
    counts = [
        np.bincount(side * len(in_split) + block, minlength=n * len(in_split)).reshape(n, -1)
        for side in (moving, fixed)
    ]
    cells = np.bincount(moving * n + fixed, minlength=n * n).reshape(n, n)
    mm, ff = (np.diag(c.sum(axis=1)) - (c / in_split) @ c.T for c in counts)
    mf = cells - (counts[0] / in_split) @ counts[1].T
    by_moving, by_fixed = np.bincount(moving, residual, n), np.bincount(fixed, residual, n)
    squares = np.array([by_moving @ by_moving, by_fixed @ by_fixed, residual @ residual, by_moving @ by_fixed])
    known = np.array(
        [
            [(mm * mm).sum(), (mf * mf).sum(), np.trace(mm), 2 * (mm * mf).sum()],
            [(mf * mf).sum(), (ff * ff).sum(), np.trace(ff), 2 * (ff * mf).sum()],
            [np.trace(mm), np.trace(ff), len(residual) - len(in_split), 2 * np.trace(mf)],
            [(mm * mf.T).sum(), (mf.T * ff).sum(), np.trace(mf), (mm * ff).sum() + (mf * mf.T).sum()],
        ]
    )
    if np.linalg.matrix_rank(known[:3, :3]) < 3:
        return Shares(*[float("nan")] * 4)
    scale = np.sqrt(np.maximum(np.abs(np.diag(known)), 1e-12))
    found = np.linalg.lstsq(known / np.outer(scale, scale), squares / scale, rcond=1e-9)[0] / scale
    moves, stays, own, both = found.tolist()
    return Shares(moving=max(0.0, moves), fixed=max(0.0, stays), pair=max(0.0, own), both=both)


def subjects_needed(shares: Shares, margin: float, alpha: float) -> float:
    """Subjects with whom, over all their ordered pairs, a true difference of ``margin`` is found 8 times in 10.

    Parameters
    ----------
    shares : Shares
    margin : float
    alpha : float
        Level of each of the two-sided tests: that of the table over their number, where several are corrected for.

    Returns
    -------
    float
        NaN where the variances are not known; infinite beyond `MOST_SUBJECTS`.
    """
    if not np.isfinite(shares.pair):
        return float("nan")
    own = max(0.0, shares.moving + shares.fixed + 2 * shares.both)

    def enough(n: int) -> bool:
        se = np.sqrt(own / n + shares.pair / (n * (n - 1)))
        return bool((special.stdtrit(n - 1, 1 - alpha / 2) + special.stdtrit(n - 1, _POWER)) * se <= margin)

    few, many = FEWEST_SUBJECTS - 1, MOST_SUBJECTS
    if not enough(many):
        return float("inf")
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return float(many)
