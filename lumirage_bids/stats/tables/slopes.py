"""How fast every measure changes with the size of a perturbation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.ladders import SLOPE_COLUMNS, slopes
from lumirage_bids.stats.tables._entries import COMMON, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic
from lumirage_bids.stats.tables.ladder import LADDER

_SLOPES: dict[str, Entry] = {
    **LADDER,
    "sizes": {"Description": "Sizes that the line is fitted over"},
    "slope": {
        "Description": "Change of the measure for one unit of the size: least squares for each pair, mean over pairs "
        "that have the measure at all sizes"
    },
}
_ENTRIES = {**COMMON, **_SLOPES}


@dataclass(frozen=True, kw_only=True)
class Slopes(Statistic):
    """How fast each method's scores change as the moving image gets worse."""

    name: ClassVar[str] = "slopes"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in SLOPE_COLUMNS}
    of_runs: ClassVar[bool] = True
    section: ClassVar[str] = "robustness"
    caption: ClassVar[str] = "Slopes of every measure over the sizes, with intervals."

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        pairs = scores.pairs if scores.every_pair is None else scores.every_pair
        return slopes(pairs, scores.rungs, criteria=scores.criteria)
