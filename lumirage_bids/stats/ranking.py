"""Order of the methods, and how far it would hold had other subjects been drawn."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.stats.classes import pair_classes
from lumirage_bids.stats.common import FLOORS, Common, common_pairs
from lumirage_bids.stats.comparisons import tables_of
from lumirage_bids.stats.pairing import SideBySide
from lumirage_bids.stats.resampling import RESAMPLES, draw_subjects
from lumirage_bids.stats.score import DICE, Score
from lumirage_bids.stats.student import Floats

#: Subjects below which resamples say nothing of ranks: too many of them hold one subject twice and others not at all.
FEWEST_FOR_RANKS = 6
RANKING_COLUMNS = [
    *("labelling", "evaluation", "split", "variant", "method", "set_aside", "lacking_percent", "n_common"),
    *("mean", "mean_zero", "rank_mean", "n_above", "n_below", "rank", "score_learn2reg"),
    *("first_percent", "rank_low", "rank_high"),
]


def rank_arms(
    pairs: pd.DataFrame,
    certain: pd.DataFrame,
    *,
    criteria: Criteria | None = None,
    score: Score = DICE,
    unranked: Collection[str] = FLOORS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Rank the arms of each labelling and evaluation on the pairs that they share.

    Parameters
    ----------
    pairs, criteria, score
        As for `lumirage_bids.stats.comparisons.compare`.
    certain : DataFrame
        Those of the comparisons found that are certain: what a verdict says "for certain" of.
    unranked : collection of str
        Methods that are no competitors.
    resamples, seed : int
        Of the bootstrap of ranks; the same seed gives the same table.

    Returns
    -------
    DataFrame
        A row per labelling × evaluation × class of pairs × arm that is ranked, best mean first, arms set aside
        last; over the pairs that comparisons are over. ``first_percent``, ``rank_low`` and ``rank_high`` are NaN below
        `FEWEST_FOR_RANKS` subjects.

    References
    ----------
    Hering et al. 2023, doi:10.1109/TMI.2022.3213983 (rank by significant wins, here by certain ones); Wiesenfarth
    et al. 2021, doi:10.1038/s41598-021-82017-6 (bootstrap of ranks, here over subjects).
    """
    criteria = criteria or Criteria()
    tables = []
    for labelling, evaluation, whole in tables_of(pairs, score):
        here = certain[(certain["labelling"] == labelling) & (certain["evaluation"] == evaluation)]
        ranks: dict[frozenset[str], pd.DataFrame] = {}
        for split, members in pair_classes(whole.crossing.splits).items():
            table = whole.keep(whole.of(members))
            common = common_pairs(table, unranked)
            if members not in ranks:
                ranks[members] = _bootstrap(table, common, score, criteria, resamples, seed)
            arms = _arms(table, common, here[here["split"] == split], score)
            rows = pd.DataFrame(arms).join(ranks[members])[~common.unranked]
            rows = rows.assign(labelling=labelling, evaluation=evaluation, split=split)
            tables.append(rows.sort_values(["set_aside", "rank_mean"], kind="stable"))
    if not tables:
        return pd.DataFrame(columns=RANKING_COLUMNS)
    return pd.concat(tables, ignore_index=True).reindex(columns=RANKING_COLUMNS)


def _arms(table: SideBySide, common: Common, certain: pd.DataFrame, score: Score) -> dict[str, object]:
    """Means, ranks and certain wins of each arm; unranked arms and those set aside have no rank."""
    ranked = ~common.unranked & ~common.set_aside & common.ranked_on.any()
    means = np.full(len(table.arms), np.nan)
    if ranked.any():
        means[ranked] = table.dice[np.ix_(common.ranked_on, ranked)].mean(axis=0)
    worst = np.nan if score.worst is None else score.worst
    above, below = _wins(table, ranked, certain, score)
    most = max(1, int(ranked.sum()) - 1)
    return {
        "variant": [arm.variant for arm in table.arms],
        "method": [arm.method for arm in table.arms],
        **{"set_aside": common.set_aside, "lacking_percent": common.lacking_percent},
        "n_common": np.where(ranked, int(common.ranked_on.sum()), 0),
        "mean": means,
        "mean_zero": np.where(np.isfinite(table.dice), table.dice, worst).mean(axis=0),
        "rank_mean": pd.Series(_levels(-score.sign * means, table)).rank(method="min").to_numpy(),
        **{"n_above": np.where(ranked, above, np.nan), "n_below": np.where(ranked, below, np.nan)},
        "rank": np.where(ranked, 1 + below, np.nan),
        "score_learn2reg": np.where(ranked, 0.1 + 0.9 * above / most, np.nan),
    }


def _levels(means: Floats, table: SideBySide) -> Floats:
    """Means that are equal where they differ by rounding alone."""
    return np.asarray(np.round(means / (table.nothing or 1.0)))


def _wins(table: SideBySide, ranked: np.ndarray, certain: pd.DataFrame, score: Score) -> tuple[Floats, Floats]:
    """How many of the ranked arms each is better and worse than for certain."""
    places = {arm: place for place, arm in enumerate(table.arms) if ranked[place]}
    above, below = np.zeros(len(table.arms)), np.zeros(len(table.arms))
    for row in certain.to_dict("records"):
        a, b = (places.get((row[f"variant_{x}"], row[f"method_{x}"])) for x in "ab")  # type: ignore[call-overload]
        if a is not None and b is not None:
            better, worse = (b, a) if row["mean_difference"] * score.sign > 0 else (a, b)
            above[better] += 1
            below[worse] += 1
    return above, below


def _bootstrap(
    table: SideBySide, common: Common, score: Score, criteria: Criteria, resamples: int, seed: int
) -> pd.DataFrame:
    """How often each arm is first, and the range of its rank, had other subjects been drawn."""
    columns = ["first_percent", "rank_low", "rank_high"]
    found = pd.DataFrame(np.nan, index=range(len(table.arms)), columns=columns)
    ranked = np.flatnonzero(~common.unranked & ~common.set_aside)
    if len(ranked) < 2 or not common.ranked_on.any():
        return found
    crossing = table.crossing.keep(common.ranked_on)
    drawn = draw_subjects(crossing.moving, crossing.fixed, resamples=resamples, seed=seed)
    if drawn.subjects(np.ones(len(crossing.moving), dtype=np.bool_)) < FEWEST_FOR_RANKS:
        return found
    values = table.dice[np.ix_(common.ranked_on, ranked)]
    means = drawn.means(values)[1:]
    means = score.sign * means[np.isfinite(means).all(axis=1)]
    ranks = pd.DataFrame(_levels(-means, table)).rank(axis=1, method="min").to_numpy()
    first = ranks == 1
    ends = (1 - criteria.confidence) / 2
    found.loc[ranked, "first_percent"] = 100 * (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
    found.loc[ranked, ["rank_low", "rank_high"]] = np.quantile(ranks, [ends, 1 - ends], axis=0, method="inverted_cdf").T
    return found
