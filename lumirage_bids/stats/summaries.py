"""How well each method did: a row per arm, labelling and class of pairs; and per structure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.measures import columns
from lumirage_bids.measures.dice import Dice
from lumirage_bids.stats.classes import (
    FLOOR,
    arms_of,
    each_labelling,
    evaluations_of,
    pair_classes,
    scores_of,
    select,
    splits_of,
)
from lumirage_bids.stats.common import FLOORS, MAY_LACK_PERCENT, common_pairs
from lumirage_bids.stats.pairing import SideBySide, StructureScores, keys_of, side_by_side, structure_scores
from lumirage_bids.stats.reasons import count_kinds
from lumirage_bids.stats.score import DICE, DICE_LIES, Score
from lumirage_bids.stats.student import Floats

#: Share of the pairs with the lowest Dice that the trimmed statistics leave out, percent.
TRIMMED_PERCENT = 5

#: Share of folded voxels (column `folding_percent`) above which a registration counts as failed, percent: a convention.
FOLDING_LIMIT_PERCENT = 1.0

#: Columns of the summary that sum up one of the measures → that measure's column, and how.
SUMMED = {f"{name}_{column.summed}": (name, column.summed) for name, column in columns().items() if column.summed}

_SHARED = [
    *("n_unfinished", "lacking_percent", "set_aside", "n_below_identity"),
    *("n_common", "n_subjects_common", "mean_common", "median_common"),
]
SUMMARY_COLUMNS = [
    *("variant", "method", "labelling", "evaluation", "split", "n_pairs", "n_failed"),
    *("mean", "median", "std", "q25", "q75", "robustness_30", "dice_initial_mean"),
    *("mean_trimmed", "median_trimmed", "std_trimmed", "mean_worst_case"),
    *("n_below_initial", "n_folding", "failure_percent"),
    *("runtime_s_median", "memory_gb_max", "folding_percent_mean"),
    *_SHARED,
]
SUMMARY_COLUMNS += [name for name in SUMMED if name not in SUMMARY_COLUMNS]
FAILURE_COLUMNS = ["variant", "method", "labelling", "split", "kind", "reason", "n_reasons", "n", "percent"]
STRUCTURE_COLUMNS = [
    *("variant", "method", "labelling", "index", "name", "volume_mm3", "n"),
    *("mean", "median", "std", "q25", "q75", "ci_low", "ci_high", "n_subjects"),
]
_ARM = ["variant", "method"]
_OF_CELL = ("n", "mean", "median", "std", "q25", "q75", "ci_low", "ci_high", "n_subjects")
_MEASURES = tuple(name for name, _ in SUMMED.values())


def folds(*, above: int, scored: int, mean: float) -> bool:
    """Whether an arm folds too much of the brain: the audit and the verdict say so by this.

    Parameters
    ----------
    above : int
        Scored pairs of which more than `FOLDING_LIMIT_PERCENT` is folded.
    scored : int
    mean : float
        Mean share of the brain that is folded, percent; NaN where it is not known.

    Examples
    --------
    >>> folds(above=5, scored=100, mean=0.2), folds(above=6, scored=100, mean=0.2), folds(above=1, scored=100, mean=1.1)
    (False, True, True)
    """
    return 100 * above > MAY_LACK_PERCENT * scored or mean > FOLDING_LIMIT_PERCENT


def summarise(pairs: pd.DataFrame, *, score: Score = DICE, unranked: Collection[str] = FLOORS) -> pd.DataFrame:
    """Sum up the scores of the pairs.

    Parameters
    ----------
    pairs : DataFrame
        A row per variant × method × labelling × pair, with columns variant, method, labelling, evaluation, split,
        status, moving, fixed and that of the score; those of other measures where they are there. A status other than
        ok and failed is that of a pair not run yet.
    score : Score
        What is summed up.
    unranked : collection of str
        Methods that are no competitors, and do not narrow the pairs in common.

    Returns
    -------
    DataFrame
        A row per labelling × class of pairs (see `lumirage_bids.stats.classes.pair_classes`) × arm.
        ``n_pairs`` counts all pairs that were run, ``n_failed`` those among them without a score, so the statistics are
        over ``n_pairs - n_failed`` pairs; ``n_unfinished`` are pairs that some arm of the evaluation has and this one
        has not run. ``std`` is that of a sample (n - 1); quartiles interpolate linearly.

    Notes
    -----
    The columns ``…_trimmed`` leave out the ``TRIMMED_PERCENT`` percent of the scored pairs with the worst scores
    (rounded down), for each method on its own, as published. That selects on the outcome: it hides failures that went
    through without an error, and methods are then no longer summed up over the same pairs. Read them beside the
    untrimmed columns, never instead.
    """
    known = {name: pd.to_numeric(pairs[name]) if name in pairs else np.nan for name in _MEASURES}
    known["dice_initial"] = known["dice_initial"] if score == DICE else np.nan  # another quantity
    # Nothing else, as rows are copied for each class.
    needed = pairs[["labelling", "evaluation", score.column]]
    rows = keys_of(pairs).assign(**{**needed, **known, "score": scores_of(pairs, score)})
    tables = []
    for labelling, of_labelling in each_labelling(rows):
        side = {
            how: side_by_side(select(of_labelling, of_labelling["evaluation"] == how), score)
            for how in evaluations_of(of_labelling)
        }
        for name, splits in pair_classes(splits_of(of_labelling)).items():
            of_class = of_labelling["split"].isin(splits) & of_labelling["status"].isin(["ok", "failed"])
            inside = select(of_labelling, of_class)
            if inside.empty:
                continue
            common = pd.concat(
                [sum_up_common(table.keep(table.of(splits)), score, unranked) for table in side.values()]
            )
            table = _sum_up(inside, score).merge(common, how="left", on=_ARM)
            tables.append(table.assign(labelling=labelling, split=name))
    if not tables:
        return pd.DataFrame(columns=SUMMARY_COLUMNS)
    return pd.concat(tables, ignore_index=True)[SUMMARY_COLUMNS]


def sum_up_common(table: SideBySide, score: Score, unranked: Collection[str]) -> pd.DataFrame:
    """Tell what each arm lacks, how often it is worse than no deformation, and how it does on the pairs in common.

    Parameters
    ----------
    table : SideBySide
        Of one class of pairs.
    score, unranked
        As for `summarise`.
    """
    common = common_pairs(table, unranked)
    sides = (table.crossing.moving[common.ranked_on], table.crossing.fixed[common.ranked_on])
    subjects = len(np.unique(np.concatenate(sides)))
    floors = {arm.variant: place for place, arm in enumerate(table.arms) if arm.method == FLOOR}
    rows = []
    for place, arm in enumerate(table.arms):
        own = table.dice[:, place]
        mine = own[common.ranked_on & np.isfinite(own)]
        floor = table.dice[:, floors[arm.variant]] if arm.variant in floors else np.full(len(own), np.nan)
        rows.append(
            {
                **arm._asdict(),
                "n_unfinished": int((~table.ran[:, place]).sum()),
                "lacking_percent": common.lacking_percent[place],
                "set_aside": bool(common.set_aside[place]),
                "n_below_identity": int(((own - floor) * score.sign < -table.nothing).sum()),
                "n_common": len(mine),
                "n_subjects_common": subjects,
                "mean_common": mine.mean() if len(mine) else np.nan,
                "median_common": np.median(mine) if len(mine) else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=[*_ARM, *_SHARED])


def _sum_up(rows: pd.DataFrame, score: Score) -> pd.DataFrame:
    """Make a row per arm, in the order of the arms."""
    worst = np.nan if score.worst is None else score.worst
    rows = rows.assign(
        below=rows["score"] < rows["dice_initial"],
        folding=rows["score"].notna() & (rows["folding_percent"] > FOLDING_LIMIT_PERCENT),
        worst=rows["score"].mask(rows["status"] != "ok", worst),
    )
    rows["bad"] = rows["score"].isna() | rows["below"] | rows["folding"]
    by_arm = rows.groupby(_ARM, sort=False)
    values = by_arm["score"]
    kept = rows.loc[_find_kept(rows, score)].groupby(_ARM, sort=False)["score"]
    columns = {
        "evaluation": by_arm["evaluation"].first(),
        "n_pairs": by_arm.size(),
        "n_failed": by_arm.size() - values.count(),
        **{"mean": values.mean(), "median": values.median(), "std": values.std()},
        **{"q25": values.quantile(0.25), "q75": values.quantile(0.75)},
        "robustness_30": values.quantile(0.3 if score.better == "higher" else 0.7),
        **{"mean_trimmed": kept.mean(), "median_trimmed": kept.median(), "std_trimmed": kept.std()},
        "mean_worst_case": by_arm["worst"].mean(),
        **{"n_below_initial": by_arm["below"].sum(), "n_folding": by_arm["folding"].sum()},
        "failure_percent": 100 * by_arm["bad"].mean(),
        **{column: by_arm[name].agg(how) for column, (name, how) in SUMMED.items()},
    }
    # An index of tuples, not the groups': an arm without any score is missing from `kept` and must stay a row.
    return pd.DataFrame(columns).reindex(pd.MultiIndex.from_tuples(arms_of(rows), names=_ARM)).reset_index()


def _find_kept(rows: pd.DataFrame, score: Score) -> pd.Series[bool]:
    """Which rows the trimmed statistics keep; of equal scores the first go."""
    scored = rows.dropna(subset="score").groupby(_ARM, sort=False)["score"]
    dropped = scored.transform("size") * TRIMMED_PERCENT // 100
    order = scored.rank(method="first", ascending=score.better == "higher")
    return (order > dropped).reindex(rows.index, fill_value=False)


def failures(pairs: pd.DataFrame) -> pd.DataFrame:
    """Count the failed pairs by kind of failure.

    Parameters
    ----------
    pairs : DataFrame
        As for `summarise`, with columns kind and reason where they are known.

    Returns
    -------
    DataFrame
        A row per labelling × class of pairs × arm × kind that occurs, the most frequent first (see
        `lumirage_bids.stats.reasons.count_kinds`); ``percent`` is the share in all pairs of that arm and class.
    """
    tables = []
    for labelling, of_labelling in each_labelling(pairs):
        for name, splits in pair_classes(splits_of(of_labelling)).items():
            inside = select(of_labelling, of_labelling["split"].isin(splits))
            table = count_kinds(inside[inside["status"] != "ok"], _ARM)
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
    criteria: Criteria | None = None,
    prefix: str = Dice.structures,
    lies: tuple[float, float] = DICE_LIES,
) -> pd.DataFrame:
    """Sum up the Dice of every structure over the pairs of different subjects; over rescans where all pairs are.

    Parameters
    ----------
    structures : mapping of str to DataFrame
        Labelling → a row per variant × method × pair: the columns variant, method, moving, fixed, split and
        status, and a column ``dice_<index>`` per structure (NaN where a native map lacks it).
    luts : mapping of str to mapping of int to str
        Labelling → index → name of the structure. A structure without a name is called by its index.
    volumes : mapping of str to mapping of int to float, optional
        Labelling → index → mean volume of the structure, mm³; NaN in the table where it is not known.
    criteria : Criteria, optional
        Level of the intervals.
    prefix : str
        How the names of the columns begin, for another measure of structures than Dice.
    lies : tuple of float
        Between which its values lie by definition.

    Returns
    -------
    DataFrame
        A row per labelling × structure × arm; ``n`` is the number of pairs that were scored; the
        interval is that of the mean over ``n_subjects`` subjects (`lumirage_bids.stats.design`).
    """
    tables = []
    for labelling, wide in structures.items():
        scores = structure_scores(wide, prefix)
        if not len(scores.index):
            continue
        between = ~scores.pairs.of([SAME_SUBJECT])
        table = _of_labelling(scores.keep(between) if between.any() else scores, criteria or Criteria(), lies)
        known = (volumes or {}).get(labelling, {})
        table["volume_mm3"] = [known.get(index, np.nan) for index in table["index"]]
        tables.append(table.assign(labelling=labelling, name=names_of(table["index"], luts.get(labelling, {}))))
    if not tables:
        return pd.DataFrame(columns=STRUCTURE_COLUMNS)
    return pd.concat(tables, ignore_index=True)[STRUCTURE_COLUMNS]


def names_of(indices: Iterable[int], lut: Mapping[int, str]) -> list[str]:
    """Names of structures; one without a name is called by its index."""
    return [lut.get(int(index), str(index)) for index in indices]


def _of_labelling(scores: StructureScores, criteria: Criteria, lies: tuple[float, float]) -> pd.DataFrame:
    """Sum up the structures, a row per structure and arm."""
    cells = (cell for place in range(len(scores.index)) for cell in scores.cells(place))
    table = sum_up_cells(scores.pairs, cells, criteria, lies)
    return table.assign(index=scores.index[table["index"]])


def sum_up_cells(
    pairs: SideBySide, cells: Iterable[Floats], criteria: Criteria, lies: tuple[float, float]
) -> pd.DataFrame:
    """Sum up what pairs have several scores of.

    Parameters
    ----------
    pairs : SideBySide
    cells : iterable of array, shape (pairs,)
        The first score in each arm, then the second one, and so on; NaN where there is none.
    criteria : Criteria
        Level of the intervals.
    lies : tuple of float
        Between which a score lies by definition.

    Returns
    -------
    DataFrame
        A row per score, whose place is ``index``, and arm.
    """
    rows = [
        {**pairs.arms[number % len(pairs.arms)]._asdict(), "index": number // len(pairs.arms)}
        | _sum_up_cell(pairs, np.ascontiguousarray(cell), criteria, lies)
        for number, cell in enumerate(cells)
    ]
    return pd.DataFrame(rows, columns=[*_ARM, "index", *_OF_CELL])


def _sum_up_cell(
    pairs: SideBySide, cell: Floats, criteria: Criteria, lies: tuple[float, float]
) -> dict[str, float | int]:
    known = cell[~np.isnan(cell)]
    n = len(known)
    with np.errstate(invalid="ignore"):
        spread = known.std(ddof=1) if n > 1 else np.nan
        quartiles = np.quantile(known, [0.25, 0.5, 0.75]) if n else [np.nan] * 3
    laid = pairs.crossing.designs.of(np.isfinite(cell))
    # Where a group is too small the interval is that of the rest, and not of the mean told beside it.
    whole = laid.n_left_out == 0 and len(laid.kept) > 0
    low, high = laid.infer(cell[:, None]).interval(criteria.confidence, lies) if whole else ([np.nan], [np.nan])
    values = (n, known.mean() if n else np.nan, quartiles[1], spread, quartiles[0], quartiles[2], low[0], high[0])
    return dict(zip(_OF_CELL, (*values, laid.n_subjects), strict=True))
