"""Data dictionaries of the group tables: what every column is, in which unit, and which direction is better."""

from __future__ import annotations

from lumirage_bids import scores
from lumirage_bids.stats.comparisons import COMPARISON_COLUMNS
from lumirage_bids.stats.summaries import STRUCTURE_COLUMNS, SUMMARY_COLUMNS

Entry = dict[str, str]
LAKENS = "https://doi.org/10.3389/fpsyg.2013.00863"
DICE = "1, higher is better"

_COMMON: dict[str, Entry] = {
    "variant": scores.COLUMNS["variant"],
    "method": scores.COLUMNS["method"],
    "labelling": scores.COLUMNS["labelling"],
    "split": {
        "Description": "Class of pairs: as in pairs.tsv; 'all' is every pair, 'different subjects' all but rescans, "
        "'A and B' both directions between sequences A and B"
    },
    "n": {"Description": "Pairs that the numbers of this row are over"},
    "n_failed": {"Description": "Pairs without a score"},
    "std": {"Description": "Standard deviation of a sample", "Units": "1"},
}
_SUMMARY: dict[str, Entry] = {
    "n_pairs": {"Description": "All pairs, failed ones included"},
    "mean": {"Description": "Mean over pairs of dice_mean", "Units": DICE},
    "median": {"Description": "Median over pairs of dice_mean", "Units": DICE},
    "q25": {"Description": "First quartile", "Units": DICE},
    "q75": {"Description": "Third quartile", "Units": DICE},
    "dice_initial_mean": {"Description": "Mean over pairs of dice_initial", "Units": DICE},
    **{
        f"{name}_trimmed": {
            "Description": f"{name} without the 5 % of pairs with the lowest Dice of this method, as published; "
            "trimming selects on the outcome and breaks the pairing, so read it beside the untrimmed value"
        }
        for name in ("mean", "median", "std")
    },
    "runtime_s_median": {"Description": "Median wall time of a registration", "Units": "s"},
    "memory_gb_max": {"Description": "Highest peak memory of a registration", "Units": "GB (10^9 bytes)"},
    "folding_percent_mean": {"Description": "Mean of folding_percent", "Units": "percent, lower is better"},
}
_STRUCTURES: dict[str, Entry] = {
    "index": {"Description": "Label of the structure in the label maps"},
    "name": {"Description": "Name of the structure"},
    "mean": {"Description": "Mean over pairs of the structure's Dice", "Units": DICE},
    "median": {"Description": "Median over pairs of the structure's Dice", "Units": DICE},
}
_COMPARISONS: dict[str, Entry] = {
    **{f"{what}_{side}": {"Description": f"{what} of arm {side}"} for what in ("variant", "method") for side in "ab"},
    "n_failed": {"Description": "Pairs without a score in one of the two arms"},
    **{f"mean_{side}": {"Description": f"Mean Dice of arm {side} over the n pairs", "Units": DICE} for side in "ab"},
    "mean_difference": {"Description": "mean_b - mean_a; positive where b is better", "Units": "1"},
    **{
        name: {
            "Description": f"{word} end of the 95 % interval of the difference by the paired t distribution; pairs "
            "share subjects, so it is too narrow",
            "Units": "1",
        }
        for name, word in (("ci_low", "Lower"), ("ci_high", "Upper"))
    },
    "d_z": {"Description": "Mean difference over the standard deviation of the differences", "Reference": LAKENS},
    "d_av": {"Description": "Mean difference over the mean of the two standard deviations", "Reference": LAKENS},
    "d_pooled": {"Description": "Mean difference over the pooled standard deviation (Cohen's d)", "Reference": LAKENS},
    "hedges_g": {"Description": "d_av corrected for small samples (g_av)", "Reference": LAKENS},
    "t": {"Description": "Paired t statistic"},
    "p": {"Description": "Two-sided p-value of the paired t-test; pairs share subjects, so it is too small"},
    "p_holm": {
        "Description": "p after Holm's correction over all comparisons of this table",
        "Reference": "https://www.jstor.org/stable/4615733",
    },
}

SUMMARY = {c: {**_COMMON, **_SUMMARY}[c] for c in SUMMARY_COLUMNS}
STRUCTURES = {c: {**_COMMON, **_SUMMARY, **_STRUCTURES}[c] for c in STRUCTURE_COLUMNS}
COMPARISONS = {c: {**_COMMON, **_COMPARISONS}[c] for c in COMPARISON_COLUMNS}
