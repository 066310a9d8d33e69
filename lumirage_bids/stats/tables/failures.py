"""Failed pairs by reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.summaries import FAILURE_COLUMNS, failures
from lumirage_bids.stats.tables._entries import COMMON, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic

_FAILURES: dict[str, Entry] = {
    "reason": {"Description": "Why the pairs failed"},
    "n": {"Description": "Pairs that failed for this reason"},
    "percent": {"Description": "Share in all pairs of this row's arm, labelling and split", "Units": "percent"},
}
_ENTRIES = {**COMMON, **_FAILURES}


@dataclass(frozen=True, kw_only=True)
class Failures(Statistic):
    """Failed pairs by reason."""

    name: ClassVar[str] = "failures"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in FAILURE_COLUMNS}
    of_runs: ClassVar[bool] = True

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return failures(scores.pairs)
