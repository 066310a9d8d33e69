"""Whether measures put the arms in one order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.agreement import AGREEMENT_COLUMNS, FEWEST_ARMS, agreement
from lumirage_bids.stats.tables._entries import ARONOW, COMMON, ENDS, MEASURE, SUBJECTS, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic

KENDALL = "https://doi.org/10.1093/biomet/33.3.239"
_AGREE = "-1 to 1; 1 where both measures put the better arm first alike"
_OF: dict[str, Entry] = {
    **{f"measure_{i}": MEASURE["measure"] for i in (1, 2)},
    "n_arms": {"Description": "Arms that both measures rank: without identity, and those that lack more than 5 %"},
    "n_common": {"Description": "Pairs that all of these have both measures of"},
    "n_couples": {"Description": "Couples of these arms"},
    "n_turned": {
        "Description": "Couples that the two measures put in opposite orders, by means over the n_common pairs"
    },
    "tau": {
        "Description": f"Kendall's tau-b of the arms' means over the n_common pairs; n/a below {FEWEST_ARMS} arms, of "
        "which it says next to nothing, and where all arms are equal by a measure",
        "Units": _AGREE,
        "Reference": KENDALL,
    },
    "n_pairs": {"Description": "Pairs within which both measures tell any two of the arms apart"},
    "tau_pairs": {
        "Description": "Kendall's tau-b between the arms within a pair, mean over the n_pairs pairs",
        "Units": _AGREE,
        "Reference": KENDALL,
    },
    **{
        f"ci_{end}": {
            "Description": f"{word} end of the interval of tau_pairs; {SUBJECTS}",
            "Units": "-1 to 1",
            "Reference": ARONOW,
        }
        for end, word in ENDS
    },
}
_ENTRIES = {**COMMON, **_OF}


@dataclass(frozen=True, kw_only=True)
class Agreement(Statistic):
    """Kendall's tau between every two measures, over arms and within pairs."""

    name: ClassVar[str] = "agreement"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in AGREEMENT_COLUMNS}

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return agreement(scores.taken, criteria=scores.criteria)
