"""How scores fall as images get worse: means and slopes along ladders of perturbed variants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lumirage_bids import measures
from lumirage_bids.base.criteria import Criteria
from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.measures.dice_initial import DiceInitial
from lumirage_bids.stats.classes import Arm, scores_of
from lumirage_bids.stats.pairing import SideBySide, pivot
from lumirage_bids.stats.score import Score
from lumirage_bids.stats.student import Floats
from lumirage_bids.stats.summaries import sum_up_cells

_LADDER = ("labelling", "evaluation", "variant", "perturbation", "unit", "method", "measure")
LADDER_COLUMNS = [
    *(*_LADDER, "size", "n", "n_failed", "n_subjects"),
    *("mean", "ci_low", "ci_high", "change", "change_low", "change_high"),
]
SLOPE_COLUMNS = [
    *(*_LADDER, "sizes", "n", "n_subjects"),
    *("slope", "ci_low", "ci_high"),
]
_ANYWHERE = (-float("inf"), float("inf"))


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A variant of a ladder.

    Attributes
    ----------
    kind : str
    size : float
    unit : str
        Of the size.
    base : str
        The variant that is the same without a perturbation; empty for none.
    ladder : str
        The same for variants that differ in the size alone.
    """

    kind: str
    size: float
    unit: str
    base: str
    ladder: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ladder:
    """Pairs that every method was run on at every size; scores are NaN where there is none.

    Attributes
    ----------
    pairs : SideBySide
        Its arms are the methods, and its scores are not looked at.
    sizes : array, shape (sizes,)
        Ascending; 0 first where the variant without a perturbation was run.
    measures : list of str
    scores : array, shape (measures, pairs, sizes, methods)
    failed : array, shape (sizes, methods)
        Pairs that failed.
    """

    pairs: SideBySide
    sizes: Floats
    measures: list[str]
    scores: Floats
    failed: Floats

    @property
    def place(self) -> dict[str, int]:
        """Place of each method."""
        return {arm.method: place for place, arm in enumerate(self.pairs.arms)}


def climb(pairs: pd.DataFrame, rungs: Mapping[str, Rung], *, criteria: Criteria | None = None) -> pd.DataFrame:
    """Sum up every measure at every size of every kind of perturbation.

    Parameters
    ----------
    pairs : DataFrame
        The score table, perturbed variants included.
    rungs : mapping of str to Rung
        Perturbed variant → what it is.
    criteria : Criteria, optional
        Level of the intervals.

    Returns
    -------
    DataFrame
        With `LADDER_COLUMNS`; a row per labelling × ladder × method × measure × size, 0 for none. Pairs are those of
        different subjects that all methods were run on at all sizes. A pair that failed counts 0 in Dice, and is left
        out of other measures. Intervals are those of means over subjects (`lumirage_bids.stats.design`).
    """
    criteria = criteria or Criteria()
    parts = []
    for about, ladder in _ladders(pairs, rungs):
        for name, scores in zip(ladder.measures, ladder.scores, strict=True):
            base = scores[:, :1] if ladder.sizes[0] == 0 else np.full_like(scores[:, :1], np.nan)
            found = _cells(ladder, scores, criteria, measures.columns()[name].lies or _ANYWHERE)
            changes = _cells(ladder, scores - base, criteria)
            found = found.assign(
                **about,
                measure=name,
                size=ladder.sizes[found["index"]],
                n_failed=ladder.failed.ravel().astype(int),
                **{
                    to: changes[of]
                    for of, to in (("mean", "change"), ("ci_low", "change_low"), ("ci_high", "change_high"))
                },
            )
            parts.append(found.sort_values("method", key=lambda of: of.map(ladder.place), kind="stable"))
    return pd.concat(parts, ignore_index=True)[LADDER_COLUMNS] if parts else pd.DataFrame(columns=LADDER_COLUMNS)


