"""Every measure that methods are compared by, summed up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.further import MEASURE_COLUMNS, sum_up_measures
from lumirage_bids.stats.tables._entries import ARONOW, COMMON, ENDS, MEASURE, SUBJECTS, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic

_OF: dict[str, Entry] = {
    "n": {"Description": "Pairs that have a value"},
    "n_subjects": {"Description": "Subjects that take part in these"},
    **{name: {"Description": f"{name.capitalize()} over these, in the measure's unit"} for name in ("mean", "median")},
    **{
        f"ci_{end}": {"Description": f"{word} end of the interval of the mean; {SUBJECTS}", "Reference": ARONOW}
        for end, word in ENDS
    },
    **{name: {"Description": COMMON[name]["Description"]} for name in ("std", "q25", "q75")},
    "n_common": {
        "Description": "Pairs that all arms have a value of that have the measure and do not lack more than 5 % of it; "
        "identity apart. It is left out of measures of the deformation and of cost, which it has none of"
    },
    "mean_common": {"Description": "Mean over the n_common pairs: these means compare"},
}
_ENTRIES = {**COMMON, **MEASURE, **_OF}


@dataclass(frozen=True, kw_only=True)
class Measures(Statistic):
    """Every measure of every arm, side by side."""

    name: ClassVar[str] = "measures"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in MEASURE_COLUMNS}

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return sum_up_measures(scores.taken, criteria=scores.criteria)
