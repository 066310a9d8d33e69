"""How sure a number over pairs is: subjects are what is drawn from a population, and each recurs in many pairs.

The score of a pair is thought of as a mean of its split, an effect of each of its two subjects, and what the pair has
of its own. Of a mean over pairs, the variance then is that of the subjects' effects, each weighed by the pairs that its
subject takes part in, plus that of the pairs' own parts. Both are found from two sums of squares: over subjects, of the
sum of a subject's residuals; and over couples of subjects, of the sum of theirs. For a complete round robin this is the
analysis of variance of the social relations model; the same equations hold for any other choice of pairs. Subjects of
different sequences are different groups, each with a variance of its own.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import special

from lumirage_bids.stats.classes import DIFFERENT_SUBJECTS
from lumirage_bids.stats.groups import FEWEST_SUBJECTS
from lumirage_bids.stats.layout import Indices, Mask, PairLayout, count_units, name_role
from lumirage_bids.stats.student import Floats, Inference

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
_DENSE = 1500  # subjects up to which degrees of freedom are computed in full


class Design(PairLayout):
    """What the interval of a number over pairs rests on, and how sure the number is."""

    @cached_property
    def refused(self) -> str | None:
        """Why there is no interval; None where there is one."""
        if not len(self.kept):
            return "no pair was scored in both arms"
        if self.smallest < FEWEST_SUBJECTS:
            small = int(self.sizes.argmin())
            name = self.names[small] if len(self.names) > 1 else ""
            verb = "takes" if self.smallest == 1 else "take"
            who = count_units(self.smallest, self.what) + (f" of {name}" if name else "")
            for side in ("moving", "fixed"):
                if name == name_role(DIFFERENT_SUBJECTS, side == "moving"):  # no sequences are known, only the side
                    who = count_units(self.smallest, f"{side} subjects")
            return f"{who} {verb} part, at least {FEWEST_SUBJECTS} are needed for an interval"
        if np.diag(self._moments)[:-1].min() < 1e-9:
            return "no split has pairs enough to tell how much they vary"
        return None

    @property
    def refused_sizes(self) -> str | None:
        """Why there is no interval of an effect size; None where there is one."""
        if self.refused or len(self.group) >= FEWEST_FOR_SIZES:
            return self.refused
        few = count_units(len(self.group), self.what)
        return f"{few} take part, at least {FEWEST_FOR_SIZES} are needed for an interval of an effect size"

    @property
    def estimator(self) -> str:
        """Where the standard error comes from."""
        return "contributions" if self._by_contributions.any() else "components"

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


def _average_degrees(shares: Floats, degrees: Floats) -> float:
    """Degrees of freedom whose 95 % point of t is the average of those of several, weighed by shares of variance."""
    point = float((shares * special.stdtrit(degrees, _UPPER)).sum() / shares.sum())
    return float(special.stdtridf(_UPPER, point)) if point > _NORMAL_POINT else float("inf")


def _is_solvable(moments: Floats) -> bool:
    """Whether equations for variances have one solution."""
    scale = np.sqrt(np.maximum(np.diag(moments), 1e-12))
    return bool(np.linalg.cond(moments / np.outer(scale, scale)) < 1e6)