def slopes(pairs: pd.DataFrame, rungs: Mapping[str, Rung], *, criteria: Criteria | None = None) -> pd.DataFrame:
    """Fit a line to the scores of each pair over the sizes, and sum up its slope.

    Parameters and pairs as of `climb`; pairs that lack a score at any size are left out.

    Returns
    -------
    DataFrame
        With `SLOPE_COLUMNS`; a row per labelling × kind × method × measure: change of the measure for one unit of the
        size, least squares, mean over pairs.
    """
    criteria = criteria or Criteria()
    parts = []
    for about, ladder in _ladders(pairs, rungs):
        if len(ladder.sizes) < 2:
            continue
        away = ladder.sizes - ladder.sizes.mean()
        sizes = "; ".join(f"{size:g}" for size in ladder.sizes)
        for name, scores in zip(ladder.measures, ladder.scores, strict=True):
            fitted = np.einsum("s,psm->pm", away / (away @ away), scores)
            found = _cells(ladder, fitted[:, None], criteria).rename(columns={"mean": "slope"})
            parts.append(found.assign(**about, measure=name, sizes=sizes))
    return pd.concat(parts, ignore_index=True)[SLOPE_COLUMNS] if parts else pd.DataFrame(columns=SLOPE_COLUMNS)


def _cells(ladder: _Ladder, scores: Floats, criteria: Criteria, lies: tuple[float, float] = _ANYWHERE) -> pd.DataFrame:
    return sum_up_cells(ladder.pairs, scores.reshape(len(scores), -1).T, criteria, lies)


def _ladders(pairs: pd.DataFrame, rungs: Mapping[str, Rung]) -> Iterator[tuple[dict[str, str], _Ladder]]:
    """Every ladder of the table, with the labelling, evaluation and kind that it is of."""
    if not rungs:
        return
    rows = pairs[pairs["split"] != SAME_SUBJECT]
    for (labelling, evaluation), of in rows.groupby(["labelling", "evaluation"], sort=False):
        for kind, base, ladder_of in dict.fromkeys((rung.kind, rung.base, rung.ladder) for rung in rungs.values()):
            same = (kind, base, ladder_of)
            found = {name: rung.size for name, rung in rungs.items() if (rung.kind, rung.base, rung.ladder) == same}
            here = {name: size for name, size in {base: 0.0, **found}.items() if (of["variant"] == name).any()}
            unit = next(rung.unit for rung in rungs.values() if rung.kind == kind)
            if set(here) - {base} and (ladder := _ladder(of, here)) is not None:
                about = {"labelling": str(labelling), "evaluation": str(evaluation), "perturbation": kind, "unit": unit}
                about["variant"] = base if base in here else min(here, key=here.__getitem__)
                yield about, ladder


def _ladder(rows: pd.DataFrame, sizes: Mapping[str, float]) -> _Ladder | None:
    """One of them; None where no pair was run at all sizes with any method."""
    rows = rows[rows["variant"].isin(sizes)]
    order = sorted(sizes, key=sizes.__getitem__)
    known = measures.columns()
    wanted = [
        name
        for name, column in known.items()
        if column.better != "none"
        and column.tells != "cost"
        and name not in DiceInitial.columns
        and name in rows
        and rows[name].notna().any()
    ]
    table, where = pivot(rows)
    arms = table.arms
    methods = [m for m in dict.fromkeys(arm.method for arm in arms) if all(Arm(v, m) in arms for v in order)]
    taken = np.array([[arms.index(Arm(variant, method)) for method in methods] for variant in order], dtype=np.intp)
    together = np.asarray(table.ran[:, taken.ravel()].all(axis=1))
    if not wanted or not methods or not together.any():
        return None
    kept = table.keep(together)
    failed = kept.failed[:, taken]
    scores = np.stack([table.fill(where, scores_of(rows, Score(column=name)))[together][:, taken] for name in wanted])
    for name, of in zip(wanted, scores, strict=True):
        if (worst := known[name].worst) is not None:
            of[failed] = worst
    return _Ladder(
        pairs=replace(kept, arms=[Arm("", method) for method in methods]),
        sizes=np.array([sizes[name] for name in order]),
        measures=wanted,
        scores=scores,
        failed=failed.sum(axis=0).astype(np.float64),
    )
