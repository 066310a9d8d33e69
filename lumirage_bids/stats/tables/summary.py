"""How well each arm did, by class of pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.measures import columns as measured_columns
from lumirage_bids.stats.summaries import FOLDING_LIMIT_PERCENT, SUMMARY_COLUMNS, SUMMED, summarise
from lumirage_bids.stats.tables._entries import COMMON, DICE, LEARN2REG, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic

_SUMMED: dict[str, Entry] = {
    column: {**measured_columns()[name].entry, "Description": f"{how.capitalize()} over pairs of {name}"}
    for column, (name, how) in SUMMED.items()
}
_SUMMARY: dict[str, Entry] = {
    "n_pairs": {"Description": "All pairs, failed ones included"},
    "mean": {"Description": "Mean over pairs of dice_mean", "Units": DICE},
    "median": {"Description": "Median over pairs of dice_mean", "Units": DICE},
    "robustness_30": {
        "Description": "Dice below which 30 % of the scored pairs lie: the 30 % quantile of dice_mean",
        "Units": DICE,
        "Reference": LEARN2REG,
    },
    "dice_initial_mean": {"Description": "Mean over pairs of dice_initial", "Units": DICE},
    **{
        f"{name}_trimmed": {
            "Description": f"{name} without the 5 % of pairs with the lowest Dice of this method, as published; "
            "trimming selects on the outcome and breaks the pairing, so read it beside the untrimmed value",
            "Units": "1" if name == "std" else DICE,
        }
        for name in ("mean", "median", "std")
    },
    "mean_worst_case": {"Description": "Mean over all pairs of dice_mean, failed pairs scored 0", "Units": DICE},
    "n_below_initial": {"Description": "Scored pairs whose dice_mean is below their dice_initial; lower is better"},
    "n_folding": {
        "Description": f"Scored pairs whose folding_percent is above {FOLDING_LIMIT_PERCENT:g}; lower is better"
    },
    "failure_percent": {
        "Description": "Failure rate: share of pairs without a score, with Dice below the initial one, or with "
        f"folding_percent above {FOLDING_LIMIT_PERCENT:g}",
        "Units": "percent, lower is better",
    },
    "n_below_identity": {
        "Description": "Scored pairs that are worse than without deformation: than identity of the same variant; lower "
        "is better"
    },
    "n_subjects_common": {"Description": "Subjects, moving and fixed, of the pairs in common"},
    "mean_common": {"Description": "Mean over the n_common pairs", "Units": DICE},
    "median_common": {"Description": "Median over the n_common pairs", "Units": DICE},
    "runtime_s_median": {"Description": "Median wall time of a registration", "Units": "s"},
    "memory_gb_max": {"Description": "Highest peak memory of a registration", "Units": "GB (10^9 bytes)"},
    "folding_percent_mean": {"Description": "Mean of folding_percent", "Units": "percent, lower is better"},
}
_ENTRIES = {**_SUMMED, **COMMON, **_SUMMARY}


@dataclass(frozen=True, kw_only=True)
class Summary(Statistic):
    """How well each arm did, by class of pairs."""

    name: ClassVar[str] = "summary"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in SUMMARY_COLUMNS}

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return summarise(scores.pairs, score=scores.score, unranked=scores.unranked)
