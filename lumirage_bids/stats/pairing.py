"""Score tables side by side: a row per pair, a column per arm."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.measures.dice import Dice
from lumirage_bids.output.fill_in import FACTS, fill_in
from lumirage_bids.output.score_table import structure_index
from lumirage_bids.stats.classes import Arm, number_arms, scores_of, splits_of
from lumirage_bids.stats.crossing import Crossing
from lumirage_bids.stats.groups import groups_of
from lumirage_bids.stats.layout import Indices, Mask
from lumirage_bids.stats.score import DICE, Score, rounding_of, step_of
from lumirage_bids.stats.student import Floats


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """Dice of pairs in every arm.

    Attributes
    ----------
    arms : list of Arm
        In the order of `lumirage_bids.stats.classes.arms_of`.
    dice : array, shape (pairs, arms)
        NaN where a pair was not run, failed, or had no structure to score.
    ran, failed : array, shape (pairs, arms)
        Whether the arm was run on the pair; whether that failed.
    crossing : Crossing
        Subjects and splits of the pairs.
    """

    arms: list[Arm]
    dice: Floats
    ran: Mask
    failed: Mask
    crossing: Crossing

    @cached_property
    def step(self) -> float:
        """What the scores are rounded to, a power of ten: 0.01 where all have two decimals."""
        return step_of(self.dice)

    @cached_property
    def nothing(self) -> float:
        """Differences that are no larger are what arithmetic leaves of none."""
        return rounding_of(self.dice)

    @cached_property
    def lost(self) -> Mask:
        """Pairs that count at worst, shape (pairs, arms): failed, or run without the score that another arm has."""
        scored = np.isfinite(self.dice)
        return np.asarray(self.failed | (self.ran & ~scored & scored.any(axis=1, keepdims=True)))

    def fill(self, where: tuple[Indices, Indices], values: pd.Series[float]) -> Floats:
        """Values of rows, of whose places `pivot` tells, pair by arm; NaN where there is no row."""
        array = np.full(self.dice.shape, np.nan)
        array[where] = values
        return array

    def keep(self, pairs: Mask) -> SideBySide:
        """Keep some pairs."""
        if pairs.all():
            return self
        parts = {part: getattr(self, part)[pairs] for part in ("dice", "ran", "failed")}
        return replace(self, **parts, crossing=self.crossing.keep(pairs))

    def leave_out(self, methods: Collection[str]) -> SideBySide:
        """Leave out the arms of some methods."""
        kept = [place for place, arm in enumerate(self.arms) if arm.method not in methods]
        parts = {part: getattr(self, part)[:, kept] for part in ("dice", "ran", "failed")}
        return replace(self, arms=[self.arms[place] for place in kept], **parts)

    def of(self, splits: Iterable[str]) -> Mask:
        """Which pairs are of some splits."""
        wanted = set(splits)
        places = [place for place, split in enumerate(self.crossing.splits) if split in wanted]
        return np.isin(self.crossing.split, places)


@dataclass(frozen=True, kw_only=True)
class StructureScores:
    """Dice of every structure of pairs in every arm; `cells` lays them out, a structure at a time: all take too much.

    Attributes
    ----------
    pairs : SideBySide
        The pairs, without ``dice``: it is all NaN.
    index : array, shape (structures,)
        Labels of the structures.
    columns : sequence of Series
        Dice of each structure, row by row.
    scored : sequence of (array, array)
        Of each arm, the rows that were scored, and their pairs.
    kept : array, shape (all pairs,)
        Which pairs are left.
    """

    pairs: SideBySide
    index: npt.NDArray[np.int64]
    columns: Sequence[pd.Series[float]]
    scored: Sequence[tuple[Indices, Indices]]
    kept: Mask

    def keep(self, pairs: Mask) -> StructureScores:
        """Keep some of all pairs."""
        return replace(self, pairs=self.pairs.keep(pairs), kept=pairs)

    def cells(self, place: int) -> list[Floats]:
        """Dice of a structure in each arm, shape (pairs,); NaN where there is none, or a native label map lacks it."""
        values, found = self.columns[place].to_numpy(dtype=np.float64), []
        for rows, pairs in self.scored:
            cell = np.full(len(self.kept), np.nan)
            cell[pairs] = values[rows]
            found.append(cell if self.kept.all() else cell[self.kept])
        return found


def structure_scores(wide: pd.DataFrame, prefix: str = Dice.structures) -> StructureScores:
    """Put the arms of one labelling's table of structures side by side.

    Parameters
    ----------
    wide : DataFrame
        A row per arm and pair: columns variant, method, moving, fixed, split, status and ``dice_<index>``.
    prefix : str
        How the names of the columns begin that are put in place of Dice.
    """
    found = {i: column for column in wide.columns if (i := structure_index(column, prefix)) is not None}
    index = np.array(sorted(found), dtype=np.int64)
    pairs, (pair, arm) = pivot(keys_of(wide).assign(dice_mean=np.nan), DICE)
    ok = (wide["status"] == "ok").to_numpy()
    rows = [np.flatnonzero(ok & (arm == place)) for place in range(len(pairs.arms))]
    return StructureScores(
        pairs=pairs,
        index=index,
        columns=[wide[found[i]] for i in index],
        scored=[(of, pair[of]) for of in rows],
        kept=np.ones(len(pairs.dice), dtype=np.bool_),
    )


def keys_of(rows: pd.DataFrame) -> pd.DataFrame:
    """What tells the arms and pairs of rows, and whether they were scored."""
    kept = {"variant", "method", "moving", "fixed", "split", "status", "subject_moving", "subject_fixed", *FACTS}
    return rows[[column for column in rows.columns if column in kept]]


def side_by_side(rows: pd.DataFrame, score: Score = DICE) -> SideBySide:
    """Put the arms of one labelling's score table side by side.

    Parameters
    ----------
    rows : DataFrame
        Columns variant, method, moving, fixed, split, status and that of the score; one row per arm and pair. A status
        other than ok and failed is that of a pair not run yet. Subjects are those of columns subject_moving and
        subject_fixed, else those of moving_subject and fixed_subject.
    score : Score
    """
    return pivot(rows, score)[0]


def pivot(rows: pd.DataFrame, score: Score = DICE) -> tuple[SideBySide, tuple[Indices, Indices]]:
    """Put arms side by side as `side_by_side` does, and tell the pair and the arm of each row."""
    arms, arm = number_arms(rows)
    (moving, _), (fixed, fixed_names) = (pd.factorize(rows[side]) for side in ("moving", "fixed"))
    codes, pairs = pd.factorize(moving * (len(fixed_names) + 1) + fixed)
    where = codes, arm
    dice = np.full((len(pairs), len(arms)), np.nan)
    ran, failed = np.zeros(dice.shape, dtype=np.bool_), np.zeros(dice.shape, dtype=np.bool_)
    status = rows["status"].to_numpy()
    dice[where], failed[where] = scores_of(rows, score), status == "failed"
    ran[where] = (status == "ok") | (status == "failed")
    first = np.full(len(pairs), -1, dtype=np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return SideBySide(arms=arms, dice=dice, ran=ran, failed=failed, crossing=crossing_of(rows.iloc[first])), where


def crossing_of(pairs: pd.DataFrame) -> Crossing:
    """Subjects and splits of pairs, a row each; they are those of a whole labelling."""
    sides = []
    for side in ("moving", "fixed"):
        codes, names = pd.factorize(subjects_of(pairs, side))
        sides.append(names.to_numpy().astype(object)[codes])
    codes, subjects = pd.factorize(np.concatenate(sides))
    moving, fixed = codes[: len(pairs)], codes[len(pairs) :]
    splits = splits_of(pairs)
    split = pd.factorize(pairs["split"])[0]
    in_order = list(splits)
    # Groups follow from which subjects are moving and fixed in which split: one pair for each is enough.
    order = np.lexsort((split, fixed, moving))
    firsts = [
        np.unique(side[order] * max(1, len(splits)) + split[order], return_index=True)[1] for side in (moving, fixed)
    ]
    some = order[np.unique(np.concatenate(firsts))]
    called = (in_order[place] for place in split[some])
    groups = groups_of(zip(subjects[moving[some]], subjects[fixed[some]], called, strict=True), splits)
    between = moving != fixed
    one = [side for side, of in (("moving", moving), ("fixed", fixed)) if len(np.unique(of[between])) == 1]
    return Crossing(
        subjects=[str(subject) for subject in subjects],
        moving=moving,
        fixed=fixed,
        splits=splits,
        split=split,
        groups=[groups[subject] for subject in subjects],
        one_sided=one[0] if len(one) == 1 else "",
    )


def subjects_of(pairs: pd.DataFrame, side: str) -> pd.Series[str]:
    """Subject on one side of each pair, as people read it: ``sub-01``, ``tpl-MNI152NLin2009cAsym``."""
    if f"subject_{side}" in pairs:
        return pairs[f"subject_{side}"]
    known = fill_in(pairs.reindex(columns=[side, "split", f"{side}_subject", f"split_{side}"]))
    codes, names = pd.factorize(known[f"{side}_subject"])
    # Of each name once; what is not known comes last, where code -1 finds it.
    told = np.array([*(f"sub-{name}" for name in names), *(f"tpl-{name}" for name in names), np.nan], dtype=object)
    template = (known[f"split_{side}"] == "template").to_numpy(dtype=np.bool_) & (codes >= 0)
    return pd.Series(told[codes + len(names) * template], index=pairs.index)


def refuse_duplicates(pairs: pd.DataFrame) -> None:
    """Raise BadDataError if a pair has more than one row in an arm and labelling."""
    key = ["variant", "method", "labelling", "moving", "fixed"]
    double = pairs.duplicated(key)
    if double.any():
        found = ", ".join(f"{name} {value!r}" for name, value in pairs.loc[double, key].iloc[0].items())
        raise BadDataError(
            f"{int(double.sum())} rows of the score table repeat an earlier one, first: {found}. A pair may have one "
            "row per variant, method and labelling. Remove the rows that are out of date and run group again."
        )
