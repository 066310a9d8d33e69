"""How well each method did: a row per arm, labelling and class of pairs; and per structure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lumirage_bids.scores import structure_index
from lumirage_bids.stats.classes import arms_of, pair_classes, scored_dice

#: Share of the pairs with the lowest Dice that the trimmed statistics leave out, percent.
TRIMMED_PERCENT = 5

SUMMARY_COLUMNS = [
    *("variant", "method", "labelling", "split", "n_pairs", "n_failed"),
    *("mean", "median", "std", "q25", "q75", "dice_initial_mean"),
    *("mean_trimmed", "median_trimmed", "std_trimmed"),
    *("runtime_s_median", "memory_gb_max", "folding_percent_mean"),
]
STRUCTURE_COLUMNS = [
    *("variant", "method", "labelling", "index", "name", "n"),
    *("mean", "median", "std", "q25", "q75"),
]
_ARM = ["variant", "method"]


def summarise(pairs: pd.DataFrame) -> pd.DataFrame:
    """Sum up the mean Dice of the pairs.

    Parameters
    ----------
    pairs : DataFrame
        A row per variant × method × labelling × pair, with columns variant, method, labelling, split, status,
        dice_mean, dice_initial, folding_percent, runtime_s and memory_gb.

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
    rows = pairs.assign(dice=scored_dice(pairs))
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
    by_arm = rows.groupby(_ARM, sort=False)
    dice = by_arm["dice"]
    kept = rows.loc[_kept(rows)].groupby(_ARM, sort=False)["dice"]
    columns = {
        "n_pairs": by_arm.size(),
        "n_failed": by_arm.size() - dice.count(),
        **{"mean": dice.mean(), "median": dice.median(), "std": dice.std()},
        **{"q25": dice.quantile(0.25), "q75": dice.quantile(0.75)},
        "dice_initial_mean": by_arm["dice_initial"].mean(),
        **{"mean_trimmed": kept.mean(), "median_trimmed": kept.median(), "std_trimmed": kept.std()},
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


def per_structure(structures: Mapping[str, pd.DataFrame], luts: Mapping[str, Mapping[int, str]]) -> pd.DataFrame:
    """Sum up the Dice of every structure over all pairs it was scored in.

    Parameters
    ----------
    structures : mapping of str to DataFrame
        Labelling → a row per variant × method × pair: the columns variant, method, moving, fixed, split and
        status, and a column ``dice_<index>`` per structure (NaN where a native map lacks it).
    luts : mapping of str to mapping of int to str
        Labelling → index → name of the structure. A structure without a name is called by its index.

    Returns
    -------
    DataFrame
        A row per labelling × structure × arm, rescans included; ``n`` is the number of pairs that were scored.
    """
    tables = []
    for labelling, wide in structures.items():
        found = {column: i for column in wide.columns if (i := structure_index(column)) is not None}
        ok = wide[wide["status"] == "ok"]
        names = luts.get(labelling, {})
        for arm in arms_of(wide):
            values = ok.loc[(ok["variant"] == arm.variant) & (ok["method"] == arm.method), list(found)].astype(
                "float64"
            )
            index = np.array(list(found.values()), dtype=np.int64)
            columns = {
                **{"variant": arm.variant, "method": arm.method, "labelling": labelling, "index": index},
                "name": [names.get(int(i), str(i)) for i in index],
                **{"n": values.count(), "mean": values.mean(), "median": values.median(), "std": values.std()},
                **{"q25": values.quantile(0.25), "q75": values.quantile(0.75)},
            }
            tables.append(pd.DataFrame(columns))
    if not tables:
        return pd.DataFrame(columns=STRUCTURE_COLUMNS)
    table = pd.concat(tables, ignore_index=True)[STRUCTURE_COLUMNS]
    # A stable sort keeps the arms' order within a structure; labellings stay in the order given.
    rank = table["labelling"].map({labelling: i for i, labelling in enumerate(structures)})
    return table.assign(rank=rank).sort_values(["rank", "index"], kind="stable", ignore_index=True)[STRUCTURE_COLUMNS]
