"""How well each arm did, by structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.groups import FEWEST_SUBJECTS
from lumirage_bids.stats.summaries import STRUCTURE_COLUMNS, per_structure
from lumirage_bids.stats.tables._entries import ARONOW, COMMON, DICE, ENDS, SUBJECTS, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic


def structure_entries(what: str, units: str, within: str) -> dict[str, Entry]:
    """Entries of a table of structures: what was measured of each, in which unit, and where its mean can lie."""
    return {
        "index": {"Description": "Label of the structure in the label maps"},
        "name": {"Description": "Name of the structure"},
        "volume_mm3": {
            "Description": "Volume of the structure in its native label map, mean over the scans that have it; the "
            "same in every arm",
            "Units": "mm^3",
        },
        "mean": {"Description": f"Mean over pairs of the structure's {what}", "Units": units},
        "median": {"Description": f"Median over pairs of the structure's {what}", "Units": units},
        **{
            f"ci_{end}": {
                "Description": f"{word} end of the interval of the mean, {within}; {SUBJECTS}; n/a below "
                f"{FEWEST_SUBJECTS} subjects",
                "Units": units,
                "Reference": ARONOW,
            }
            for end, word in ENDS
        },
    }


STRUCTURE_ENTRIES = structure_entries("Dice", DICE, "within 0 and 1")
_ENTRIES = {**COMMON, **STRUCTURE_ENTRIES}


@dataclass(frozen=True, kw_only=True)
class Structures(Statistic):
    """How well each arm did, by structure."""

    name: ClassVar[str] = "structures"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in STRUCTURE_COLUMNS}
    of_runs: ClassVar[bool] = True

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return per_structure(scores.structures, scores.luts, scores.volumes, criteria=scores.criteria)
