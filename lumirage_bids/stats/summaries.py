"""How well each method did: a row per arm, labelling and class of pairs; and per structure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from lumirage_bids.stats.classes import arms_of, pair_classes, scored_dice
from lumirage_bids.stats.pairing import StructureScores, structure_scores
from lumirage_bids.stats.resampling import RESAMPLES, intervals, resampling

#: Share of the pairs with the lowest Dice that the trimmed statistics leave out, percent.
TRIMMED_PERCENT = 5

#: Share of folded voxels above which a registration counts as failed, percent: a convention, as `scores` defines it.
FOLDING_LIMIT_PERCENT = 1.0

SUMMARY_COLUMNS = [
    *("variant", "method", "labelling", "evaluation", "split", "n_pairs", "n_failed"),
    *("mean", "median", "std", "q25", "q75", "robustness_30", "dice_initial_mean"),
    *("mean_trimmed", "median_trimmed", "std_trimmed", "mean_worst_case"),
    *("n_below_initial", "n_folding", "failure_percent"),
    *("runtime_s_median", "memory_gb_max", "folding_percent_mean"),
]
FAILURE_COLUMNS = ["variant", "method", "labelling", "split", "reason", "n", "percent"]
STRUCTURE_COLUMNS = [
    *("variant", "method", "labelling", "index", "name", "volume_mm3", "n"),
    *("mean", "median", "std", "q25", "q75", "ci_low", "ci_high", "n_subjects"),
]
_ARM = ["variant", "method"]
_MEASURES = ("dice_initial", "folding_percent", "runtime_s", "memory_gb")


def summarise(pairs: pd.DataFrame) -> pd.DataFrame:
    """Sum up the mean Dice of the pairs.

    Parameters
    ----------
    pairs : DataFrame
        A row per variant × method × labelling × pair, with columns variant, method, labelling, evaluation, split,
        status, dice_mean, dice_initial, folding_percent, runtime_s and memory_gb.

    Returns
    -------
    DataFrame
        A row per labelling × class of pairs (see `lumirage_bids.stats.classes.pair_classes`) × arm.
        ``n_pairs`` counts all pairs, ``n_failed`` those among them without a score, so the statistics of Dice are over
        ``n_pairs - n_failed`` pairs. ``std`` is that of a sample (n - 1); quartiles interpolate linearly.

    Notes
    -----
    The columns ``…_trimmed`` leave out the lowest ``TRIMMED_PERCENT`` percent of the scored pairs (rounded down),
    for each method on its own, as published. That selects on the outcome: it hides failures that went through
    without an error, and methods are then no longer summed up over the same pairs. Read them beside the untrimmed
    columns, never instead.
    """
    numbers = {name: pd.to_numeric(pairs[name]) for name in _MEASURES}  # a column without any number reads as text
    rows = pairs.assign(**numbers, dice=scored_dice(pairs))
    tables = []
    for labelling, of_labelling in rows.groupby("labelling", sort=False):
        for name, splits in pair_classes(of_labelling["split"]).items():
            table = _sum_up(of_labelling[of_labelling["split"].isin(splits)])
            tables.append(table.assign(labelling=labelling, split=name))
    if not tables:
        return pd.DataFrame(columns=SUMMARY_COLUMNS)
    return pd.concat(tables, ignore_index=True)[SUMMARY_COLUMNS]


def _sum_up(rows: pd.DataFrame) -> pd.DataFrame:
    """Make a row per arm, in the order of the arms."""
    rows = rows.assign(
        below=rows["dice"] < rows["dice_initial"],
        folding=rows["dice"].notna() & (rows["folding_percent"] > FOLDING_LIMIT_PERCENT),
        worst=rows["dice"].mask(rows["status"] != "ok", 0.0),
    )
    rows["bad"] = rows["dice"].isna() | rows["below"] | rows["folding"]
    by_arm = rows.groupby(_ARM, sort=False)
    dice = by_arm["dice"]
    kept = rows.loc[_kept(rows)].groupby(_ARM, sort=False)["dice"]
    columns = {
        "evaluation": by_arm["evaluation"].first(),
        "n_pairs": by_arm.size(),
        "n_failed": by_arm.size() - dice.count(),
        **{"mean": dice.mean(), "median": dice.median(), "std": dice.std()},
        **{"q25": dice.quantile(0.25), "q75": dice.quantile(0.75)},
        "robustness_30": dice.quantile(0.3),
        "dice_initial_mean": by_arm["dice_initial"].mean(),
        **{"mean_trimmed": kept.mean(), "median_trimmed": kept.median(), "std_trimmed": kept.std()},
        "mean_worst_case": by_arm["worst"].mean(),
        **{"n_below_initial": by_arm["below"].sum(), "n_folding": by_arm["folding"].sum()},
        "failure_percent": 100 * by_arm["bad"].mean(),
        "runtime_s_median": by_arm["runtime_s"].median(),
        "memory_gb_max": by_arm["memory_gb"].max(),
        "folding_percent_mean": by_arm["folding_percent"].mean(),
    }
    # An index of tuples, not the groups': an arm without any score is missing from `kept` and must stay a row.
    return pd.DataFrame(columns).reindex(pd.MultiIndex.from_tuples(arms_of(rows), names=_ARM)).reset_index()


def _kept(rows: pd.DataFrame) -> pd.Series[bool]:
    """Which rows the trimmed statistics keep; of equal scores the first go."""
    scored = rows.dropna(subset="dice").groupby(_ARM, sort=False)["dice"]
    dropped = scored.transform("size") * TRIMMED_PERCENT // 100
    return (scored.rank(method="first") > dropped).reindex(rows.index, fill_value=False)


def failures(pairs: pd.DataFrame) -> pd.DataFrame:
    """Count the failed pairs by reason.

    Parameters
    ----------
    pairs : DataFrame
        As for `summarise`, with column reason.

    Returns
    -------
    DataFrame
        A row per labelling × class of pairs × arm × reason that occurs, the most frequent first; ``percent`` is the
        share in all pairs of that arm and class.
    """
    rows = pairs.assign(reason=pairs["reason"].fillna("no reason given"))
    tables = []
    for labelling, of_labelling in rows.groupby("labelling", sort=False):
        for name, splits in pair_classes(of_labelling["split"]).items():
            inside = of_labelling[of_labelling["split"].isin(splits)]
            counts = inside[inside["status"] != "ok"].groupby([*_ARM, "reason"], sort=False).size().rename("n")
            table = counts.reset_index().sort_values("n", ascending=False, kind="stable")
            pairs_of_arm = inside.groupby(_ARM).size().rename("size").reset_index()
            share = 100 * table["n"] / table.merge(pairs_of_arm, how="left", on=_ARM)["size"].to_numpy()
            tables.append(table.assign(labelling=labelling, split=name, percent=share))
    if not tables:
        return pd.DataFrame(columns=FAILURE_COLUMNS)
    return pd.concat(tables, ignore_index=True)[FAILURE_COLUMNS]


def per_structure(
    structures: Mapping[str, pd.DataFrame],
    luts: Mapping[str, Mapping[int, str]],
    volumes: Mapping[str, Mapping[int, float]] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Sum up the Dice of every structure over all pairs it was scored in.

    Parameters
    ----------
    structures : mapping of str to DataFrame
        Labelling → a row per variant × method × pair: the columns variant, method, moving, fixed, split and
        status, and a column ``dice_<index>`` per structure (NaN where a native map lacks it).
    luts : mapping of str to mapping of int to str
        Labelling → index → name of the structure. A structure without a name is called by its index.
    volumes : mapping of str to mapping of int to float, optional
        Labelling → index → mean volume of the structure, mm³; NaN in the table where it is not known.
    resamples, seed : int
        Of the node bootstrap.

    Returns
    -------
    DataFrame
        A row per labelling × structure × arm, rescans included; ``n`` is the number of pairs that were scored, and
        the ends of the 95 % interval of the mean come from the node bootstrap over ``n_subjects`` subjects.
    """
    tables = []
    for labelling, wide in structures.items():
        table = _of_labelling(structure_scores(wide), resamples, seed)
        known = (volumes or {}).get(labelling, {})
        table["volume_mm3"] = [known.get(index, np.nan) for index in table["index"]]
        tables.append(table.assign(labelling=labelling, name=names_of(table["index"], luts.get(labelling, {}))))
    if not tables:
        return pd.DataFrame(columns=STRUCTURE_COLUMNS)
    return pd.concat(tables, ignore_index=True)[STRUCTURE_COLUMNS]


