"""Ranks of the arms on the pairs in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.ranking import FEWEST_FOR_RANKS, RANKING_COLUMNS, rank_arms
from lumirage_bids.stats.resampling import RESAMPLES
from lumirage_bids.stats.tables._entries import COMMON, DICE, ENDS, LEARN2REG, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic

CERTAIN = (
    "as the verdict says it, by p_holm of comparisons.tsv, beyond margin and threshold, still so with what the better "
    "arm lacks scored at worst, and not by one subject alone"
)
WIESENFARTH = "https://doi.org/10.1038/s41598-021-82017-6"
_RANKING: dict[str, Entry] = {
    "mean": {"Description": "Mean over the pairs in common; n/a for an arm set aside", "Units": DICE},
    "mean_zero": {
        "Description": "Mean over all pairs of any arm, those that this one failed or has not run scored 0 (for other "
        "scores, the worst there is)",
        "Units": DICE,
    },
    "rank_mean": {"Description": "Place by mean, 1 for the best; n/a for an arm set aside"},
    "n_above": {"Description": f"Arms that this one is better than for certain: {CERTAIN}"},
    "n_below": {"Description": "Arms that are better than this one for certain"},
    "rank": {"Description": "Rank by certain differences: 1 + n_below; arms that are not told apart share it"},
    "score_learn2reg": {
        "Description": "Rank score by certain wins, 0.1 for none to 1 for all, as in Learn2Reg; tests take account "
        "of subjects that recur, which Learn2Reg's do not",
        "Reference": LEARN2REG,
    },
    "first_percent": {
        "Description": f"How often the arm has the best mean in {RESAMPLES} resamples of subjects with all their "
        f"pairs; shared places count in part; n/a below {FEWEST_FOR_RANKS} subjects",
        "Units": "percent",
        "Reference": WIESENFARTH,
    },
    **{
        f"rank_{end}": {
            "Description": f"{word} end of the range of rank_mean in these resamples; n/a below {FEWEST_FOR_RANKS} "
            "subjects",
            "Reference": WIESENFARTH,
        }
        for end, word in ENDS
    },
}
_ENTRIES = {**COMMON, **_RANKING}


@dataclass(frozen=True, kw_only=True)
class Ranking(Statistic):
    """Ranks of the arms on the pairs in common."""

    name: ClassVar[str] = "ranking"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in RANKING_COLUMNS}
    needs: ClassVar[tuple[str, ...]] = ("comparisons",)

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return rank_arms(
            scores.pairs,
            scores.certain(made["comparisons"]),
            criteria=scores.criteria,
            score=scores.score,
            unranked=scores.unranked,
        )
