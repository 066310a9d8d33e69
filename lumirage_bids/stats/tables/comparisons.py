"""Every two arms, paired on the same pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lumirage_bids.stats.comparisons import COMPARISON_COLUMNS, compare
from lumirage_bids.stats.design import FEWEST_FOR_SIZES
from lumirage_bids.stats.groups import FEWEST_SUBJECTS
from lumirage_bids.stats.shares import MOST_SUBJECTS
from lumirage_bids.stats.tables._entries import (
    ARMS,
    ARONOW,
    COMMON,
    DICE,
    DIFFERENCE,
    ENDS,
    HOLM,
    LAKENS,
    SATTERTHWAITE,
    SIGNED,
    SIZES,
    SUBJECTS,
    Entry,
)
from lumirage_bids.stats.tables.base import Made, Scores, Statistic

SCHUIRMANN = "https://doi.org/10.1007/BF01068419"
WILCOXON = "https://doi.org/10.2307/3001968"
INDEPENDENT = "takes the pairs for independent, which they are not: a subject recurs in many, so it is too small"
COMPARISON_ENTRIES: dict[str, Entry] = {
    **ARMS,
    "n": {
        "Description": "Pairs that both arms scored and, unless one of them is set aside or no pair was scored by all, "
        "every other ranked arm too; all numbers but the worst case are over these"
    },
    "n_failed": {"Description": "Pairs run in both arms, without a score in one or both"},
    **{f"mean_{side}": {"Description": f"Mean Dice of arm {side} over the n pairs", "Units": DICE} for side in "ab"},
    **DIFFERENCE,
    "se": {"Description": f"Standard error of mean_difference; {SUBJECTS}", "Units": "1", "Reference": ARONOW},
    **{name: {**entry, "Units": SIGNED} for name, entry in SIZES.items()},
    **{
        f"{size}_{end}": {
            "Description": f"{word} end of the interval of {size}; {SUBJECTS}",
            "Units": SIGNED,
            "Reference": ARONOW,
        }
        for size in SIZES
        for end, word in ENDS
    },
    "t": {"Description": f"Paired t statistic; goes with p_t, not with p; {INDEPENDENT.replace('small', 'large')}"},
    "p": {"Description": f"Two-sided p-value of mean_difference, mean_difference / se; {SUBJECTS}"},
    "p_holm": {
        "Description": "p after Holm's correction over all comparisons of this table; rows over the same pairs are one",
        "Reference": HOLM,
    },
    "equivalence_margin": {"Description": "Largest difference in mean Dice that is called equivalent", "Units": "1"},
    "p_equivalence": {
        "Description": "P-value of two one-sided tests (TOST): small where the difference surely lies within "
        f"± equivalence_margin; {SUBJECTS}",
        "Reference": SCHUIRMANN,
    },
    "p_equivalence_holm": {
        "Description": "p_equivalence after Holm's correction over all comparisons of this table",
        "Reference": HOLM,
    },
    "p_t": {"Description": f"Two-sided p-value of the paired t-test; {INDEPENDENT}"},
    "w": {"Description": "Wilcoxon's signed-rank statistic: the smaller sum of ranks", "Reference": WILCOXON},
    "p_wilcoxon": {"Description": f"Two-sided p-value of w; {INDEPENDENT}", "Reference": WILCOXON},
    "worst_case_n": {
        "Description": "Pairs of the worst case: as n, and pairs that failed in one or both arms, scored 0"
    },
    "worst_case_difference": {"Description": "mean_difference in the worst case", "Units": SIGNED},
    **{
        f"worst_case_ci_{end}": {"Description": f"{word} end of its interval; {SUBJECTS}", "Units": SIGNED}
        for end, word in ENDS
    },
    "worst_case_d_z": {"Description": "d_z in the worst case", "Units": SIGNED, "Reference": LAKENS},
    "worst_case_p": {"Description": "p in the worst case, not corrected"},
    "n_ahead_lacks": {
        "Description": "Pairs that the arm with the better mean lacks, failed or not run, and the other one scored"
    },
    "ahead_at_worst_difference": {
        "Description": "mean_difference with these pairs of the better arm scored 0 (for other scores, the worst there "
        "is; n/a where there is none), those that the other one lacks left out",
        "Units": SIGNED,
    },
    "ahead_at_worst_p": {"Description": "Larger one of p and of the p-value of ahead_at_worst_difference"},
    "ahead_at_worst_p_holm": {
        "Description": "ahead_at_worst_p after Holm's correction over all comparisons of this table: a difference is "
        "called certain where it stays so by this, in the same direction and beyond the margin",
        "Reference": HOLM,
    },
    "resampled": {
        "Description": "What is generalised over: subjects; moving and fixed ones apart, if disjoint; couples "
        "of subjects, where no subject is paired with two others; or one side, where the other is one subject"
    },
    "refused": {"Description": "Why there is no interval; n/a where there is one"},
    "median_difference": {"Description": "Median over the n pairs of b - a", "Units": SIGNED},
    "p_win": {"Description": "P-value, over subjects, of b being better as often as worse; not corrected"},
    "win_percent": {"Description": "Share of the n pairs in which b is better than a", "Units": "percent"},
    "tie_percent": {"Description": "Share of the n pairs in which a and b score the same", "Units": "percent"},
    **{f"n_failed_{side}": {"Description": f"Pairs that arm {side} has no score of, though run"} for side in "ab"},
    **{
        f"n_unfinished_{side}": {"Description": f"Pairs that some arm of the evaluation has and arm {side} has not run"}
        for side in "ab"
    },
    "df": {
        "Description": "Degrees of freedom of se, less where subjects differ in what they contribute",
        "Reference": SATTERTHWAITE,
    },
    "estimator": {
        "Description": "How se is found: components, variances of subjects' and pairs' own parts told apart; or "
        "contributions, a jackknife over subjects (few subjects, or a small group)"
    },
    "groups": {"Description": "Groups of subjects by the sequences that they were scanned with, with their sizes"},
    "n_groups": {"Description": "How many groups that is"},
    "n_smallest": {"Description": "Subjects of the smallest of these groups"},
    "left_out": {
        "Description": f"Groups of fewer than {FEWEST_SUBJECTS} subjects: all numbers of the row but the worst case's "
        "and those of failures are over the other pairs; n/a where there is no such group, or nothing else"
    },
    "n_left_out": {"Description": "Pairs scored in both arms that are left out with them"},
    "holds_for": {
        "Description": "The subject that all pairs of the labelling share on one side: interval and p-values hold for "
        "it and say nothing of others in its place"
    },
    "refused_sizes": {
        "Description": f"Why effect sizes have no interval: below {FEWEST_FOR_SIZES} subjects it is too wide to say "
        "anything; n/a where there is one"
    },
    "moving_percent": {"Description": "Share of the variance of b - a, within splits, that the moving subject makes"},
    "fixed_percent": {"Description": "The same of the fixed subject"},
    "pair_percent": {"Description": "The same of what is left to the single pair"},
    "n_for_margin": {
        "Description": "Subjects with whom, over all their ordered pairs, a true difference of equivalence_margin is "
        "found 8 times in 10, by these variances: p below one less the confidence, divided by the number of tests of "
        f"this table (Bonferroni); inf above {MOST_SUBJECTS}"
    },
    "without_subject": {
        "Description": "Subject without whom the difference is past zero, else least sure, of all up to 10 "
        "subjects and of the likeliest few of more"
    },
    "without_difference": {"Description": "mean_difference without that subject", "Units": SIGNED},
    "without_p": {"Description": "p without that subject, not corrected; n/a where too few of its group are left"},
    "hiding_subject": {
        "Description": "Subject without whom the difference is surest, where it is surer than with all; n/a where not"
    },
    "hiding_difference": {"Description": "mean_difference without that subject", "Units": SIGNED},
    "hiding_d_z": {"Description": "d_z without that subject", "Units": SIGNED, "Reference": LAKENS},
    "hiding_p": {
        "Description": "p without that subject, times the number of subjects that it was chosen of and the number of "
        "tests of this table (Bonferroni): small where one subject hides a difference of the others"
    },
    "hangs_on_subject": {
        "Description": "Whether p is below one less the confidence with all subjects, and without that one it is not "
        "or the difference changes sign"
    },
}
_ENTRIES = {**COMMON, **COMPARISON_ENTRIES}


@dataclass(frozen=True, kw_only=True)
class Comparisons(Statistic):
    """Every two arms, paired on the same pairs."""

    name: ClassVar[str] = "comparisons"
    columns: ClassVar[Mapping[str, Entry]] = {c: _ENTRIES[c] for c in COMPARISON_COLUMNS}

    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """One table."""
        return compare(scores.pairs, criteria=scores.criteria, score=scores.score, unranked=scores.unranked)
