"""How the pairs that a number is over hang together: by units, mostly subjects, by couples of these, and by split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lumirage_bids.stats.student import Floats

#: What is drawn where no subject is paired with two others.
COUPLES = "couples of subjects"
#: What is drawn where no subject is both moving and fixed.
APART = "moving and fixed subjects"
Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


class Couples(NamedTuple):
    """Who is in a pair together, both directions alike.

    Attributes
    ----------
    number : array, shape (pairs,)
        Which couple each pair is of.
    first, second : array, shape (couples,)
        The two of each, subjects or units; the same one twice where a pair is of one alone.
    """

    number: Indices
    first: Indices
    second: Indices

    def among(self, kept: Indices, places: Indices) -> Couples:
        """Those of some pairs, whose subjects have other places."""
        number = self.number[kept]
        there = find_codes(number, len(self.first))
        if not there.all():
            number = (np.cumsum(there) - 1)[number]
        return Couples(number, places[self.first[there]], places[self.second[there]])


@dataclass(frozen=True, kw_only=True)
class PairLayout:
    """Pairs that a number is over, by what they depend on.

    Attributes
    ----------
    kept : array, shape (pairs kept,)
        Places of the pairs among those of the crossing.
    moving, fixed : array, shape (pairs kept,)
        Units that the pair depends on, mostly its subjects. One unit twice: the pair depends on that one alone.
    block : array, shape (pairs kept,)
        Split of the pair.
    couples : Couples
        The same by couples of units.
    units : array, shape (units,)
        Place among the crossing's subjects of each unit; of a couple, of one of the two.
    group : array, shape (units,)
        Group of each unit.
    names : sequence of str
        Of the groups.
    n_subjects : int
        Subjects that take part; where none is both moving and fixed, of the side that has fewer; of couples, couples.
    what : str
        What the interval generalises over.
    holds_for : str or None
        The subject that all pairs share on one side.
    left_out : str or None
        Groups that are too small to tell of others, and whose pairs are left out because there are others.
    n_left_out : int
        Pairs left out that way.
    """

    kept: Indices
    moving: Indices
    fixed: Indices
    block: Indices
    couples: Couples
    units: Indices
    group: Indices
    names: Sequence[str]
    n_subjects: int
    what: str
    holds_for: str | None = None
    left_out: str | None = None
    n_left_out: int = 0

    @cached_property
    def sizes(self) -> npt.NDArray[np.intp]:
        """Units of each group."""
        return np.bincount(self.group, minlength=len(self.names))

    @property
    def smallest(self) -> int:
        """Units of the smallest group."""
        return int(self.sizes.min(initial=len(self.group)))

    @property
    def told(self) -> str:
        """Groups with their sizes, in words; one group by its size alone."""
        if len(self.names) == 1:
            return str(self.sizes[0])
        return ", ".join(f"{name} {size}" for name, size in zip(self.names, self.sizes, strict=True))

    @cached_property
    def alone(self) -> Mask:
        """Whether a pair depends on one unit only, shape (pairs kept,)."""
        return np.asarray(self.moving == self.fixed)

    @cached_property
    def _by_split(self) -> Floats:
        """Pairs of each couple in each split, shape (splits, couples)."""
        n = len(self.couples.first)
        found = np.bincount(self.block * n + self.couples.number, minlength=(int(self.block.max()) + 1) * n)
        return found.reshape(-1, n).astype(np.float64)

    @cached_property
    def _of_couple(self) -> Floats:
        """Pairs of each couple."""
        return np.asarray(self._by_split.sum(axis=0))

    def _per_couple(self, values: Floats) -> Floats:
        """Sums over the pairs of each couple, shape (couples,)."""
        return np.bincount(self.couples.number, values, len(self.couples.first)).astype(np.float64)

    def _per_unit(self, values: Floats) -> Floats:
        """Sums over the couples of each unit, shape (units,)."""
        n, (_, first, second) = len(self.group), self.couples
        others = np.where(first == second, 0.0, values) if self._any_alone else values
        return np.asarray(np.bincount(first, values, n) + np.bincount(second, others, n), dtype=np.float64)

    def _per_unit_and_split(self, values: Floats | None = None) -> Floats:
        """Sums over the pairs of each unit in each split, or their number, shape (units, splits)."""
        n, splits = len(self.group), len(self._by_split)
        first, second = (self.block * n + side for side in (self.moving, self.fixed))
        found = np.bincount(first, values, n * splits) + np.bincount(second, values, n * splits)
        if self._any_alone:
            found -= np.bincount(first[self.alone], None if values is None else values[self.alone], n * splits)
        return found.reshape(splits, n).T.astype(np.float64)

    @cached_property
    def _any_alone(self) -> bool:
        return bool(self.alone.any())

    @cached_property
    def counts(self) -> Floats:
        """Pairs of each unit in each split, shape (units, splits)."""
        return self._per_unit_and_split()

    @cached_property
    def in_split(self) -> Floats:
        """Pairs of each split."""
        return np.asarray(self._by_split.sum(axis=1))


def number_codes(codes: Indices, size: int) -> tuple[Indices, Indices]:
    """Different codes, in order, and the place of each among them, as `numpy.unique` does; codes lie below ``size``."""
    if size > 8 * len(codes) + 1000:  # a table of all codes would take more than sorting those that occur
        found, places = np.unique(codes, return_inverse=True)
        return found, places
    seen = find_codes(codes, size)
    found = np.flatnonzero(seen)
    return found, codes if len(found) == size else (np.cumsum(seen) - 1)[codes]


def find_codes(codes: Indices, size: int) -> Mask:
    """Which codes below ``size`` there are."""
    seen = np.zeros(size, dtype=np.bool_)
    seen[codes] = True
    return seen


def count_units(n: int, what: str) -> str:
    """So many of what is drawn: "1 subject", "3 moving subjects", "4 couples"."""
    side = what.removesuffix(" subjects") if what in ("moving subjects", "fixed subjects") else ""
    noun = "couple" if what == COUPLES else "subject"
    return " ".join([str(n), *side.split(), f"{noun}s" if n != 1 else noun])


def name_role(name: str, moving: bool) -> str:
    """Name of a group by the side that its subjects are on."""
    return f"{name} {'moving' if moving else 'fixed'}".strip()
