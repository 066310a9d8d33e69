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

    def keep(self, pairs: Mask) -> Crossing:
        """Keep some pairs."""
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

    def per_unit(self, values: Floats) -> Floats:
        """Sums over the pairs of each unit, shape (units,)."""
        n = len(self.group)
        two = ~self.alone
        sums = np.bincount(self.moving, values, n) + np.bincount(self.fixed[two], values[two], n)
        return sums.astype(np.float64)

    @cached_property
    def counts(self) -> Floats:
        """Pairs of each unit in each split, shape (units, splits)."""
        splits = int(self.block.max()) + 1
        cells = [self.moving * splits + self.block, (self.fixed * splits + self.block)[~self.alone]]
        return np.bincount(np.concatenate(cells), minlength=len(self.group) * splits).reshape(-1, splits).astype(float)

    @cached_property
    def in_split(self) -> Floats:
        """Pairs of each split."""
        return np.bincount(self.block).astype(float)

    @cached_property
    def couple(self) -> Indices:
        """Number of the couple of units of each pair, both directions alike."""
        first, second = np.minimum(self.moving, self.fixed), np.maximum(self.moving, self.fixed)
        return _number(first * len(self.group) + second, len(self.group) ** 2)[1]

    @cached_property
    def _leverage(self) -> Floats:
        """What each unit's effect gives to each unit's sum of residuals, shape (units, units)."""
        n = len(self.group)
        cells = np.bincount(self.moving * n + self.fixed, minlength=n * n).reshape(n, n).astype(float)
        both = cells + cells.T
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
        splits = len(self.in_split)
        cells = np.bincount(self.couple * splits + self.block, minlength=(int(self.couple.max()) + 1) * splits)
        by_split = cells.reshape(-1, splits).astype(float)
        total = by_split.sum(axis=1)
        first = np.zeros(len(total), dtype=np.intp)
        second = first.copy()
        first[self.couple], second[self.couple] = self.moving, self.fixed
        two = first != second
        unit = np.concatenate([first, second[two]])

        def per_unit(values: Floats) -> Floats:
            return np.bincount(unit, np.concatenate([values, values[two]]), len(self.group)).astype(np.float64)

        mixed = np.stack([per_unit(total * own) for own in by_split.T], axis=1)
        squares = per_unit(total**2)
        share = self.counts / self.in_split
        quadratic = np.einsum("sa,ab,sb->s", share, by_split.T @ by_split, share) - 2 * (mixed * share).sum(1) + squares
        groups = len(self.names)
        moments = np.empty((groups + 1, groups + 1))
        moments[:-1, :-1] = self._squared
        moments[:-1, -1] = member.T @ self._diagonal
        moments[-1, :-1] = member.T @ quadratic
        moments[-1, -1] = len(self.kept) - (by_split**2 / self.in_split).sum()
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
        sums, squares, alone, weight = self._sums(values[self.kept])
        scale = np.sqrt(alone * weight / np.maximum(squares, 1e-300))
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
        _, squares, alone, weight = self._sums(column)
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
        sums = self.per_unit(residual)[:, None] - rest + (self.counts.sum(axis=1)[:, None] - shared) * (lost / left)
        scale = (alone * weight / np.maximum(squares, 1e-300))[self.group] * len(column) ** 2
        se = np.sqrt(scale @ sums**2) / left
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (column.sum() - mine) / left / np.maximum(se, 1e-300)
        return np.where((own > 0) & (own < len(column)), found, np.nan)

    def _sums(self, column: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Units' sums of residuals, groups' sums of their squares, variances by those alone, and what they weigh."""
        sums = self.per_unit(self._residual(column))
        squares = np.bincount(self.group, sums**2, len(self.names)).astype(np.float64)
        alone = np.maximum(self._without_pairs @ squares, 0)
        weight = np.bincount(self.group, self.counts.sum(axis=1) ** 2, len(self.names)) / len(column) ** 2
        return sums, squares, alone, weight

    def _residual(self, column: Floats) -> Floats:
        """What is left of each pair without the mean of its split."""
        return np.asarray(column - (np.bincount(self.block, column) / self.in_split)[self.block])

    def _infer(self, column: Floats) -> tuple[float, float, float, float]:
        """Mean, standard error, degrees of freedom and skewness."""
        sums, squares, alone, weight = self._sums(column)
        couples = float((np.bincount(self.couple, self._residual(column)) ** 2).sum())
        subjects, pairs = self._components(squares, couples, alone)
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
        apart = ~(joined[self.group[self.moving]] | joined[self.group[self.fixed]])
        return np.where(joined, alone, found), own * int(apart.sum()) / len(self.kept) ** 2

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
        rest = kept[~(small[laid.group[laid.moving]] | small[laid.group[laid.fixed]])] if len(kept) else kept
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
    counts = [len(_number(side, size)[0]) for side in sides]
    subjects, codes = _number(np.concatenate(sides), size)
    moving, fixed = codes[: len(kept)], codes[len(kept) :]
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
        places, moving = np.unique(varied, return_inverse=True)
        group, subjects, fixed, fewest = [group[place] for place in places], subjects[places], moving, max(counts)
    elif is_unlinked(moving, fixed, len(subjects)):
        what = COUPLES if (moving != fixed).any() else what
        one, first, moving = np.unique(np.minimum(moving, fixed), return_index=True, return_inverse=True)
        subjects, fixed, fewest = subjects[one], moving, len(one)
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
    seen = np.zeros(size, dtype=np.bool_)
    seen[codes] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[codes]


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
    partner = np.full(subjects, -1)
    apart = moving != fixed
    partner[moving[apart]], partner[fixed[apart]] = fixed[apart], moving[apart]
    if (partner[moving[apart]] != fixed[apart]).any() or (partner[fixed[apart]] != moving[apart]).any():
        return False
    first, second = np.minimum(moving, fixed), np.maximum(moving, fixed)
    couples = np.unique(np.stack([first, second]), axis=1)
    two = couples[0] != couples[1]
    return bool(two.sum() >= FEWEST_SUBJECTS and not np.isin(couples[0][~two], couples[:, two]).any())
