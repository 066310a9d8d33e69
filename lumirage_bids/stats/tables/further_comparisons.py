"""Every two arms by every measure besides the one that is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.further import FURTHER_COLUMNS, compare_further
from lumirage_bids.stats.tables._entries import MEASURE, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic
from lumirage_bids.stats.tables.comparisons import Comparisons

_ENTRIES: dict[str, Entry] = {
    **{name: {k: v for k, v in entry.items() if k != "Units"} for name, entry in Comparisons.columns.items()},
    **MEASURE,
    "p_holm": {
        **Comparisons.columns["p_holm"],
        "Description": "p after Holm's correction over all measures, labellings and arms of this table: one family, "
        "apart from that of comparisons.tsv. What is the same in the rows of every labelling is one test",
    },
}


@dataclass(frozen=True, kw_only=True)
class FurtherComparisons(Statistic):
    """Every two arms by every other measure, one family of tests."""

    name: ClassVar[str] = "further_comparisons"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in FURTHER_COLUMNS}

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return compare_further(scores.taken, criteria=scores.criteria)
