"""Every two arms by labels of several atlases, and by transforms over three scans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.downstream import DOWNSTREAM_COMPARISON_COLUMNS, compare_downstream
from lumirage_bids.stats.tables._entries import ARMS, ENDS, HOLM, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic
from lumirage_bids.stats.tables.downstream import ARVESEN, JACKKNIFE, WHAT

_ENTRIES: dict[str, Entry] = {
    **ARMS,
    **WHAT,
    "n": {"Description": "Scans, or chains, that both arms have a value of; all numbers are over these"},
    **{f"mean_{side}": {"Description": f"Mean of arm {side}"} for side in "ab"},
    "mean_difference": {"Description": "mean_b - mean_a, in the measure's unit"},
    **{
        f"ci_{end}": {
            "Description": f"{word} end of the interval of mean_difference; {JACKKNIFE}",
            "Reference": ARVESEN,
        }
        for end, word in ENDS
    },
    "p": {"Description": f"Two-sided p-value of mean_difference; {JACKKNIFE}"},
    "p_holm": {
        "Description": "p after Holm's correction over all rows of this table: a family apart from comparisons.tsv",
        "Reference": HOLM,
    },
}


@dataclass(frozen=True, kw_only=True)
class DownstreamComparisons(Statistic):
    """Every two arms by what transforms are for."""

    name: ClassVar[str] = "downstream_comparisons"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in DOWNSTREAM_COMPARISON_COLUMNS}
    of_runs: ClassVar[bool] = True

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return compare_downstream(scores.downstream, criteria=scores.criteria, unranked=scores.unranked)
