"""Which structures a difference between two arms comes from."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.stats.classes import evaluations_of
from lumirage_bids.stats.design import Designs
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
            scores = structure_scores(wide[wide["evaluation"] == evaluation])
            between = ~scores.pairs.of([SAME_SUBJECT])
            for table in _compare_arms(scores.keep(between) if between.any() else scores, criteria or Criteria()):
                names = names_of(table["index"], luts.get(labelling, {}))
                tables.append(table.assign(labelling=labelling, evaluation=evaluation, name=names))
    if not tables:
        return pd.DataFrame(columns=STRUCTURE_DIFFERENCE_COLUMNS)
    return pd.concat(tables, ignore_index=True)[STRUCTURE_DIFFERENCE_COLUMNS]


def _compare_arms(scores: StructureScores, criteria: Criteria) -> list[pd.DataFrame]:
    """Make a table for every two arms."""
    designs = scores.pairs.crossing.designs
    couples = combinations(range(len(scores.pairs.arms)), 2)
    return [_differences(scores, a, b, designs, criteria) for a, b in couples]


def _differences(scores: StructureScores, a: int, b: int, designs: Designs, criteria: Criteria) -> pd.DataFrame:
    """Make a row for each structure, the largest contribution first."""
    difference: Floats = scores.dice[..., b] - scores.dice[..., a]
    known, least = np.isfinite(difference), rounding_of(scores.dice[..., [a, b]])
    counted = known.sum(axis=1, keepdims=True)
    summed = np.where(known, difference, 0.0)
    pairs = max(1, int((counted > 0).sum()))
    contribution = (summed / np.maximum(counted, 1)).sum(axis=0) / pairs
    columns = {
        **{f"{what}_a": value for what, value in scores.pairs.arms[a]._asdict().items()},
        **{f"{what}_b": value for what, value in scores.pairs.arms[b]._asdict().items()},
        **{"index": scores.index, "n": known.sum(axis=0)},
        **_infer(difference, designs, criteria, least),
        "d_z": _means(difference) / _spread(difference, least),
        "contribution": contribution,
        "contribution_percent": 100 * contribution / (contribution.sum() or np.nan),
        "difference_without": _leave_each_out(summed, known),
    }
    order = np.argsort(-np.abs(contribution), kind="stable")
    table = pd.DataFrame(columns).iloc[order].assign(rank=np.arange(1, len(order) + 1))
    whole = float(contribution.sum())
    alone = table["contribution"] * whole > 0
    left = table["difference_without"] * np.sign(whole) < abs(whole) / 2
    return table.assign(dominates=(table["p_fdr"] < criteria.alpha) & alone & left)


def _infer(difference: Floats, designs: Designs, criteria: Criteria, least: float) -> dict[str, npt.NDArray[Any]]:
    """Mean difference of each structure, with intervals and p-values; NaN where there are too few subjects."""
    rows = []
    each = 1 - criteria.alpha / max(1, difference.shape[1])
    for column, mean in zip(difference.T, _means(difference), strict=True):
        laid = designs.of(np.isfinite(column))
        row = [mean, *[np.nan] * 5, laid.n_subjects]
        if not laid.refused and laid.n_left_out == 0:
            found = laid.infer(column[:, None], step=least)
            ends = [end for level in (criteria.confidence, each) for end in found.interval(level, DIFFERENCE_LIES)]
            row[1:6] = [*(end[0] for end in ends), found.p()[0]]
        rows.append(row)
    names = ("mean_difference", "ci_low", "ci_high", "sim_low", "sim_high", "p", "n_subjects")
    columns = dict(zip(names, np.array(rows, dtype=np.float64).reshape(-1, 7).T, strict=True))
    subjects = columns.pop("n_subjects").astype(np.int64)
    return columns | {"p_fdr": benjamini_hochberg(columns["p"]), "n_subjects": subjects}


def _leave_each_out(summed: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Difference in mean Dice without each structure."""
    total, count = summed.sum(axis=1, keepdims=True), known.sum(axis=1, keepdims=True)
    rest = count - known
    share = np.where(rest > 0, (total - summed) / np.maximum(rest, 1), np.nan)
    return _means(share)


def _means(values: Floats) -> Floats:
    """Mean of each column over its finite values, NaN where there is none."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0))


def _spread(differences: Floats, least: float) -> Floats:
    """Standard deviation of each column, NaN where there is none but rounding."""
    spread = pd.DataFrame(differences).std().to_numpy(dtype=np.float64)
    return np.where(spread > least, spread, np.nan)
