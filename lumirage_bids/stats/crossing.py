"""Pairs of one class by their subjects, and how those of them that are used are laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lumirage_bids.bids.splits import Ends, Splits
from lumirage_bids.stats.classes import quote
from lumirage_bids.stats.design import Design
from lumirage_bids.stats.groups import FEWEST_SUBJECTS
from lumirage_bids.stats.layout import (
    APART,
    COUPLES,
    Couples,
    Indices,
    Mask,
    count_units,
    find_codes,
    name_role,
    number_codes,
)

_KEPT = 8  # choices of pairs whose designs are kept


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """Pairs of one class by their subjects.

    Attributes
    ----------
    subjects : sequence of str
    moving, fixed : array, shape (pairs,)
        Places of a pair's subjects among them.
    splits : mapping
        As of `lumirage_bids.stats.classes.splits_of`.
    split : array, shape (pairs,)
        Place of a pair's split among them.
    groups : sequence of str
        Group of each subject, see `lumirage_bids.stats.groups.groups_of`.
    one_sided : str
        ``moving`` or ``fixed`` where that side of all pairs of the labelling is one subject, else empty.
    """

    subjects: Sequence[str]
    moving: Indices
    fixed: Indices
    splits: Splits
    split: Indices
    groups: Sequence[str]
    one_sided: str = ""

    @cached_property
    def couples(self) -> Couples:
        """Couples of subjects."""
        n = len(self.subjects)
        codes = np.minimum(self.moving, self.fixed) * n + np.maximum(self.moving, self.fixed)
        found, number = number_codes(codes, n * n)
        return Couples(number, *np.divmod(found, max(1, n)))

    @cached_property
    def designs(self) -> Designs:
        """Designs of its pairs."""
        return Designs(self)

    def keep(self, pairs: Mask) -> Crossing:
        """Keep some pairs."""
        if pairs.all():
            return self
        return replace(self, **{name: getattr(self, name)[pairs] for name in ("moving", "fixed", "split")})


def design(crossing: Crossing, used: Mask) -> Design:
    """Lay out the pairs that are used.

    Pairs of a group below three subjects are left out where others remain. Where one side of all pairs is one subject,
    the other side's subjects are what is generalised over; where no subject is in two couples, the couples.

    Parameters
    ----------
    crossing : Crossing
    used : array, shape (pairs,)
        Which of its pairs.
    """
    kept = np.flatnonzero(used)
    while True:
        laid = _lay_out(crossing, kept)
        small = laid.sizes < FEWEST_SUBJECTS
        if not small.any():
            break
        rest = kept[~(small[laid.group[laid.moving]] | small[laid.group[laid.fixed]])]
        if len(rest) in (0, len(kept)):
            break
        kept = rest
    return _note_left_out(crossing, np.flatnonzero(used), laid)


class Designs:
    """Designs of the pairs of a crossing, one for each choice of them; the same choice is laid out once.

    The latest choices alone are kept: of 200 000 pairs each takes 10 MB, and every structure may lack others.
    """

    def __init__(self, crossing: Crossing) -> None:
        self._crossing = crossing
        self._known: dict[bytes, Design] = {}

    def of(self, used: Mask) -> Design:
        """Lay out the pairs that are used, shape (pairs,)."""
        key = np.packbits(used).tobytes()
        found = self._known.pop(key, None) or design(self._crossing, used)
        self._known[key] = found
        if len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]
        return found


def _note_left_out(crossing: Crossing, used: Indices, laid: Design) -> Design:
    """Tell the groups that were left out."""
    if len(laid.kept) == len(used):
        return laid
    before = _lay_out(crossing, used)
    out = [g for g, name in enumerate(before.names) if name not in laid.names]
    told = [f"{before.names[g]} ({count_units(before.sizes[g], before.what)})" for g in out]
    return replace(laid, left_out="; ".join(told), n_left_out=len(used) - len(laid.kept))


def _lay_out(crossing: Crossing, kept: Indices) -> Design:
    """Lay out some pairs, however small their groups."""
    sides = [side[kept] for side in (crossing.moving, crossing.fixed)]
    size = len(crossing.subjects)
    occurs = [find_codes(side, size) for side in sides]
    counts = [int(side.sum()) for side in occurs]
    subjects = np.flatnonzero(occurs[0] | occurs[1])
    places = np.zeros(size, dtype=np.intp)
    places[subjects] = np.arange(len(subjects))
    moving, fixed = (side if len(subjects) == size else places[side] for side in sides)
    couples = crossing.couples.among(kept, places)
    together = len(subjects) < sum(counts)
    group = [crossing.groups[subject] for subject in subjects]
    what, holds_for, fewest = (
        "subjects" if together else APART,
        None,
        len(subjects) if together else min(counts),
    )
    if crossing.one_sided and len(kept) and not together:
        varied, one = (moving, sides[1]) if crossing.one_sided == "fixed" else (fixed, sides[0])
        what = f"{'moving' if crossing.one_sided == 'fixed' else 'fixed'} subjects"
        holds_for = crossing.subjects[one[0]]
        several, moving = np.unique(varied, return_inverse=True)
        group, subjects, fixed, fewest = [group[place] for place in several], subjects[several], moving, max(counts)
        couples = Couples(moving, *[np.arange(len(subjects))] * 2)
    elif is_unlinked(moving, fixed, len(subjects)):
        what = COUPLES if (moving != fixed).any() else what
        one, first, moving = np.unique(np.minimum(moving, fixed), return_index=True, return_inverse=True)
        subjects, fixed, fewest = subjects[one], moving, len(one)
        couples = Couples(moving, *[np.arange(len(subjects))] * 2)
        called = [_name_couples(*split) for split in crossing.splits.items()]
        group = [called[crossing.split[kept[place]]] for place in first]
    elif not together:
        role = np.bincount(moving, minlength=len(subjects)) > 0
        apart = {g for g, m in zip(group, role, strict=True) if m}.isdisjoint(
            g for g, m in zip(group, role, strict=True) if not m
        )
        group = [name if apart else name_role(name, bool(m)) for name, m in zip(group, role, strict=True)]
    names = sorted(set(group))
    return Design(
        kept=kept,
        moving=moving,
        fixed=fixed,
        block=number_codes(crossing.split[kept], len(crossing.splits))[1],
        couples=couples,
        units=subjects,
        group=np.array([names.index(name) for name in group], dtype=np.intp),
        names=names,
        n_subjects=fewest,
        what=what,
        holds_for=holds_for,
    )


def _name_couples(split: str, ends: Ends | None) -> str:
    """Name of the couples of a split, in whichever direction."""
    return split if ends is None or ends[0] == ends[1] else " and ".join(quote(end) for end in sorted(ends))


def is_unlinked(moving: Indices, fixed: Indices, subjects: int) -> bool:
    """Whether no subject is paired with two others, though three are with one: then couples are what is independent."""
    for some in (slice(2 * subjects + 1), slice(None)):  # mostly the first pairs show it
        partner = np.full(subjects, -1)
        apart = moving[some] != fixed[some]
        one, other = moving[some][apart], fixed[some][apart]
        partner[one], partner[other] = other, one
        if (partner[one] != other).any() or (partner[other] != one).any():
            return False
    first, second = np.minimum(moving, fixed), np.maximum(moving, fixed)
    couples = np.unique(np.stack([first, second]), axis=1)
    two = couples[0] != couples[1]
    return bool(two.sum() >= FEWEST_SUBJECTS and not np.isin(couples[0][~two], couples[:, two]).any())
