"""Whether tables of one experiment are of one making: torn or edited ones tell of pairs that are not there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pandas as pd

from lumirage_bids.stats.classes import pair_classes, scores_of, splits_of

_ARM = ["variant", "method", "labelling", "evaluation"]
#: Tables are written with six digits.
_DIGITS = 1e-4


def not_numbers(table: pd.DataFrame, columns: Sequence[str], texts: Collection[str]) -> str:
    """Name a column that is neither of names nor of numbers, with its first such value; empty where there is none."""
    for column in columns:
        if column in texts or pd.api.types.infer_dtype(table[column], skipna=True) not in ("string", "mixed"):
            continue
        known = table[column].dropna()
        odd = known[pd.to_numeric(known, errors="coerce").isna()]
        if len(odd):
            return f"{column} is {odd.iloc[0]!r} where a number stands"
    return ""


def why_not_whole(pairs: pd.DataFrame, summary: pd.DataFrame, comparisons: Sequence[pd.DataFrame]) -> str:
    """Say what of a summary or of comparisons does not follow from the pairs, or from itself; empty where all does.

    Parameters
    ----------
    pairs, summary : DataFrame
        Columns of ``pairs.tsv`` and ``summary.tsv``.
    comparisons : sequence of DataFrame
        Tables with ``mean_difference``, ``ci_low`` and ``ci_high``.
    """
    return next(_find_miscounted(pairs, summary), "") or next(filter(None, map(_outside, comparisons)), "")


def _find_miscounted(pairs: pd.DataFrame, summary: pd.DataFrame) -> Iterator[str]:
    """Arms whose pairs, failures or mean are not those of their summary."""
    told = summary.set_index([*_ARM, "split"])
    run = pairs[pairs["status"].isin(("ok", "failed"))]
    for labelling, rows in run.assign(score=scores_of(run)).groupby("labelling", sort=False):
        splits = splits_of(pairs[pairs["labelling"] == labelling])
        for name, members in pair_classes(splits).items():
            for arm, own in rows[rows["split"].isin(members)].groupby(_ARM, sort=False):
                yield from _find_wrong(own["score"], told, (*map(str, arm), name))
    seen = set(run[_ARM].itertuples(index=False, name=None))
    for arm in summary.loc[summary["n_pairs"] > 0, _ARM].itertuples(index=False, name=None):
        if arm not in seen:
            yield f"no pair of {' '.join(map(str, arm))} is there, whose mean is told"


def _find_wrong(scores: pd.Series[float], told: pd.DataFrame, key: tuple[str, ...]) -> Iterator[str]:
    if key not in told.index:
        yield f"{' '.join(key)} has {len(scores)} pairs and no summary"
        return
    row = told.loc[[key]].iloc[0]
    counted, wanted = (len(scores), int(scores.isna().sum())), (row["n_pairs"], row["n_failed"])
    if counted != wanted:
        yield (
            f"{' '.join(key)} has {counted[0]} pairs, {counted[1]} of them without a score, and its summary says "
            f"{wanted[0]:g} and {wanted[1]:g}"
        )
    elif not np.isclose(scores.mean(), row["mean"], rtol=_DIGITS, atol=_DIGITS, equal_nan=True):
        yield f"the pairs of {' '.join(key)} have a mean of {scores.mean():.4f}, and its summary says {row['mean']:.4f}"


def _outside(table: pd.DataFrame) -> str:
    """The first difference that lies outside its own interval."""
    low, mean, high = (table[column].astype("float64") for column in ("ci_low", "mean_difference", "ci_high"))
    slack = _DIGITS * (1 + mean.abs())
    wrong = table[(mean < low - slack) | (mean > high + slack)]
    if wrong.empty:
        return ""
    row = wrong.iloc[0]
    return (
        f"{row['method_b']} - {row['method_a']} on {row['labelling']} is {row['mean_difference']:g}, outside its own "
        f"interval, {row['ci_low']:g} to {row['ci_high']:g}"
    )
