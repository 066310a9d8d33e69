"""The columns of what is told of several experiments: data dictionaries of the tables beside the page."""

from __future__ import annotations

from typing import Any

from lumirage_bids.stats.random_effects import FEWEST_DEGREES, FEWEST_EXPERIMENTS, FEWEST_TO_PREDICT

RESULTS = "results.json"
#: What `RESULTS` says of itself: by it a folder is known to be one of ours.
MADE_BY = "lumirage collect"
FORMAT = 1
SIGNED = "1, positive where b is better"
KINDS = {
    "certain": "a difference, beyond margin and threshold or surely beyond the margin, also at worst for the one ahead",
    "doubted": "as certain, but not with the pairs at worst that the one ahead lacks, or by one subject alone",
    "small": "surely a difference, but not shown to matter by margin and threshold",
    "equivalent": "surely within the margin",
    "identical": "the same in every pair",
    "open": "neither a difference nor equivalence is shown",
    "turned": "surely a difference, but with failed pairs scored at worst the order is the other way round",
    "unknown": "there is no interval",
}
"""What may be said of two arms → what that means; see `lumirage_bids.report.verdict.relations.Kind`."""
COUPLES: dict[str, dict[str, Any]] = {
    "experiment": {"Description": "Its number on the page (experiments.tsv)"},
    "dataset": {"Description": "Its dataset; experiments on one are not independent"},
    "group": {"Description": "Label set and evaluation; those of one group may be summed up"},
    "labelling": {"Description": "As in the experiment's own tables"},
    "evaluation": {"Description": "As in the experiment's own tables"},
    "split": {"Description": "Class of pairs: different subjects, or all where there are no rescans"},
    **{
        f"{what}_{x}": {
            "Description": f"{what} of arm {x}" + (", with a letter where arms of one name differ" * (what == "method"))
        }
        for x in "ab"
        for what in ("variant", "method")
    },
    "n": {"Description": "Pairs that the numbers are over"},
    "n_subjects": {
        "Description": "Subjects that take part; where none is both moving and fixed, on the side that has fewer"
    },
    "mean_difference": {"Description": "Mean of b - a", "Units": SIGNED},
    "se": {"Description": "Its standard error, over subjects", "Units": "1"},
    "df": {"Description": "Degrees of freedom of se"},
    "ci_low": {"Description": "Lower end of its interval", "Units": SIGNED},
    "ci_high": {"Description": "Upper end of its interval", "Units": SIGNED},
    "d_z": {
        "Description": "Mean difference over the standard deviation of the differences",
        "Units": SIGNED,
    },
    "p": {"Description": "Two-sided p-value of mean_difference, over subjects"},
    "p_holm": {"Description": "p after Holm's correction over all experiments of this page"},
    "p_equivalence_holm": {"Description": "The same of the p-value of the difference lying within the margin"},
    "finding": {
        "Description": "What may be said of the two by the corrected tests, failures and margins",
        "Levels": KINDS,
    },
    "ahead": {"Description": "Which of the two is ahead, a or b, where finding is certain or doubted; else n/a"},
    "counted": {"Description": "Whether it is summed up with others of its group"},
    "why_not": {"Description": "Why it is not; n/a where it is"},
}
"""Data dictionary of ``comparisons.tsv``."""

ARMS_OF_PAGE: dict[str, dict[str, str]] = {
    **{key: COUPLES[key] for key in ("experiment", "dataset", "group", "labelling", "evaluation", "split")},
    "variant": {"Description": "Variant of the arm"},
    "method": {"Description": "Method of the arm, with a letter where arms of one name differ"},
    "n_pairs": {"Description": "Pairs that were run"},
    "n_failed": {"Description": "Pairs without a score"},
    "set_aside": {"Description": "Whether it lacks too many pairs to be ranked"},
    "n_common": {"Description": "Pairs that all ranked arms scored; of one set aside, those of them that it scored"},
    "mean": {"Description": "Mean Dice over the n_common pairs", "Units": "1, higher is better"},
    "gain": {
        "Description": "Mean difference from identity of the same variant, over pairs that both scored",
        "Units": "1, higher is better",
    },
    "gain_low": {"Description": "Lower end of its interval", "Units": "1, higher is better"},
    "gain_high": {"Description": "Upper end of its interval", "Units": "1, higher is better"},
}
"""Data dictionary of ``methods.tsv``."""

