"""How sure a number over pairs is: subjects are what is drawn from a population, and each recurs in many pairs.

The score of a pair is thought of as a mean of its split, an effect of each of its two subjects, and what the pair has
of its own. Of a mean over pairs, the variance then is that of the subjects' effects, each weighed by the pairs that its
subject takes part in, plus that of the pairs' own parts. Both are found from two sums of squares: over subjects, of the
sum of a subject's residuals; and over couples of subjects, of the sum of theirs. For a complete round robin this is the
analysis of variance of the social relations model; the same equations hold for any other choice of pairs. Subjects of
different sequences are different groups, each with a variance of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from lumirage_bids.bids.splits import Ends, Splits
from lumirage_bids.stats.classes import DIFFERENT_SUBJECTS, quote
from lumirage_bids.stats.groups import FEWEST_SUBJECTS
from lumirage_bids.stats.student import Floats, Inference

#: What is drawn where no subject is paired with two others.
COUPLES = "couples of subjects"
#: What is drawn where no subject is both moving and fixed.
APART = "moving and fixed subjects"
Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

#: With fewer, intervals of effect sizes are so wide that they say nothing (docs/concepts/statistics.md).
FEWEST_FOR_SIZES = 8
# With fewer subjects, in all and in a group, what pairs have of their own is not told apart from what subjects have.
_FEWEST_IN_ALL, _FEWEST_IN_GROUP = 10, 6
# Skewness of fewer values is chance.
_FEWEST_FOR_SKEWNESS = 10
# How much of the share that a group has by its pairs counts in the degrees of freedom, whatever its spread is found to
# be: a group of three has a small one by chance too often.
_SHARE = 0.75
# How often more than once the pairs' own part counts in the degrees of freedom where the rest is subjects' effects.
_TAKEN_AWAY = 2.0
# How much of the skewness found counts: that of few values is partly chance.
_SKEWNESS = 0.5
# Standard errors below this share of the largest value are rounding.
_NO_SPREAD = 1e-12
_UPPER = 0.975
# Below it, no degrees of freedom have such a point of t.
_NORMAL_POINT = 1.9601
_KEPT = 8  # choices of pairs whose designs are kept
_DENSE = 1500  # subjects up to which degrees of freedom are computed in full


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
        there = _occur(number, len(self.first))
        if not there.all():
            number = (np.cumsum(there) - 1)[number]
        return Couples(number, places[self.first[there]], places[self.second[there]])


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
        found, number = _number(codes, n * n)
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


@dataclass(frozen=True, kw_only=True)
class Design:
    """Pairs that a number is over, and what its interval rests on.

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
    def refused(self) -> str | None:
        """Why there is no interval; None where there is one."""
        if not len(self.kept):
            return "no pair was scored in both arms"
        if self.smallest < FEWEST_SUBJECTS:
            small = int(self.sizes.argmin())
            name = self.names[small] if len(self.names) > 1 else ""
            verb = "takes" if self.smallest == 1 else "take"
            who = _count_units(self.smallest, self.what) + (f" of {name}" if name else "")
            for side in ("moving", "fixed"):
                if name == _name_role(DIFFERENT_SUBJECTS, side == "moving"):  # no sequences are known, only the side
                    who = _count_units(self.smallest, f"{side} subjects")
            return f"{who} {verb} part, at least {FEWEST_SUBJECTS} are needed for an interval"
        if np.diag(self._moments)[:-1].min() < 1e-9:
            return "no split has pairs enough to tell how much they vary"
        return None

    @property
    def refused_sizes(self) -> str | None:
        """Why there is no interval of an effect size; None where there is one."""
        if self.refused or len(self.group) >= FEWEST_FOR_SIZES:
            return self.refused
        few = _count_units(len(self.group), self.what)
        return f"{few} take part, at least {FEWEST_FOR_SIZES} are needed for an interval of an effect size"

    @property
    def estimator(self) -> str:
        """Where the standard error comes from."""
        return "contributions" if self._by_contributions.any() else "components"

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

    @cached_property
    def _leverage(self) -> Floats:
        """What each unit's effect gives to each unit's sum of residuals, shape (units, units)."""
        first, second = self.couples.first, self.couples.second
        both = np.zeros((len(self.group), len(self.group)))
        both[first, second] = both[second, first] = self._of_couple
        np.fill_diagonal(both, self.counts.sum(axis=1))
        return np.asarray(both - (self.counts / self.in_split) @ self.counts.T)

    @cached_property
    def _squared(self) -> Floats:
        """Sums of squared leverages by groups of both units, shape (groups, groups)."""
        member = np.eye(len(self.names))[self.group]
        if not self.alone.all():
            return np.asarray(member.T @ self._leverage**2 @ member)
        # Each pair depends on one unit: the leverage is a diagonal minus a product, too large to be written out.
        counts = self.counts.sum(axis=1)
        own = self.counts / np.sqrt(self.in_split)
        per_group = np.stack([own[self.group == g].T @ own[self.group == g] for g in range(len(self.names))])
        products = np.einsum("gab,hab->gh", per_group, per_group)
        return np.asarray(products + np.diag(member.T @ (counts**2 - 2 * counts * (own**2).sum(axis=1))))

    @cached_property
    def _diagonal(self) -> Floats:
        """Each unit's own leverage."""
        return np.asarray(self.counts.sum(axis=1) - (self.counts**2 / self.in_split).sum(axis=1))

    @cached_property
    def _moments(self) -> Floats:
        """What each variance, of the groups' effects and of what pairs have of their own, gives to each sum of squares.

        Shape (groups + 1, groups + 1): a row for each group's sum of squares, the last for that of couples.
        """
        member = np.eye(len(self.names))[self.group]
        mixed = self._per_unit_and_split(self._of_couple[self.couples.number])
        share, both = self.counts / self.in_split, self._by_split @ self._by_split.T
        quadratic = np.einsum("sa,ab,sb->s", share, both, share) - 2 * (mixed * share).sum(1) + mixed.sum(1)
        groups = len(self.names)
        moments = np.empty((groups + 1, groups + 1))
        moments[:-1, :-1] = self._squared
        moments[:-1, -1] = member.T @ self._diagonal
        moments[-1, :-1] = member.T @ quadratic
        moments[-1, -1] = len(self.kept) - (np.diag(both) / self.in_split).sum()
        return moments

    @cached_property
    def _without_pairs(self) -> Floats:
        """What turns groups' sums of squares into variances where pairs have nothing of their own."""
        moments = self._moments[:-1, :-1]
        if _is_solvable(moments):
            return np.asarray(np.linalg.inv(moments))
        return np.diag(1 / np.diag(moments))  # groups that always go together: each has the whole, which is too much

    @cached_property
    def _by_contributions(self) -> Mask:
        """Which groups' variance is taken with what their pairs have of their own, shape (groups,)."""
        few = len(self.group) < _FEWEST_IN_ALL or bool(self.alone.all()) or not _is_solvable(self._moments)
        return np.asarray((self.sizes < _FEWEST_IN_GROUP) | few)

    @cached_property
    def _degrees(self) -> Floats:
        """Degrees of freedom of each group's sum of squares."""
        if len(self.group) > _DENSE:
            squares = [self._diagonal[self.group == g] ** 2 for g in range(len(self.names))]
            return np.array([s.sum() ** 2 / max((s**2).sum(), 1e-300) - 1 for s in squares])
        parts = [self._leverage[np.ix_(of, of)] for of in (self.group == g for g in range(len(self.names)))]
        products = [part @ part for part in parts]
        return np.array([np.trace(m) ** 2 / max((m * m).sum(), 1e-300) for m in products])

    def infer(self, values: Floats, *, step: float = 0.0) -> Inference:
        """Means over the pairs kept, with their errors.

        Parameters
        ----------
        values : array, shape (pairs of the crossing, numbers)
            Finite for the pairs kept.
        step : float
            What the scores are rounded to whose differences the values are. Values that do not vary may have varied by
            as much as rounding hides: a standard deviation of step / √6 over the subjects of the smallest group.

        Returns
        -------
        Inference
            Of shape (numbers,). Errors are NaN where `refused` has a reason.

        References
        ----------
        Kenny, Kashy and Cook 2006, Dyadic Data Analysis, ISBN 978-1-57230-986-9 (the social relations model);
        Satterthwaite 1946, doi:10.2307/3002019 (degrees of freedom);
        Aronow, Samii and Assenova 2015, doi:10.1093/pan/mpv018 (sums over subjects less what couples count twice).
        """
        columns = values[self.kept].T
        if self.refused:
            nothing = np.full(len(columns), np.nan)
            mean = columns.mean(axis=1) if len(self.kept) else nothing
            return Inference(estimate=mean, se=nothing, df=nothing, skewness=nothing)
        found = np.array([self._infer(column) for column in columns]).reshape(-1, 4).T
        inferred = Inference(estimate=found[0], se=found[1], df=found[2], skewness=found[3])
        return inferred.at_least(step / np.sqrt(6 * self.smallest), self.smallest - 1.0)

    def contributions(self, values: Floats) -> Floats:
        """What each unit moves the mean by, scaled so that squares sum up to its variance.

        What pairs have of their own counts to both of their units: the variance is rather too large.

        Parameters
        ----------
        values : array, shape (pairs of the crossing,)

        Returns
        -------
        array, shape (units,)
        """
        sums, squares, alone = self._sums(self._per_couple(self._residual(values[self.kept])))
        scale = np.sqrt(alone * self._weight / np.maximum(squares, 1e-300))
        return np.asarray(sums * scale[self.group])

    def leave_each_out(self, values: Floats, moving: Indices, fixed: Indices, size: int) -> Floats:
        """About how many standard errors from 0 the mean lies without each subject: who is worth leaving out.

        Sums over units, without a subject's pairs, take the place of a new layout of the rest; what is found so is near
        t and in its order, not t itself.

        Parameters
        ----------
        values : array, shape (pairs of the crossing,)
        moving, fixed : array, shape (pairs kept,)
            Subjects of the pairs kept; the units may be others.
        size : int
            Number of subjects.

        Returns
        -------
        array, shape (subjects,)
            NaN for subjects without whom nothing is left, and those that take no part.
        """
        column = values[self.kept]
        residual, n = self._residual(column), len(self.group)
        all_sums, squares, alone = self._sums(self._per_couple(residual))
        two_units, two = ~self.alone, moving != fixed
        shared, rest = np.zeros((n, size)), np.zeros((n, size))
        for unit, which in ((self.moving, np.ones(len(column), dtype=np.bool_)), (self.fixed, two_units)):
            for subject, mine in ((moving, which), (fixed, which & two)):
                cells = unit[mine] * size + subject[mine]
                shared += np.bincount(cells, minlength=n * size).reshape(n, size)
                rest += np.bincount(cells, residual[mine], n * size).reshape(n, size)
        own = np.bincount(moving, minlength=size) + np.bincount(fixed[two], minlength=size)
        lost = np.bincount(moving, residual, size) + np.bincount(fixed[two], residual[two], size)
        mine = np.bincount(moving, column, size) + np.bincount(fixed[two], column[two], size)
        left = np.maximum(len(column) - own, 1)
        sums = all_sums[:, None] - rest + (self.counts.sum(axis=1)[:, None] - shared) * (lost / left)
        scale = (alone * self._weight / np.maximum(squares, 1e-300))[self.group] * len(column) ** 2
        se = np.sqrt(scale @ sums**2) / left
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (column.sum() - mine) / left / np.maximum(se, 1e-300)
        return np.where((own > 0) & (own < len(column)), found, np.nan)

    def _sums(self, couples: Floats) -> tuple[Floats, Floats, Floats]:
        """Units' sums of residuals, by those of couples; groups' sums of their squares, variances by those alone."""
        sums = self._per_unit(couples)
        squares = np.bincount(self.group, sums**2, len(self.names)).astype(np.float64)
        return sums, squares, np.maximum(self._without_pairs @ squares, 0)

    @cached_property
    def _weight(self) -> Floats:
        """What the variance of each group's effects weighs in that of the mean."""
        return np.bincount(self.group, self.counts.sum(axis=1) ** 2, len(self.names)) / len(self.kept) ** 2

    @cached_property
    def _apart(self) -> int:
        """Pairs whose own part is told apart from their units' effects."""
        joined = self._by_contributions
        if not joined.any():
            return len(self.kept)
        return int((~(joined[self.group[self.moving]] | joined[self.group[self.fixed]])).sum())

    def _residual(self, column: Floats) -> Floats:
        """What is left of each pair without the mean of its split."""
        return np.asarray(column - (np.bincount(self.block, column) / self.in_split)[self.block])

    def _infer(self, column: Floats) -> tuple[float, float, float, float]:
        """Mean, standard error, degrees of freedom and skewness."""
        couples, weight = self._per_couple(self._residual(column)), self._weight
        sums, squares, alone = self._sums(couples)
        subjects, pairs = self._components(squares, float((couples**2).sum()), alone)
        variance = float(subjects @ weight + pairs)
        if not variance > (_NO_SPREAD * float(np.abs(column).max())) ** 2:
            return float(column.mean()), 0.0, 1.0, 0.0
        degrees = self._degrees / (1 + self._excess(sums, squares) / 2)
        skewness = _SKEWNESS * self._third_moment(sums, squares, alone * weight) / float(alone @ weight) ** 1.5
        return (
            float(column.mean()),
            float(np.sqrt(variance)),
            self._satterthwaite(subjects * weight, pairs, weight, degrees),
            skewness,
        )

    def _components(self, squares: Floats, couples: float, alone: Floats) -> tuple[Floats, float]:
        """Variances of the groups' effects, and the variance that the pairs' own parts give to the mean."""
        joined = self._by_contributions
        if joined.all():
            return alone, 0.0
        found = np.maximum(np.linalg.solve(self._moments, np.append(squares, couples))[:-1], 0)
        own = max(0.0, float((couples - self._moments[-1, :-1] @ found) / self._moments[-1, -1]))
        return np.where(joined, alone, found), own * self._apart / len(self.kept) ** 2

    def _satterthwaite(self, parts: Floats, pairs: float, weight: Floats, degrees: Floats) -> float:
        """Degrees of freedom of the sum; what pairs have of their own counts to the groups it was told apart in.

        It was found by taking away, so the sum is the less sure the more the subjects make of it. With a group of few
        subjects, whose variance is small by chance too often, Satterthwaite's formula says too many: there are no more
        than go with the groups' own t, averaged by their variances.

        References
        ----------
        Cochran and Cox 1957, Experimental Designs, 2nd ed., ISBN 978-0-471-16203-5, section 4.14
        """
        told_apart = weight * ~self._by_contributions
        total = float(parts.sum()) + pairs
        own = pairs * (1 + _TAKEN_AWAY * float(parts.sum()) / total)
        share = told_apart / max(float(told_apart.sum()), 1e-300)
        unsure = parts + own * share
        least = _SHARE * total * weight / weight.sum() if len(parts) > 1 else unsure
        joined = total**2 / (np.maximum(unsure, least) ** 2 / degrees).sum()
        if len(parts) > 1 and self.smallest < _FEWEST_IN_GROUP:
            sure = parts + pairs * share
            each = degrees * (sure / np.where(unsure > 0, unsure, 1.0)) ** 2
            joined = min(joined, _average_degrees(sure / total, np.maximum(each, 1.0)))
        return float(max(1.0, joined))

    def _excess(self, sums: Floats, squares: Floats) -> Floats:
        """Excess of each group's kurtosis over that of as many normal values: a sum of squares is the less sure."""
        fourth = np.bincount(self.group, sums**4, len(self.names))
        kurtosis = self.sizes * fourth / np.maximum(squares**2, 1e-300)
        return np.asarray(np.maximum(kurtosis - 3 * (self.sizes - 1) / (self.sizes + 1), 0))

    def _third_moment(self, sums: Floats, squares: Floats, variances: Floats) -> float:
        """Third central moment of the mean."""
        n = self.sizes.astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            unbiased = np.sqrt(n * (n - 1)) / (n - 2)
            scale = (variances / squares) ** 1.5
        third = unbiased * scale * np.bincount(self.group, sums**3, len(self.names))
        return float(np.where((n >= _FEWEST_FOR_SKEWNESS) & (squares > 0), third, 0.0).sum())


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
    told = [f"{before.names[g]} ({_count_units(before.sizes[g], before.what)})" for g in out]
    return replace(laid, left_out="; ".join(told), n_left_out=len(used) - len(laid.kept))


