"""Every measure besides the one that is judged: how arms do and compare by it, as one family of tests."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from lumirage_bids import measures
from lumirage_bids.base.criteria import Criteria
from lumirage_bids.bids.splits import Splits
from lumirage_bids.measures import Column
from lumirage_bids.stats.classes import each_labelling, evaluations_of, pair_classes, scores_of, select, splits_of_each
from lumirage_bids.stats.common import FLOORS
from lumirage_bids.stats.comparisons import COMPARISON_COLUMNS, compare_tables
from lumirage_bids.stats.family import correct_together
from lumirage_bids.stats.pairing import SideBySide, pivot
from lumirage_bids.stats.score import DICE, Score, known_score
from lumirage_bids.stats.summaries import sum_up_cells, sum_up_common

_ABOUT = ("measure", "unit", "better")
FURTHER_COLUMNS = [*_ABOUT, *COMPARISON_COLUMNS]
MEASURE_COLUMNS = [
    *("labelling", "evaluation", "split", *_ABOUT, "variant", "method"),
    *("n", "n_subjects", "mean", "ci_low", "ci_high", "median", "std", "q25", "q75"),
    *("set_aside", "n_common", "mean_common"),
]
_ARM = ["variant", "method"]
_ANY = (float("-inf"), float("inf"))


class Taken(NamedTuple):
    """A measure that a table has: which score it is, and labelling, evaluation and values side by side.

    `tables` are of what is compared, `shown` of what is summed up: a control's own values too. Both are over the class
    of pairs that the verdict is about.
    """

    column: str
    about: Column
    score: Score
    tables: Sequence[tuple[str, str, SideBySide]]
    shown: Sequence[tuple[str, str, SideBySide]]

    def name_rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table that says which measure it is of."""
        return table.assign(**dict(zip(_ABOUT, (self.column, self.about.unit, self.about.better), strict=True)))


@dataclass(frozen=True, kw_only=True, eq=False)
class TakenMeasures:
    """What statistics of several measures are made from; see `taken_measures`.

    Attributes
    ----------
    judged : Taken
        The score that is judged.
    others : list of Taken
        What at least two arms have.
    alone : list of Taken
        What one arm has: there is nothing to compare.
    splits : mapping
        Splits of each labelling and evaluation.
    unranked : collection of str
        Methods that are no competitors.
    """

    judged: Taken
    others: Sequence[Taken]
    alone: Sequence[Taken]
    splits: Mapping[tuple[str, str], Splits]
    unranked: Collection[str]

    @property
    def all(self) -> list[Taken]:
        """The score that is judged, and the others."""
        return [self.judged, *self.others]


def taken_measures(pairs: pd.DataFrame, score: Score = DICE, unranked: Collection[str] = FLOORS) -> TakenMeasures:
    """The score that is judged, and the measures besides it.

    No deformation at all is perfectly smooth, and free: by what does not tell of accuracy, unranked methods are
    compared with nobody.

    Parameters
    ----------
    pairs : DataFrame
        As for `lumirage_bids.stats.comparisons.compare`; measures that it has no column of are not taken.
    score : Score
        What is judged.
    unranked : collection of str
        Methods that are no competitors.
    """
    laid = []
    for labelling, rows in each_labelling(pairs):
        for how in evaluations_of(rows):
            here = select(rows, rows["evaluation"] == how)
            table, where = pivot(here, score)
            ((_, members),) = pair_classes(table.crossing.splits, primary=True).items()
            inside = table.of(members)
            laid.append((labelling, how, here, table, where, inside, table.keep(inside)))
    own = measures.columns().get(measures.structure_column(score.column) or score.column)
    own = own or Column(description="The score that was judged", title=score.column, unit="", better=score.better)
    whole = [(labelling, how, kept) for labelling, how, *_, kept in laid]
    first = Taken(score.column, own, score, whole, whole)
    found: list[Taken] = []
    alone: list[Taken] = []
    for column, about in measures.compared_columns().items():
        known = known_score(column)
        if known is None or column == score.column or column not in pairs:
            continue
        tables, shown, arms = [], [], 0
        for labelling, how, here, table, where, inside, kept in laid:
            values = table.fill(where, scores_of(here, known[0]))
            of = replace(kept, dice=values[inside])
            of_fit = about.tells == "accuracy"
            tables.append((labelling, how, of if of_fit else of.leave_out(unranked)))
            shown.append((labelling, how, of if of_fit else of.leave_out(FLOORS)))
            have = np.asarray(np.isfinite(values).any(axis=0)).tolist()
            arms = max(arms, sum(arm in shown[-1][2].arms for arm, has in zip(table.arms, have, strict=True) if has))
        if arms:
            (found if arms > 1 else alone).append(Taken(column, about, replace(known[0], worst=None), tables, shown))
    return TakenMeasures(judged=first, others=found, alone=alone, splits=splits_of_each(pairs), unranked=unranked)


