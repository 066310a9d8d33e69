"""The structures that each difference comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.structures import STRUCTURE_DIFFERENCE_COLUMNS, structure_differences
from lumirage_bids.stats.tables._entries import ARMS, COMMON, DIFFERENCE, ENDS, SIGNED, SIZES, SUBJECTS, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic
from lumirage_bids.stats.tables.structures import STRUCTURE_ENTRIES

FDR = "https://doi.org/10.1111/j.2517-6161.1995.tb02031.x"
_STRUCTURE_DIFFERENCES: dict[str, Entry] = {
    **ARMS,
    "rank": {"Description": "Place of the structure by the size of its contribution, 1 for the largest"},
    **{name: STRUCTURE_ENTRIES[name] for name in ("index", "name")},
    "n": {"Description": "Pairs of different subjects in which both arms scored the structure"},
    "mean_difference": {"Description": "Mean over the n pairs of Dice of b - Dice of a", "Units": SIGNED},
    "d_z": {**SIZES["d_z"], "Units": SIGNED},
    "contribution": {
        "Description": "Mean over pairs of the structure's difference over the pair's number of structures: summed "
        "over the structures, the difference in mean Dice",
        "Units": SIGNED,
    },
    "contribution_percent": {"Description": "Share of that sum; negative against its sign", "Units": "percent"},
    "p": {"Description": f"Two-sided p-value of mean_difference, not corrected; {SUBJECTS}"},
    "p_fdr": {
        "Description": "p corrected for the number of structures of the two arms: of structures below a level at most "
        "that share differ by chance, on average",
        "Reference": FDR,
    },
    **{
        f"sim_{end}": {
            "Description": f"{word} end of the simultaneous interval of mean_difference: of all structures of the two "
            "arms at once (Bonferroni), within -1 and 1",
            "Units": SIGNED,
        }
        for end, word in ENDS
    },
    "difference_without": {"Description": "Difference in mean Dice without this structure", "Units": SIGNED},
    "dominates": {
        "Description": "Whether the structure surely differs (p_fdr) in the direction of the whole, and without it "
        "less than half of the difference is left"
    },
}
_ENTRIES = {**COMMON, **DIFFERENCE, **_STRUCTURE_DIFFERENCES}


@dataclass(frozen=True, kw_only=True)
class StructureDifferences(Statistic):
    """The structures that each difference comes from."""

    name: ClassVar[str] = "structure_differences"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in STRUCTURE_DIFFERENCE_COLUMNS}

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return structure_differences(scores.structures, scores.luts, criteria=scores.criteria)
