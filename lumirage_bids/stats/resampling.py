"""Other subjects as they might have been drawn: what a rank is bootstrapped over.

A subject recurs in many pairs, moving in some and fixed in others, so pairs are not independent and subjects are what
is drawn from a population. Every resample draws as many subjects as there are, with replacement and with all their
scans together; a pair then counts as often as its moving subject times its fixed subject was drawn, and a subject
drawn twice makes no pair with itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from lumirage_bids.stats.crossing import is_unlinked
from lumirage_bids.stats.layout import COUPLES, Indices, Mask
from lumirage_bids.stats.student import Floats

RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """Pairs by their subjects, and how often each resample drew each subject.

    Attributes
    ----------
    moving, fixed : array, shape (pairs,)
        Rows of ``weights`` of the moving and of the fixed subject.
    weights : array, shape (subjects + 1, 1 + resamples)
        How often a resample drew a subject; the first column is the sample itself, all ones. Where no subject is both
        moving and fixed, the two sides are drawn apart. The last row is all ones, for `_partner`.
    what : str
        What is drawn: ``subjects``, ``moving and fixed subjects`` (apart), ``couples of subjects``, where no subject is
        paired with two others, or only one side, where the other is one subject; what is then found holds for that
        subject.
    """

    moving: Indices
    fixed: Indices
    weights: Floats
    what: str

    def sums(self, columns: Floats) -> Floats:
        """Weighted sums over the pairs.

        Parameters
        ----------
        columns : array, shape (pairs, columns)

        Returns
        -------
        array, shape (1 + resamples, columns)
            The first row is the plain sum.
        """
        shape = (len(self.weights), len(self.weights))
        # Summed up over each moving subject's pairs first: the weights of all pairs would be 1000 times the pairs.
        crossed = (sparse.csr_array((column, (self.moving, self._partner)), shape=shape) for column in columns.T)
        return np.stack([(self.weights * (pairs @ self.weights)).sum(axis=0) for pairs in crossed], axis=1)

    @cached_property
    def _partner(self) -> Indices:
        """Rows of the second factor of a pair's weight: a subject's rescans come along as often as it is drawn."""
        return np.where(self.moving == self.fixed, len(self.weights) - 1, self.fixed)

    def means(self, columns: Floats) -> Floats:
        """Weighted means over the pairs that have a finite value; as `sums`, NaN where no pair has one."""
        known = np.isfinite(columns)
        weight = self.sums((known[:, :1] if known.all() else known).astype(np.float64))
        with np.errstate(invalid="ignore"):
            return np.asarray(self.sums(np.where(known, columns, 0.0)) / weight)

    def subjects(self, used: Mask) -> int:
        """Subjects that an interval over these pairs rests on: those of the side that has fewer."""
        sides = [int(np.count_nonzero(np.bincount(side[used]))) for side in (self.moving, self.fixed)]
        varied = [n for n in sides if n > 1] if min(sides) <= 1 and self.what != "subjects" else sides
        return min(varied, default=min(sides))


def draw_subjects(
    moving: npt.ArrayLike, fixed: npt.ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0
) -> Resampling:
    """Draw the subjects of ordered pairs.

    Parameters
    ----------
    moving, fixed : array-like, shape (pairs,)
        Subject of each pair's moving and fixed scan. The order of the pairs does not change the draw.
    resamples : int
    seed : int
        The same seed draws the same.

    References
    ----------
    Snijders and Borgatti 1999, Connections 22(2):161–170 (drawing the nodes of a network, here without the pairs of a
    subject with its own copy); Owen 2007, doi:10.1214/07-AOAS122 (both sides apart).
    """
    sides = [np.asarray(moving), np.asarray(fixed)]
    subjects, codes = np.unique(np.concatenate(sides), return_inverse=True)
    first, second = codes[: len(sides[0])], codes[len(sides[0]) :]
    couples = is_unlinked(first, second, len(subjects)) if len(codes) else False
    if couples:  # a couple is drawn as one: its subjects have no other partner
        sides = [np.minimum(first, second)] * 2
    found = [np.unique(side) for side in sides]
    together = len(np.intersect1d(found[0], found[1])) > 0
    pools = [np.unique(np.concatenate(found))] if together else found
    rows = [np.searchsorted(pools[0], sides[0]), np.searchsorted(pools[-1], sides[1])]
    random = np.random.default_rng(seed)
    drawn = [random.multinomial(len(pool), np.full(len(pool), 1 / max(1, len(pool))), size=resamples) for pool in pools]
    weights = np.ones((sum(map(len, pools)) + 1, 1 + resamples))
    weights[:-1, 1:] = np.concatenate(drawn, axis=1).T
    offset = 0 if together else len(pools[0])
    varied = [name for name, pool in zip(("moving", "fixed"), found, strict=True) if len(pool) > 1]
    what = COUPLES if couples and (first != second).any() else ""
    what = what or ("subjects" if together or not varied else f"{' and '.join(varied)} subjects")
    return Resampling(moving=rows[0], fixed=rows[1] + offset, weights=weights, what=what)
