"""Which structures a difference between two arms comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.stats.classes import evaluations_of, select
from lumirage_bids.stats.crossing import Designs
from lumirage_bids.stats.holm import benjamini_hochberg
from lumirage_bids.stats.pairing import StructureScores, structure_scores
from lumirage_bids.stats.score import DIFFERENCE_LIES, rounding_of
from lumirage_bids.stats.student import Floats
from lumirage_bids.stats.summaries import names_of

STRUCTURE_DIFFERENCE_COLUMNS = [
    *("variant_a", "method_a", "variant_b", "method_b", "labelling", "evaluation"),
    *("rank", "index", "name", "n", "n_subjects"),
    *("mean_difference", "ci_low", "ci_high", "d_z", "contribution", "contribution_percent"),
    *("p", "p_fdr", "sim_low", "sim_high", "difference_without", "dominates"),
]


def structure_differences(
    structures: Mapping[str, pd.DataFrame],
    luts: Mapping[str, Mapping[int, str]],
    *,
    criteria: Criteria | None = None,
) -> pd.DataFrame:
    """Tell of every two arms that are evaluated alike how much each structure differs, and what it makes in mean Dice.

    Parameters
    ----------
    structures, luts
        As for `lumirage_bids.stats.summaries.per_structure`; the tables have a column evaluation besides.
    criteria : Criteria, optional
        Level of intervals and tests.

    Returns
    -------
    DataFrame
        A row per labelling × evaluation × two arms a, b × structure, over the pairs of different subjects that both
        arms scored (over rescans, where there is nothing else); the largest contribution first. ``contribution`` is
        the mean over pairs of the structure's difference b − a divided by the number of structures scored in the pair:
        over the structures it sums up to the difference in mean Dice. ``difference_without`` is that difference
        without the structure. ``p_fdr`` and the simultaneous interval, ``sim_low`` to ``sim_high``, are corrected for
        the number of structures.
    """
    tables = []
    for labelling, wide in structures.items():
        for evaluation in evaluations_of(wide):
            scores = structure_scores(select(wide, wide["evaluation"] == evaluation))
            between = ~scores.pairs.of([SAME_SUBJECT])
            for table in _compare_arms(scores.keep(between) if between.any() else scores, criteria or Criteria()):
                names = names_of(table["index"], luts.get(labelling, {}))
                tables.append(table.assign(labelling=labelling, evaluation=evaluation, name=names))
    if not tables:
        return pd.DataFrame(columns=STRUCTURE_DIFFERENCE_COLUMNS)
    return pd.concat(tables, ignore_index=True)[STRUCTURE_DIFFERENCE_COLUMNS]


def _compare_arms(scores: StructureScores, criteria: Criteria) -> list[pd.DataFrame]:
    """Make a table for every two arms."""
    couples = list(combinations(range(len(scores.pairs.arms)), 2)) if len(scores.index) else []
    sums = [_Sums(np.zeros(len(scores.pairs.dice)), np.zeros(len(scores.pairs.dice), dtype=np.int32)) for _ in couples]
    for place in range(len(scores.index)):
        cells = scores.cells(place)
        for own, (a, b) in zip(sums, couples, strict=True):
            own.add(cells[a], cells[b])
    rows: list[list[dict[str, float]]] = [[] for _ in couples]
    for place in range(len(scores.index)):  # structure by structure: those that lack one lack it in every arm
        cells = scores.cells(place)
        for found, own, (a, b) in zip(rows, sums, couples, strict=True):
            difference = cells[b] - cells[a]
            inferred = _infer(difference, scores.pairs.crossing.designs, criteria, own.least, len(scores.index))
            found.append(inferred | own.share(difference))
    return [
        _rank(pd.DataFrame(found).assign(index=scores.index, **_name(scores, couple)), criteria)
        for found, couple in zip(rows, couples, strict=True)
    ]


@dataclass
class _Sums:
    """Sums over the structures of two arms' differences.

    Attributes
    ----------
    total : array, shape (pairs,)
    counted : array, shape (pairs,)
        Structures that both arms scored.
    least : float
        Differences that are no larger are rounding.
    """

    total: Floats
    counted: npt.NDArray[np.int32]
    least: float = 0.0

    def add(self, a: Floats, b: Floats) -> None:
        """Add a structure."""
        known = np.isfinite(b - a)
        self.total += np.where(known, b - a, 0.0)
        self.counted += known
        self.least = max(self.least, rounding_of(a, b))

    def share(self, difference: Floats) -> dict[str, float]:
        """What a structure contributes to the difference in mean Dice, and that difference without it."""
        known = np.isfinite(difference)
        summed, rest = np.where(known, difference, 0.0), self.counted - known
        pairs = max(1, int((self.counted > 0).sum()))
        left = rest > 0
        without = (self.total[left] - summed[left]) / rest[left]
        return {
            "contribution": float((summed / np.maximum(self.counted, 1)).sum() / pairs),
            "difference_without": float(without.mean()) if len(without) else np.nan,
        }


def _name(scores: StructureScores, couple: tuple[int, int]) -> dict[str, str]:
    sides = zip("ab", (scores.pairs.arms[arm] for arm in couple), strict=True)
    return {f"{what}_{side}": value for side, arm in sides for what, value in arm._asdict().items()}


def _rank(table: pd.DataFrame, criteria: Criteria) -> pd.DataFrame:
    """Order the structures by their contribution, and tell those that dominate."""
    contribution = table["contribution"].to_numpy()
    whole = float(contribution.sum())
    table["contribution_percent"] = 100 * contribution / (whole or np.nan)
    table["p_fdr"] = benjamini_hochberg(table["p"])
    order = np.argsort(-np.abs(contribution), kind="stable")
    table = table.iloc[order].assign(rank=np.arange(1, len(order) + 1))
    alone = table["contribution"] * whole > 0
    left = table["difference_without"] * np.sign(whole) < abs(whole) / 2
    return table.assign(dominates=(table["p_fdr"] < criteria.alpha) & alone & left)


def _infer(difference: Floats, designs: Designs, criteria: Criteria, least: float, structures: int) -> dict[str, float]:
    """Mean difference of a structure, with intervals and p-value; NaN where there are too few subjects."""
    known = np.isfinite(difference)
    values, laid = difference[known], designs.of(known)
    spread = float(values.std(ddof=1)) if len(values) > 1 else np.nan
    mean = float(values.mean()) if len(values) else np.nan
    row = {"n": len(values), "n_subjects": laid.n_subjects, "mean_difference": mean}
    row |= {"d_z": mean / spread if spread > least else np.nan}
    row |= dict.fromkeys(("ci_low", "ci_high", "sim_low", "sim_high", "p"), np.nan)
    if not laid.refused and laid.n_left_out == 0:
        found = laid.infer(difference[:, None], step=least)
        row["p"] = float(found.p()[0])
        each = 1 - criteria.alpha / max(1, structures)
        for what, level in (("ci", criteria.confidence), ("sim", each)):
            low, high = found.interval(level, DIFFERENCE_LIES)
            row |= {f"{what}_low": float(low[0]), f"{what}_high": float(high[0])}
    return row
