"""Labels of several atlases, and transforms over three scans, of each arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.downstream import DOWNSTREAM_COLUMNS, sum_up_downstream
from lumirage_bids.stats.tables._entries import COMMON, ENDS, MEASURE, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic

ARVESEN = "https://doi.org/10.1214/aoms/1177697286"
JACKKNIFE = "jackknife over subjects, each left out wherever it occurs; t distribution with n_subjects - 1"
WHAT: dict[str, Entry] = {
    **MEASURE,
    "measure": {
        "Description": "majority_dice, staple_dice: Dice of labels that several atlases make together (fused.tsv); "
        "transitivity_mm: error of going by way of a third scan (triples.tsv)"
    },
    "labelling": {"Description": "Label set; n/a for what looks at no labels"},
    "n_subjects": {"Description": "Subjects that they are of: those that were held out, or that chains go over"},
}
_ENTRIES: dict[str, Entry] = {
    **COMMON,
    **WHAT,
    "n": {"Description": "Scans whose labels were made, or chains of transforms"},
    "n_failed": {"Description": "Those without a value, since a registration failed"},
    "mean": {"Description": "Mean over the n"},
    **{
        f"ci_{end}": {"Description": f"{word} end of the interval of mean; {JACKKNIFE}", "Reference": ARVESEN}
        for end, word in ENDS
    },
    "mean_single": {"Description": "Mean Dice of the same atlases one by one; n/a for transitivity_mm"},
    "gain": {"Description": "mean - mean_single", "Units": "1, higher is better"},
}


@dataclass(frozen=True, kw_only=True)
class DownstreamSummary(Statistic):
    """Labels of several atlases, and transforms over three scans."""

    name: ClassVar[str] = "downstream"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in DOWNSTREAM_COLUMNS}
    of_runs: ClassVar[bool] = True

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return sum_up_downstream(scores.downstream, criteria=scores.criteria)
