"""Entries that the dictionaries of several statistics share, and the words of these."""

from __future__ import annotations

from lumirage_bids.output import score_table
from lumirage_bids.stats.common import MAY_LACK_PERCENT

Entry = dict[str, str]
LAKENS = "https://doi.org/10.3389/fpsyg.2013.00863"
SATTERTHWAITE = "https://doi.org/10.2307/3002019"
ARONOW = "https://doi.org/10.1093/pan/mpv018"
HOLM = "https://www.jstor.org/stable/4615733"
LEARN2REG = "https://doi.org/10.1109/TMI.2022.3213983"
DICE = "1, higher is better"
SIGNED = "1, positive where b is better"
SUBJECTS = (
    "subjects are what is drawn from a population, in groups by sequence, each recurring in its pairs; t distribution "
    "with df degrees of freedom, corrected for skewness (docs/concepts/statistics.md)"
)
COMMON: dict[str, Entry] = {
    "variant": score_table.COLUMNS["variant"],
    "method": score_table.COLUMNS["method"],
    "labelling": score_table.COLUMNS["labelling"],
    "evaluation": score_table.COLUMNS["evaluation"],
    "split": {
        "Description": "Class of pairs: as in pairs.tsv; 'all' is every pair, 'different subjects' all but rescans, "
        "'A and B' both directions between sequences A and B"
    },
    "n": {"Description": "Pairs that the numbers of this row are over"},
    "n_subjects": {
        "Description": "Subjects that take part; where none is both moving and fixed, on the side that has fewer; "
        "couples, where no subject is paired with two others"
    },
    "n_failed": {"Description": "Pairs without a score"},
    "n_unfinished": {"Description": "Pairs that some arm has and this one has not run yet"},
    "lacking_percent": {
        "Description": "Share of the pairs of any arm of this labelling and evaluation that this one has no score of, "
        "failed or not run",
        "Units": "percent, lower is better",
    },
    "set_aside": {
        "Description": f"Whether the arm lacks more than {MAY_LACK_PERCENT} % of the pairs that any competitor scored, "
        "and so is not ranked with the others; where all do, those that lack the same pairs are ranked with each "
        "other; never for identity, which is no competitor"
    },
    "n_common": {
        "Description": "Pairs in common: those that all arms scored that are not set aside, identity apart; without "
        "those of groups of too few subjects, that comparisons leave out. For identity and arms set aside, those of "
        "them that they scored"
    },
    "std": {"Description": "Standard deviation of a sample", "Units": "1"},
    "q25": {"Description": "First quartile", "Units": DICE},
    "q75": {"Description": "Third quartile", "Units": DICE},
}
MEASURE: dict[str, Entry] = {
    "measure": {"Description": "Column of pairs.tsv; pairs.json says what it is"},
    "unit": {"Description": "Its unit"},
    "better": {"Description": "Which of its values are better, higher or lower"},
}
ENDS = (("low", "Lower"), ("high", "Upper"))
ARMS: dict[str, Entry] = {
    f"{what}_{side}": {"Description": f"{what} of arm {side}"} for what in ("variant", "method") for side in "ab"
}
DIFFERENCE: dict[str, Entry] = {
    "mean_difference": {"Description": "mean_b - mean_a over the n pairs", "Units": SIGNED},
    **{
        f"ci_{end}": {
            "Description": f"{word} end of the interval of mean_difference, of Dice within -1 and 1; {SUBJECTS}",
            "Units": SIGNED,
            "Reference": ARONOW,
        }
        for end, word in ENDS
    },
}
SIZES: dict[str, Entry] = {
    "d_z": {"Description": "Mean difference over the standard deviation of the differences", "Reference": LAKENS},
    "d_av": {"Description": "Mean difference over the mean of the two standard deviations", "Reference": LAKENS},
    "d_pooled": {"Description": "Mean difference over the pooled standard deviation (Cohen's d)", "Reference": LAKENS},
    "hedges_g": {"Description": "d_av corrected for small samples (g_av)", "Reference": LAKENS},
}
