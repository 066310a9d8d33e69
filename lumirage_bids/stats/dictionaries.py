"""Data dictionaries of the group tables: what every column is, in which unit, and which direction is better."""

from __future__ import annotations

from lumirage_bids.measures import columns
from lumirage_bids.output import score_table
from lumirage_bids.stats.common import MAY_LACK_PERCENT
from lumirage_bids.stats.comparisons import COMPARISON_COLUMNS
from lumirage_bids.stats.design import FEWEST_FOR_SIZES
from lumirage_bids.stats.groups import FEWEST_SUBJECTS
from lumirage_bids.stats.interactions import INTERACTION_COLUMNS, OTHER, SAME, TRIMMED, UNTRIMMED
from lumirage_bids.stats.ranking import RANKING_COLUMNS
from lumirage_bids.stats.resampling import RESAMPLES
from lumirage_bids.stats.structures import STRUCTURE_DIFFERENCE_COLUMNS
from lumirage_bids.stats.summaries import (
    FAILURE_COLUMNS,
    FOLDING_LIMIT_PERCENT,
    STRUCTURE_COLUMNS,
    SUMMARY_COLUMNS,
    SUMMED,
)

Entry = dict[str, str]
LAKENS = "https://doi.org/10.3389/fpsyg.2013.00863"
SATTERTHWAITE = "https://doi.org/10.2307/3002019"
ARONOW = "https://doi.org/10.1093/pan/mpv018"
FDR = "https://doi.org/10.1111/j.2517-6161.1995.tb02031.x"
BERGER = "https://doi.org/10.1080/00401706.1982.10487790"
WIESENFARTH = "https://doi.org/10.1038/s41598-021-82017-6"
HOLM = "https://www.jstor.org/stable/4615733"
SCHUIRMANN = "https://doi.org/10.1007/BF01068419"
WILCOXON = "https://doi.org/10.2307/3001968"
LEARN2REG = "https://doi.org/10.1109/TMI.2022.3213983"
DICE = "1, higher is better"
SIGNED = "1, positive where b is better"
INDEPENDENT = "takes the pairs for independent, which they are not: a subject recurs in many, so it is too small"
SUBJECTS = (
    "subjects are what is drawn from a population, in groups by sequence, each recurring in its pairs; t distribution "
    "with df degrees of freedom, corrected for skewness (docs/statistics.md)"
)

