"""Which structures a difference between two arms comes from."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from lumirage_bids.stats.classes import SAME_SUBJECT, evaluations_of
from lumirage_bids.stats.pairing import StructureScores, structure_scores
from lumirage_bids.stats.resampling import RESAMPLES, Floats, Resampling, intervals, resampling
from lumirage_bids.stats.summaries import names_of

STRUCTURE_DIFFERENCE_COLUMNS = [
    *("variant_a", "method_a", "variant_b", "method_b", "labelling", "evaluation"),
    *("rank", "index", "name", "n", "n_subjects"),
    *("mean_difference", "ci_low", "ci_high", "d_z", "contribution", "contribution_percent"),
]


def structure_differences(
    structures: Mapping[str, pd.DataFrame],
    luts: Mapping[str, Mapping[int, str]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Tell of every two arms that are evaluated alike how much each structure differs, and what it makes in mean Dice.

    Parameters
    ----------
    structures, luts
        As for `lumirage_bids.stats.summaries.per_structure`; the tables have a column evaluation besides.
    resamples, seed : int
        Of the node bootstrap.

    Returns
    -------
    DataFrame
        A row per labelling × evaluation × two arms a, b × structure, over the pairs of different subjects that both
        arms scored (over rescans, where there is nothing else); the largest contribution first. ``contribution`` is
        the mean over pairs of the structure's difference b − a divided by the number of structures scored in the pair:
        over the structures it sums up to the difference in mean Dice.
    """
    tables = []
    for labelling, wide in structures.items():
        for evaluation in evaluations_of(wide):
            scores = structure_scores(wide[wide["evaluation"] == evaluation])
            between = scores.pairs.split != SAME_SUBJECT
            for table in _between_arms(scores.only(between) if between.any() else scores, resamples, seed):
                names = names_of(table["index"], luts.get(labelling, {}))
                tables.append(table.assign(labelling=labelling, evaluation=evaluation, name=names))
    if not tables:
        return pd.DataFrame(columns=STRUCTURE_DIFFERENCE_COLUMNS)
    return pd.concat(tables, ignore_index=True)[STRUCTURE_DIFFERENCE_COLUMNS]


def _between_arms(scores: StructureScores, resamples: int, seed: int) -> list[pd.DataFrame]:
    """Make a table for every two arms."""
    drawn = resampling(scores.pairs.moving, scores.pairs.fixed, resamples=resamples, seed=seed)
    return [_differences(scores, a, b, drawn) for a, b in combinations(range(len(scores.pairs.arms)), 2)]


def _differences(scores: StructureScores, a: int, b: int, drawn: Resampling) -> pd.DataFrame:
    """Make a row for each structure, the largest contribution first."""
    difference: Floats = scores.dice[..., b] - scores.dice[..., a]
    known = np.isfinite(difference)
    counted = known.sum(axis=1, keepdims=True)
    share = np.where(known, difference, 0.0) / np.maximum(counted, 1)
    contribution = share.sum(axis=0) / max(1, int((counted > 0).sum()))
    subjects = np.array([drawn.subjects(column) for column in known.T], dtype=np.int64)
    means = drawn.means(lambda part: difference[part])
    low, high = intervals(means, subjects)
    columns = {
        **{f"{what}_a": value for what, value in scores.pairs.arms[a]._asdict().items()},
        **{f"{what}_b": value for what, value in scores.pairs.arms[b]._asdict().items()},
        **{"index": scores.index, "n": known.sum(axis=0), "n_subjects": subjects},
        **{"mean_difference": means[0], "ci_low": low, "ci_high": high, "d_z": means[0] / _spread(difference)},
        "contribution": contribution,
        "contribution_percent": 100 * contribution / (contribution.sum() or np.nan),
    }
    order = np.argsort(-np.abs(contribution), kind="stable")
    return pd.DataFrame(columns).iloc[order].assign(rank=np.arange(1, len(order) + 1))


def _spread(differences: Floats) -> Floats:
    """Standard deviation of each column, NaN where there is none."""
    spread = pd.DataFrame(differences).std().to_numpy(dtype=np.float64)
    return np.where(spread > 1e-12, spread, np.nan)
