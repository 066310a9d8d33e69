"""Data dictionaries of the group tables: what every column is, in which unit, and which direction is better."""

from __future__ import annotations

from lumirage_bids import scores
from lumirage_bids.stats.comparisons import COMPARISON_COLUMNS, EQUIVALENCE_MARGIN
from lumirage_bids.stats.resampling import FEWEST_SUBJECTS, RESAMPLES
from lumirage_bids.stats.structures import STRUCTURE_DIFFERENCE_COLUMNS
from lumirage_bids.stats.summaries import FAILURE_COLUMNS, FOLDING_LIMIT_PERCENT, STRUCTURE_COLUMNS, SUMMARY_COLUMNS

Entry = dict[str, str]
LAKENS = "https://doi.org/10.3389/fpsyg.2013.00863"
HESTERBERG = "https://doi.org/10.1080/00031305.2015.1089789"
HOLM = "https://www.jstor.org/stable/4615733"
SCHUIRMANN = "https://doi.org/10.1007/BF01068419"
WILCOXON = "https://doi.org/10.2307/3001968"
LEARN2REG = "https://doi.org/10.1109/TMI.2022.3213983"
DICE = "1, higher is better"
SIGNED = "1, positive where b is better"
INDEPENDENT = "takes the pairs for independent, which they are not: a subject recurs in many, so it is too small"
BOOTSTRAP = (
    f"node bootstrap: subjects drawn with replacement {RESAMPLES} times, a pair counts as often as its moving times "
    "its fixed subject was drawn; t distribution with n_subjects - 1 degrees of freedom"
)

_COMMON: dict[str, Entry] = {
    "variant": scores.COLUMNS["variant"],
    "method": scores.COLUMNS["method"],
    "labelling": scores.COLUMNS["labelling"],
    "evaluation": scores.COLUMNS["evaluation"],
    "split": {
        "Description": "Class of pairs: as in pairs.tsv; 'all' is every pair, 'different subjects' all but rescans, "
        "'A and B' both directions between sequences A and B"
    },
    "n": {"Description": "Pairs that the numbers of this row are over"},
    "n_subjects": {
        "Description": "Subjects that intervals and p-values rest on: those of the side, moving or fixed, with fewer"
    },
    "n_failed": {"Description": "Pairs without a score"},
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
        "Description": f"{word} end of the 95 % interval of the mean; {BOOTSTRAP}; "
        f"n/a below {FEWEST_SUBJECTS} subjects",
        "Units": DICE,
        "Reference": HESTERBERG,
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
            "Description": f"{word} end of the 95 % interval of mean_difference; {BOOTSTRAP}",
            "Units": SIGNED,
            "Reference": HESTERBERG,
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
    "se": {"Description": f"Standard error of mean_difference; {BOOTSTRAP}", "Units": "1", "Reference": HESTERBERG},
    **{name: {**entry, "Units": SIGNED} for name, entry in _SIZES.items()},
    **{
        f"{size}_{end}": {
            "Description": f"{word} end of the 95 % interval of {size}; {BOOTSTRAP}",
            "Units": SIGNED,
            "Reference": HESTERBERG,
        }
        for size in _SIZES
        for end, word in _ENDS
    },
    "t": {"Description": f"Paired t statistic; goes with p_t, not with p; {INDEPENDENT.replace('small', 'large')}"},
    "p": {"Description": f"Two-sided p-value of mean_difference, mean_difference / se; {BOOTSTRAP}"},
    "p_holm": {
        "Description": "p after Holm's correction over all comparisons of this table; classes of the same pairs are "
        "one",
        "Reference": HOLM,
    },
    "equivalence_margin": {"Description": "Largest difference in mean Dice that is called equivalent", "Units": "1"},
    "p_equivalence": {
        "Description": "P-value of two one-sided tests (TOST): small where the difference surely lies within "
        f"± {EQUIVALENCE_MARGIN:g}; {BOOTSTRAP}",
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
        f"worst_case_ci_{end}": {"Description": f"{word} end of its 95 % interval; {BOOTSTRAP}", "Units": SIGNED}
        for end, word in _ENDS
    },
    "worst_case_d_z": {"Description": "d_z in the worst case", "Units": SIGNED, "Reference": LAKENS},
    "worst_case_p": {"Description": "p in the worst case, not corrected"},
    "resampled": {"Description": "What the bootstrap draws: subjects; or moving and fixed ones apart, if disjoint"},
    "refused": {"Description": "Why there is no interval; n/a where there is one"},
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
}

SUMMARY = {c: {**_COMMON, **_SUMMARY}[c] for c in SUMMARY_COLUMNS}
STRUCTURES = {c: {**_COMMON, **_STRUCTURES}[c] for c in STRUCTURE_COLUMNS}
FAILURES = {c: {**_COMMON, **_FAILURES}[c] for c in FAILURE_COLUMNS}
COMPARISONS = {c: {**_COMMON, **_COMPARISONS}[c] for c in COMPARISON_COLUMNS}
STRUCTURE_DIFFERENCES = {
    c: {**_COMMON, **_DIFFERENCE, **_STRUCTURE_DIFFERENCES}[c] for c in STRUCTURE_DIFFERENCE_COLUMNS
}
