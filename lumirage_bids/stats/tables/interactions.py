"""Whether a difference depends on split, variant, labelling or another factor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.interactions import INTERACTION_COLUMNS, OTHER, SAME, TRIMMED, UNTRIMMED, interactions
from lumirage_bids.stats.tables._entries import ARMS, ARONOW, COMMON, ENDS, HOLM, SATTERTHWAITE, SIGNED, SUBJECTS, Entry
from lumirage_bids.stats.tables.base import Made, Scores, Statistic
from lumirage_bids.stats.tables.comparisons import COMPARISON_ENTRIES

BERGER = "https://doi.org/10.1080/00401706.1982.10487790"
_INTERACTIONS: dict[str, Entry] = {
    **ARMS,
    "split": {"Description": "Class of pairs; of the factor split, both"},
    "factor": {
        "Description": "What the cases differ in: split; contrast (pairs within or between sequences); variant; "
        "evaluation (variants whose labels are compared differently); labelling; trimming"
    },
    "condition_1": {
        "Description": f"First case, a value of the factor; of contrast, '{SAME}'; of trimming, '{UNTRIMMED}'"
    },
    "condition_2": {"Description": f"Second case; of contrast, '{OTHER}'; of trimming, '{TRIMMED}'"},
    **{f"n_{i}": {"Description": f"Pairs of case {i} that both arms scored"} for i in (1, 2)},
    **{
        f"{what}_{i}": {
            "Description": f"{what.capitalize()} of case {i}; where the cases do not differ in it, that of both"
        }
        for what in ("labelling", "evaluation", "variant")
        for i in (1, 2)
    },
    **{
        f"{name}_{i}": {"Description": f"{told} in case {i}{note}", "Units": units}
        for i in (1, 2)
        for name, told, note, units in (
            ("difference", "Mean difference b - a", "", SIGNED),
            ("ci_low", "Lower end of its interval", "", SIGNED),
            ("ci_high", "Upper end of its interval", "", SIGNED),
            ("p", "Two-sided p-value of the difference", ", not corrected", "1"),
        )
    },
    "interaction": {"Description": "difference_2 - difference_1", "Units": "1"},
    "se": {"Description": f"Standard error of interaction; {SUBJECTS}", "Reference": ARONOW},
    "df": {"Description": "Degrees of freedom of se", "Reference": SATTERTHWAITE},
    **{
        f"ci_{end}": {"Description": f"{word} end of the interval of interaction; {SUBJECTS}", "Units": "1"}
        for end, word in ENDS
    },
    "p": {"Description": "Two-sided p-value of interaction, not corrected"},
    "p_holm": {"Description": "p after Holm's correction over this table", "Reference": HOLM},
    "p_page": {
        "Description": "The larger of p_holm and the smallest p_holm of comparisons.tsv of the same two methods under "
        "either case: below it a page may say that the difference depends on the factor"
    },
    "p_reversal": {
        "Description": "P-value that the two differences have opposite signs: the larger of p_1 and p_2 where they do "
        "in the sample, else 1; not corrected",
        "Reference": BERGER,
    },
    "p_reversal_page": {
        "Description": "p_reversal corrected like p_page: below it a page may say that the order turns"
    },
}
_ENTRIES = {**COMMON, **COMPARISON_ENTRIES, **_INTERACTIONS}


@dataclass(frozen=True, kw_only=True)
class Interactions(Statistic):
    """Whether a difference depends on split, variant, labelling or another factor."""

    name: ClassVar[str] = "interactions"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in INTERACTION_COLUMNS}
    needs: ClassVar[tuple[str, ...]] = ("comparisons",)

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return interactions(
            scores.pairs,
            made["comparisons"],
            criteria=scores.criteria,
            score=scores.score,
            unranked=scores.unranked,
        )
