"""How far surfaces lie apart, by structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.measures.surface import Surface
from lumirage_bids.stats.summaries import STRUCTURE_COLUMNS, per_structure
from lumirage_bids.stats.tables._entries import COMMON, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic
from lumirage_bids.stats.tables.structures import structure_entries

_MM = "mm, lower is better"
_LIES = (0.0, float("inf"))
_ENTRIES: dict[str, Entry] = {
    **COMMON,
    **structure_entries("95 % Hausdorff distance", _MM, "from 0 up"),
    **{name: {**COMMON[name], "Units": units} for name, units in (("q25", _MM), ("q75", _MM), ("std", "mm"))},
}


@dataclass(frozen=True, kw_only=True)
class Surfaces(Statistic):
    """The 95 % Hausdorff distance of every structure, where ``surface`` was asked for."""

    name: ClassVar[str] = "surfaces"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in STRUCTURE_COLUMNS}
    of_runs: ClassVar[bool] = True
    section: ClassVar[str] = "structures"
    caption: ClassVar[str] = "95 % Hausdorff distance of every structure, mm."

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return per_structure(
            scores.surfaces,
            scores.luts,
            scores.volumes,
            criteria=scores.criteria,
            prefix=Surface.structures,
            lies=_LIES,
        )