def _lay_out(crossing: Crossing, kept: Indices) -> Design:
    """Lay out some pairs, however small their groups."""
    sides = [side[kept] for side in (crossing.moving, crossing.fixed)]
    size = len(crossing.subjects)
    occurs = [_occur(side, size) for side in sides]
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
        group = [name if apart else _name_role(name, bool(m)) for name, m in zip(group, role, strict=True)]
    names = sorted(set(group))
    return Design(
        kept=kept,
        moving=moving,
        fixed=fixed,
        block=_number(crossing.split[kept], len(crossing.splits))[1],
        couples=couples,
        units=subjects,
        group=np.array([names.index(name) for name in group], dtype=np.intp),
        names=names,
        n_subjects=fewest,
        what=what,
        holds_for=holds_for,
    )


def _average_degrees(shares: Floats, degrees: Floats) -> float:
    """Degrees of freedom whose 95 % point of t is the average of those of several, weighed by shares of variance."""
    point = float((shares * special.stdtrit(degrees, _UPPER)).sum() / shares.sum())
    return float(special.stdtridf(_UPPER, point)) if point > _NORMAL_POINT else float("inf")


def _number(codes: Indices, size: int) -> tuple[Indices, Indices]:
    """Different codes, in order, and the place of each among them, as `numpy.unique` does; codes lie below ``size``."""
    if size > 8 * len(codes) + 1000:  # a table of all codes would take more than sorting those that occur
        found, places = np.unique(codes, return_inverse=True)
        return found, places
    seen = _occur(codes, size)
    found = np.flatnonzero(seen)
    return found, codes if len(found) == size else (np.cumsum(seen) - 1)[codes]


def _occur(codes: Indices, size: int) -> Mask:
    """Which codes below ``size`` there are."""
    seen = np.zeros(size, dtype=np.bool_)
    seen[codes] = True
    return seen


def _is_solvable(moments: Floats) -> bool:
    """Whether equations for variances have one solution."""
    scale = np.sqrt(np.maximum(np.diag(moments), 1e-12))
    return bool(np.linalg.cond(moments / np.outer(scale, scale)) < 1e6)


def _count_units(n: int, what: str) -> str:
    """So many of what is drawn: "1 subject", "3 moving subjects", "4 couples"."""
    side = what.removesuffix(" subjects") if what in ("moving subjects", "fixed subjects") else ""
    noun = "couple" if what == COUPLES else "subject"
    return " ".join([str(n), *side.split(), f"{noun}s" if n != 1 else noun])


def _name_couples(split: str, ends: Ends | None) -> str:
    """Name of the couples of a split, in whichever direction."""
    return split if ends is None or ends[0] == ends[1] else " and ".join(quote(end) for end in sorted(ends))


def _name_role(name: str, moving: bool) -> str:
    return f"{name} {'moving' if moving else 'fixed'}".strip()


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