_HKSJ = "https://doi.org/10.1186/s12874-015-0091-1"
_Q_PROFILE = "https://doi.org/10.1002/sim.2514"
_FEW = f"n/a below {FEWEST_EXPERIMENTS} datasets"
TOGETHER: dict[str, dict[str, Any]] = {
    **{key: COUPLES[key] for key in ("group", "variant_a", "method_a", "variant_b", "method_b")},
    "n_experiments": {"Description": "Experiments that compared the two"},
    "n_datasets": {"Description": "Datasets that the numbers are over; experiments on one count as one"},
    "n_aside": {
        "Description": "Experiments that do not count: an arm is set aside, or their standard error is unknown or "
        f"rests on fewer than {FEWEST_DEGREES} degrees of freedom"
    },
    "lowest": {"Description": "Smallest difference b - a of any experiment", "Units": SIGNED},
    "highest": {"Description": "Largest difference b - a of any experiment", "Units": SIGNED},
    "mean_difference": {"Description": f"Mean over datasets of b - a; {_FEW}", "Units": SIGNED},
    "se": {"Description": "Its standard error (Hartung, Knapp, Sidik, Jonkman, modified)", "Reference": _HKSJ},
    "df": {"Description": "Degrees of freedom of se: datasets less one"},
    "ci_low": {"Description": "Lower end of its interval", "Units": SIGNED, "Reference": _HKSJ},
    "ci_high": {"Description": "Upper end of its interval", "Units": SIGNED, "Reference": _HKSJ},
    "p": {"Description": "Two-sided p-value of mean_difference"},
    "p_holm": {"Description": "p after Holm's correction over all tests of this page"},
    "equivalence_margin": {"Description": "Largest difference in mean Dice that is called equivalent", "Units": "1"},
    "p_equivalence": {"Description": "P-value of the mean lying within the margin, by two one-sided tests"},
    "p_equivalence_holm": {"Description": "The same after Holm's correction over all tests of this page"},
    "tau": {
        "Description": "Standard deviation of the true differences over datasets (Paule and Mandel)",
        "Units": "1",
        "Reference": "https://doi.org/10.6028/jres.087.022",
    },
    "tau_low": {"Description": "Lower end of its interval (Q-profile)", "Units": "1", "Reference": _Q_PROFILE},
    "tau_high": {"Description": "Upper end of its interval (Q-profile)", "Units": "1", "Reference": _Q_PROFILE},
    "i2": {
        "Description": "I²: share of the variance between the differences that is not chance of single experiments",
        "Units": "percent",
        "Reference": "https://doi.org/10.1002/sim.1186",
    },
    "i2_low": {"Description": "Lower end of its interval", "Units": "percent"},
    "i2_high": {"Description": "Upper end of its interval", "Units": "percent"},
    "p_same": {"Description": "P-value of all datasets having one true difference (Cochran's Q); not corrected"},
    **{
        f"further_{end}": {
            "Description": f"{word} end of the interval for the true difference in a further dataset; n/a below "
            f"{FEWEST_TO_PREDICT} datasets",
            "Units": SIGNED,
            "Reference": "https://doi.org/10.1002/sim.7140",
        }
        for end, word in (("low", "Lower"), ("high", "Upper"))
    },
}
"""Data dictionary of ``together.tsv``."""

EXPERIMENTS: dict[str, dict[str, Any]] = {
    "experiment": {"Description": "Number on the page"},
    "dataset": {"Description": "Its name"},
    "protocol": {"Description": "Its name"},
    "labelling": {"Description": "Label set"},
    "evaluation": {"Description": "Grid that labels were compared on"},
    "group": COUPLES["group"],
    "withheld": {"Description": "Why there is no verdict; n/a where there is one"},
    "n_pairs": {"Description": "Ordered pairs of the labelling"},
    "n_scans": {"Description": "Scans that take part"},
    "n_subjects": {"Description": "Subjects that take part"},
    "n_failed": {"Description": "Rows without a score, of all arms"},
    "structures": {"Description": "Structures that were scored"},
    "findings": {"Description": "Critical and serious findings of its audit"},
    "frozen": {"Description": "Digest of its frozen plan; n/a where there is none"},
    "followed": {"Description": "Whether all rows follow it"},
    "program": {"Description": "Version of LUMirage that made its tables"},
    "sloppy": {"Description": "Whether made with --sloppy: not for publication"},
}
"""Data dictionary of ``experiments.tsv``."""
