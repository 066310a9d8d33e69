"""How far each landmark ends from where it should, by method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.groups import FEWEST_SUBJECTS
from lumirage_bids.stats.landmarks import ALL_LANDMARKS, LANDMARK_COLUMNS, per_landmark
from lumirage_bids.stats.tables._entries import ARONOW, COMMON, ENDS, SUBJECTS, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic

_MM = "mm, lower is better"
_LANDMARKS: dict[str, Entry] = {
    "landmark": {"Description": f"Name of the landmark; '{ALL_LANDMARKS}' for the mean over those of a pair (tre_mm)"},
    "description": {"Description": "What it is, as the files of landmarks say"},
    "n": {"Description": "Pairs of different subjects in which both scans have it and that were registered"},
    "mean": {
        "Description": "Mean over pairs of the distance, in the moving scan, between where the transform takes the "
        "fixed scan's landmark and the moving scan's own",
        "Units": _MM,
        "Reference": "https://doi.org/10.1109/42.952729",
    },
    **{
        f"ci_{end}": {
            "Description": f"{word} end of the interval of the mean; {SUBJECTS}; n/a below {FEWEST_SUBJECTS} subjects",
            "Units": _MM,
            "Reference": ARONOW,
        }
        for end, word in ENDS
    },
    "median": {"Description": "Median over pairs", "Units": _MM},
    "std": {"Description": "Standard deviation over pairs", "Units": "mm"},
    "q25": {"Description": "Lower quartile over pairs", "Units": _MM},
    "q75": {"Description": "Upper quartile over pairs", "Units": _MM},
    "raters_mm": {
        "Description": "Distance between two raters' placements of the landmark on one scan, mean over raters and "
        "scans; n/a where single raters' placements are not known",
        "Units": "mm",
        "Reference": "https://doi.org/10.1002/hbm.24693",
    },
    "floor_mm": {
        "Description": "Error that raters' disagreement would leave after a perfect registration, if raters err "
        "independently: raters_mm, divided by the root of the number of raters where the landmarks are the means of "
        "their placements. What all raters do wrong alike is not in it",
        "Units": "mm",
    },
}
_ENTRIES = {**COMMON, **_LANDMARKS}


@dataclass(frozen=True, kw_only=True)
class LandmarkTable(Statistic):
    """How far each landmark ends from where it should, and how far raters disagree."""

    name: ClassVar[str] = "landmarks"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in LANDMARK_COLUMNS}
    of_runs: ClassVar[bool] = True

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        if scores.landmarks is None:
            return pd.DataFrame(columns=LANDMARK_COLUMNS)
        return per_landmark(scores.landmarks, criteria=scores.criteria)