def names_of(indices: Iterable[int], lut: Mapping[int, str]) -> list[str]:
    """Names of structures; one without a name is called by its index."""
    return [lut.get(int(index), str(index)) for index in indices]


def _of_labelling(scores: StructureScores, resamples: int, seed: int) -> pd.DataFrame:
    """Sum up the structures, a row per structure and arm."""
    pairs, arms = scores.pairs, len(scores.pairs.arms)
    drawn = resampling(pairs.moving, pairs.fixed, resamples=resamples, seed=seed)
    cells = scores.dice.reshape(len(scores.dice), -1)  # a column a structure and arm
    subjects = np.array([drawn.subjects(np.isfinite(cell)) for cell in cells.T], dtype=np.int64)
    low, high = intervals(drawn.means(lambda part: cells[part]), subjects)
    values = pd.DataFrame(cells)
    return pd.DataFrame(
        {
            "variant": [arm.variant for arm in pairs.arms] * len(scores.index),
            "method": [arm.method for arm in pairs.arms] * len(scores.index),
            "index": np.repeat(scores.index, arms),
            **{"n": values.count(), "mean": values.mean(), "median": values.median(), "std": values.std()},
            **{"q25": values.quantile(0.25), "q75": values.quantile(0.75)},
            **{"ci_low": low, "ci_high": high, "n_subjects": subjects},
        }
    )
