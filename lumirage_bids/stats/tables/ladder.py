"""Every measure at every size of a perturbation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.groups import FEWEST_SUBJECTS
from lumirage_bids.stats.ladders import LADDER_COLUMNS, climb
from lumirage_bids.stats.tables._entries import ARONOW, COMMON, ENDS, SUBJECTS, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic

LADDER: dict[str, Entry] = {
    "variant": {
        "Description": "Variant that the ladder begins with: without a perturbation, or, where that was not run, with "
        "the smallest"
    },
    "perturbation": {"Description": "Kind of perturbation of the moving image that methods saw"},
    "unit": {"Description": "What its size is in"},
    "measure": {"Description": "Column of pairs.tsv, in its unit"},
    "size": {"Description": "Size of the perturbation; 0 for the variant without any"},
    "n": {
        "Description": "Pairs of different subjects that all methods were run on at all sizes and that have the measure"
    },
    "n_failed": {
        "Description": "Of these pairs, those that failed: they count 0 in Dice, and are left out of the rest"
    },
    "mean": {"Description": "Mean over pairs"},
    "change": {"Description": "Mean over pairs of the difference from size 0; n/a where that was not run"},
    **{
        f"{what}_{end}": {
            "Description": f"{word} end of the interval of {of}; {SUBJECTS}; n/a below {FEWEST_SUBJECTS} subjects",
            "Reference": ARONOW,
        }
        for what, of in (("ci", "the mean"), ("change", "the change"))
        for end, word in ENDS
    },
}
_ENTRIES = {**COMMON, **LADDER}


@dataclass(frozen=True, kw_only=True)
class Ladder(Statistic):
    """What each method scores as the moving image gets worse."""

    name: ClassVar[str] = "ladder"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in LADDER_COLUMNS}
    of_runs: ClassVar[bool] = True
    section: ClassVar[str] = "robustness"
    caption: ClassVar[str] = "Every measure at every size."

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        pairs = scores.pairs if scores.every_pair is None else scores.every_pair
        return climb(pairs, scores.rungs, criteria=scores.criteria)
