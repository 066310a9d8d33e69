"""Failed pairs by kind of failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.summaries import FAILURE_COLUMNS, failures
from lumirage_bids.stats.tables._entries import COMMON, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic

_FAILURES: dict[str, Entry] = {
    "kind": {"Description": "Why the pairs failed: the kind of failure, one of those in pairs.tsv"},
    "reason": {"Description": "The most frequent wording of this kind; pairs.tsv has those of every pair"},
    "n_reasons": {"Description": "Different wordings of this kind, which may hold figures"},
    "n": {"Description": "Pairs that failed in this way"},
    "percent": {"Description": "Share in all pairs of this row's arm, labelling and split", "Units": "percent"},
}
_ENTRIES = {**COMMON, **_FAILURES}


@dataclass(frozen=True, kw_only=True)
class Failures(Statistic):
    """Failed pairs by kind of failure."""

    name: ClassVar[str] = "failures"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in FAILURE_COLUMNS}
    of_runs: ClassVar[bool] = True

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return failures(scores.pairs)