def compare_further(taken: TakenMeasures, *, criteria: Criteria | None = None) -> pd.DataFrame:
    """Compare every two arms by every measure besides the one that is judged.

    Parameters
    ----------
    taken : TakenMeasures
    criteria : Criteria, optional
        Level of intervals and tests; margins are those of the measures.

    Returns
    -------
    DataFrame
        Rows as of `compare` with ``measure``, its ``unit`` and which values are ``better``, over the class of pairs
        that the verdict is about. Holm's correction is over all measures, labellings and arms together. What is the
        same in the rows of every labelling is one test.
    """
    criteria = criteria or Criteria()
    compared = []
    for each in taken.others:
        own = replace(criteria, margin=each.about.margin or criteria.margin)
        table = compare_tables(each.tables, criteria=own, score=each.score, unranked=taken.unranked, primary=True)
        compared.append(each.name_rows(table))
    if not compared:
        return pd.DataFrame(columns=FURTHER_COLUMNS)
    family = correct_together(compared, [taken.splits] * len(compared))
    return pd.concat(family.comparisons, ignore_index=True)[FURTHER_COLUMNS]


def sum_up_measures(taken: TakenMeasures, *, criteria: Criteria | None = None) -> pd.DataFrame:
    """Sum up every measure that an arm has, the one that is judged first.

    Parameters
    ----------
    taken, criteria
        As for `compare_further`.

    Returns
    -------
    DataFrame
        A row per labelling × evaluation × measure × arm with any value, over the class of pairs that the verdict is
        about, with `MEASURE_COLUMNS`; the interval is that of the mean over ``n_subjects`` subjects.
    """
    found = [
        (place, each.name_rows(rows))
        for each in (*taken.all, *taken.alone)
        for place, rows in enumerate(_sum_up_each(each, criteria or Criteria(), taken.unranked))
    ]
    tables = [rows for _, rows in sorted(found, key=lambda one: one[0])]
    return pd.concat(tables, ignore_index=True)[MEASURE_COLUMNS] if tables else pd.DataFrame(columns=MEASURE_COLUMNS)


def _sum_up_each(each: Taken, criteria: Criteria, unranked: Collection[str]) -> Iterator[pd.DataFrame]:
    """Rows of a measure, for each labelling and evaluation."""
    for labelling, how, whole in each.shown:
        ((split, members),) = pair_classes(whole.crossing.splits, primary=True).items()
        table = whole.keep(whole.of(members))
        cells = sum_up_cells(table, table.dice.T, criteria, each.score.lies or _ANY)
        common = sum_up_common(table, each.score, unranked)[
            ["variant", "method", "set_aside", "n_common", "mean_common"]
        ]
        rows = cells[cells["n"] > 0].merge(common, how="left", on=["variant", "method"])
        yield rows.assign(labelling=labelling, evaluation=how, split=split)