_COMMON: dict[str, Entry] = {
    "variant": score_table.COLUMNS["variant"],
    "method": score_table.COLUMNS["method"],
    "labelling": score_table.COLUMNS["labelling"],
    "evaluation": score_table.COLUMNS["evaluation"],
    "split": {
        "Description": "Class of pairs: as in pairs.tsv; 'all' is every pair, 'different subjects' all but rescans, "
        "'A and B' both directions between sequences A and B"
    },
    "n": {"Description": "Pairs that the numbers of this row are over"},
    "n_subjects": {"Description": "Subjects that take part, on the side, moving or fixed, that has fewer"},
    "n_failed": {"Description": "Pairs without a score"},
    "n_unfinished": {"Description": "Pairs that some arm has and this one has not run yet"},
    "lacking_percent": {
        "Description": "Share of the pairs of any arm of this labelling and evaluation that this one has no score of, "
        "failed or not run",
        "Units": "percent, lower is better",
    },
    "set_aside": {
        "Description": f"Whether the arm lacks more than {MAY_LACK_PERCENT} % of its pairs and so is not ranked with "
        "the others; never for identity, which is no competitor"
    },
    "n_common": {
        "Description": "Pairs in common: those that all arms scored that are not set aside, identity apart. For "
        "identity and arms set aside, those of them that they scored"
    },
    "std": {"Description": "Standard deviation of a sample", "Units": "1"},
    "q25": {"Description": "First quartile", "Units": DICE},
    "q75": {"Description": "Third quartile", "Units": DICE},
}
_ENDS = (("low", "Lower"), ("high", "Upper"))
_ARMS: dict[str, Entry] = {
    f"{what}_{side}": {"Description": f"{what} of arm {side}"} for what in ("variant", "method") for side in "ab"
}
_MEAN_INTERVAL: dict[str, Entry] = {
    f"ci_{end}": {
        "Description": f"{word} end of the interval of the mean; {SUBJECTS}; n/a below {FEWEST_SUBJECTS} subjects",
        "Units": DICE,
        "Reference": ARONOW,
    }
    for end, word in _ENDS
}
_SUMMARY: dict[str, Entry] = {
    "n_pairs": {"Description": "All pairs, failed ones included"},
    "mean": {"Description": "Mean over pairs of dice_mean", "Units": DICE},
    "median": {"Description": "Median over pairs of dice_mean", "Units": DICE},
    "robustness_30": {
        "Description": "Dice that 30 % of the scored pairs stay below: the 30 % quantile of dice_mean",
        "Units": DICE,
        "Reference": LEARN2REG,
    },
    "dice_initial_mean": {"Description": "Mean over pairs of dice_initial", "Units": DICE},
    **{
        f"{name}_trimmed": {
            "Description": f"{name} without the 5 % of pairs with the lowest Dice of this method, as published; "
            "trimming selects on the outcome and breaks the pairing, so read it beside the untrimmed value",
            "Units": "1" if name == "std" else DICE,
        }
        for name in ("mean", "median", "std")
    },
    "mean_worst_case": {"Description": "Mean over all pairs of dice_mean, failed pairs scored 0", "Units": DICE},
    "n_below_initial": {"Description": "Scored pairs whose dice_mean is below their dice_initial; lower is better"},
    "n_folding": {
        "Description": f"Scored pairs whose folding_percent is above {FOLDING_LIMIT_PERCENT:g}; lower is better"
    },
    "failure_percent": {
        "Description": "Failure rate: share of pairs without a score, with Dice below the initial one, or with "
        f"folding_percent above {FOLDING_LIMIT_PERCENT:g}",
        "Units": "percent, lower is better",
    },
    "n_below_identity": {
        "Description": "Scored pairs that are worse than without deformation: than identity of the same variant; lower "
        "is better"
    },
    "mean_common": {"Description": "Mean over the n_common pairs", "Units": DICE},
    "median_common": {"Description": "Median over the n_common pairs", "Units": DICE},
    "runtime_s_median": {"Description": "Median wall time of a registration", "Units": "s"},
    "memory_gb_max": {"Description": "Highest peak memory of a registration", "Units": "GB (10^9 bytes)"},
    "folding_percent_mean": {"Description": "Mean of folding_percent", "Units": "percent, lower is better"},
}
_STRUCTURES: dict[str, Entry] = {
    "index": {"Description": "Label of the structure in the label maps"},
    "name": {"Description": "Name of the structure"},
    "volume_mm3": {
        "Description": "Volume of the structure in its native label map, mean over the scans that have it; the same in "
        "every arm",
        "Units": "mm^3",
    },
    "mean": {"Description": "Mean over pairs of the structure's Dice", "Units": DICE},
    "median": {"Description": "Median over pairs of the structure's Dice", "Units": DICE},
    **_MEAN_INTERVAL,
}
_FAILURES: dict[str, Entry] = {
    "reason": {"Description": "Why the pairs failed"},
    "n": {"Description": "Pairs that failed for this reason"},
    "percent": {"Description": "Share in all pairs of this row's arm, labelling and split", "Units": "percent"},
}
_DIFFERENCE: dict[str, Entry] = {
    "mean_difference": {"Description": "mean_b - mean_a over the n pairs", "Units": SIGNED},
    **{
        f"ci_{end}": {
            "Description": f"{word} end of the interval of mean_difference; {SUBJECTS}",
            "Units": SIGNED,
            "Reference": ARONOW,
        }
        for end, word in _ENDS
    },
}
_SIZES: dict[str, Entry] = {
    "d_z": {"Description": "Mean difference over the standard deviation of the differences", "Reference": LAKENS},
    "d_av": {"Description": "Mean difference over the mean of the two standard deviations", "Reference": LAKENS},
    "d_pooled": {"Description": "Mean difference over the pooled standard deviation (Cohen's d)", "Reference": LAKENS},
    "hedges_g": {"Description": "d_av corrected for small samples (g_av)", "Reference": LAKENS},
}
_COMPARISONS: dict[str, Entry] = {
    **_ARMS,
    "n": {"Description": "Pairs that both arms scored; all numbers but the worst case are over these"},
    "n_failed": {"Description": "Pairs run in both arms, without a score in one or both"},
    **{f"mean_{side}": {"Description": f"Mean Dice of arm {side} over the n pairs", "Units": DICE} for side in "ab"},
    **_DIFFERENCE,
    "se": {"Description": f"Standard error of mean_difference; {SUBJECTS}", "Units": "1", "Reference": ARONOW},
    **{name: {**entry, "Units": SIGNED} for name, entry in _SIZES.items()},
    **{
        f"{size}_{end}": {
            "Description": f"{word} end of the interval of {size}; {SUBJECTS}",
            "Units": SIGNED,
            "Reference": ARONOW,
        }
        for size in _SIZES
        for end, word in _ENDS
    },
    "t": {"Description": f"Paired t statistic; goes with p_t, not with p; {INDEPENDENT.replace('small', 'large')}"},
    "p": {"Description": f"Two-sided p-value of mean_difference, mean_difference / se; {SUBJECTS}"},
    "p_holm": {
        "Description": "p after Holm's correction over all comparisons of this table; classes of the same pairs are "
        "one",
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
        for end, word in _ENDS
    },
    "worst_case_d_z": {"Description": "d_z in the worst case", "Units": SIGNED, "Reference": LAKENS},
    "worst_case_p": {"Description": "p in the worst case, not corrected"},
    "resampled": {
        "Description": "What is generalised over: subjects; moving and fixed ones apart, if disjoint; or one "
        "side, where the other is one subject"
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
        "found (p below one less the confidence) 8 times in 10, by these variances; inf above 100 000"
    },
    "without_subject": {"Description": "Subject without whom the difference is furthest towards or past zero"},
    "without_difference": {"Description": "mean_difference without that subject", "Units": SIGNED},
    "without_p": {"Description": "p without that subject, not corrected; n/a where too few of its group are left"},
    "hangs_on_subject": {
        "Description": "Whether p is below one less the confidence with all subjects, and without that one it is not "
        "or the difference changes sign"
    },
}
_STRUCTURE_DIFFERENCES: dict[str, Entry] = {
    **_ARMS,
    "rank": {"Description": "Place of the structure by the size of its contribution, 1 for the largest"},
    **{name: _STRUCTURES[name] for name in ("index", "name")},
    "n": {"Description": "Pairs of different subjects in which both arms scored the structure"},
    "mean_difference": {"Description": "Mean over the n pairs of Dice of b - Dice of a", "Units": SIGNED},
    "d_z": {**_SIZES["d_z"], "Units": SIGNED},
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
            "arms at once (Bonferroni)",
            "Units": SIGNED,
        }
        for end, word in _ENDS
    },
    "difference_without": {"Description": "Difference in mean Dice without this structure", "Units": SIGNED},
    "dominates": {
        "Description": "Whether the structure surely differs (p_fdr) in the direction of the whole, and without it "
        "less than half of the difference is left"
    },
}
_RANKING: dict[str, Entry] = {
    "mean": {"Description": "Mean over the pairs in common; n/a for an arm set aside", "Units": DICE},
    "mean_zero": {
        "Description": "Mean over all pairs of any arm, those that this one failed or has not run scored 0 (for other "
        "scores, the worst there is)",
        "Units": DICE,
    },
    "rank_mean": {"Description": "Place by mean, 1 for the best; n/a for an arm set aside"},
    "n_above": {"Description": "Arms that this one is better than by p_holm of comparisons.tsv"},
    "n_below": {"Description": "Arms that are better than this one by p_holm of comparisons.tsv"},
    "rank": {"Description": "Significance-based rank: 1 + n_below; arms that are not told apart share it"},
    "score_learn2reg": {
        "Description": "Rank score by significant wins, 0.1 for none to 1 for all, as in Learn2Reg; tests take account "
        "of subjects that recur, which Learn2Reg's do not",
        "Reference": LEARN2REG,
    },
    "first_percent": {
        "Description": f"How often the arm has the best mean in {RESAMPLES} resamples of subjects with all their "
        "pairs; shared places count in part",
        "Units": "percent",
        "Reference": WIESENFARTH,
    },
    **{
        f"rank_{end}": {
            "Description": f"{word} end of the range of rank_mean in these resamples",
            "Reference": WIESENFARTH,
        }
        for end, word in _ENDS
    },
}
_INTERACTIONS: dict[str, Entry] = {
    **_ARMS,
    "split": {"Description": "Class of pairs; of the factor split, both"},
    "factor": {
        "Description": "What the conditions differ in: split; contrast (pairs within or between sequences); variant; "
        "evaluation (variants whose labels are compared differently); labelling; trimming"
    },
    "condition_1": {"Description": f"First condition; of contrast, '{SAME}'; of trimming, '{UNTRIMMED}'"},
    "condition_2": {"Description": f"Second condition; of contrast, '{OTHER}'; of trimming, '{TRIMMED}'"},
    **{f"n_{i}": {"Description": f"Pairs of condition {i} that both arms scored"} for i in (1, 2)},
    **{
        f"{name}_{i}": {"Description": f"{told} in condition {i}{note}", "Units": units}
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
        for end, word in _ENDS
    },
    "p": {"Description": "Two-sided p-value of interaction, not corrected"},
    "p_holm": {"Description": "p after Holm's correction over this table", "Reference": HOLM},
    "p_page": {
        "Description": "The larger of p_holm and the smallest p_holm of comparisons.tsv of the same two methods under "
        "either condition: below it a page may say that the difference depends on the factor"
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

_SUMMED: dict[str, Entry] = {
    column: {**columns()[name].entry, "Description": f"{how.capitalize()} over pairs of {name}"}
    for column, (name, how) in SUMMED.items()
}

SUMMARY = {c: {**_SUMMED, **_COMMON, **_SUMMARY}[c] for c in SUMMARY_COLUMNS}
STRUCTURES = {c: {**_COMMON, **_STRUCTURES}[c] for c in STRUCTURE_COLUMNS}
FAILURES = {c: {**_COMMON, **_FAILURES}[c] for c in FAILURE_COLUMNS}
COMPARISONS = {c: {**_COMMON, **_COMPARISONS}[c] for c in COMPARISON_COLUMNS}
STRUCTURE_DIFFERENCES = {
    c: {**_COMMON, **_DIFFERENCE, **_STRUCTURE_DIFFERENCES}[c] for c in STRUCTURE_DIFFERENCE_COLUMNS
}
RANKING = {c: {**_COMMON, **_RANKING}[c] for c in RANKING_COLUMNS}
INTERACTIONS = {c: {**_COMMON, **_COMPARISONS, **_INTERACTIONS}[c] for c in INTERACTION_COLUMNS}
