"""The outcome in words, made from the numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lumirage_bids.audit import labels_from_intensities
from lumirage_bids.reports import sentences
from lumirage_bids.reports.sentences import THRESHOLD, Row, named, sure, within
from lumirage_bids.reports.text import and_join, compared_where, count, fixed
from lumirage_bids.stats.classes import ALL, FLOOR, Arm, arm_labels, arms_of, evaluations_of, primary_class


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the numbers of one labelling say, under one evaluation.

    Attributes
    ----------
    labelling : str
    pairs : str
        The class of pairs it is about, in words.
    evaluation : str
        Where label maps were compared, in words; empty where all are on the fixed scan's native grid.
    headline : str
        One sentence.
    sentences : tuple of str
        The rest, in falling order of effect.
    """

    labelling: str
    pairs: str
    evaluation: str
    headline: str
    sentences: tuple[str, ...]


def verdicts(
    summary: pd.DataFrame, comparisons: pd.DataFrame, sources: Mapping[str, str] | None = None
) -> list[Verdict]:
    """Say which methods differ, by how much, in which class of pairs and how surely.

    There is one for each labelling and evaluation: a score on another grid is another quantity.

    Parameters
    ----------
    summary : DataFrame
        Rows of `lumirage_bids.stats.summaries.summarise`.
    comparisons : DataFrame
        Rows of `lumirage_bids.stats.comparisons.compare` on the same pairs.
    sources : mapping of str to str, optional
        Labelling → where its maps come from. Labels made from the registered intensities get no verdict.
    """
    found = []
    for name, rows in summary.groupby("labelling", sort=False):
        labelling, split = str(name), primary_class(rows["split"])
        here = comparisons[comparisons["labelling"] == labelling]
        withheld = labels_from_intensities({labelling: (sources or {}).get(labelling, "")})
        for how in evaluations_of(rows):
            mine = rows[(rows["split"] == split) & (rows["evaluation"] == how)]
            headline, told = _verdict(split, mine, here[here["evaluation"] == how], withheld)
            found.append(
                Verdict(
                    labelling=labelling,
                    pairs="all pairs" if split == ALL else f"pairs of {split}",
                    evaluation=""
                    if evaluations_of(summary) == ["native"]
                    else f"labels compared {compared_where(how)}",
                    headline=headline,
                    sentences=tuple(told),
                )
            )
    return found


def _verdict(split: str, summary: pd.DataFrame, comparisons: pd.DataFrame, withheld: str) -> tuple[str, list[str]]:
    """Headline and sentences."""
    labels = arm_labels(arms_of(summary))
    failures = sentences.failures(summary, labels)
    if withheld and summary["mean"].notna().any():
        return f"No verdict. {withheld}", failures
    chosen = comparisons[(comparisons["split"] == split) & (comparisons["n"] > 0)]
    rows = [named(row, labels) for row in chosen.to_dict("records")]
    between = [row for row in rows if _tells(row)]
    told = [
        *sentences.differences(between, comparisons),
        *sentences.equivalences(between),
        *sentences.gains(rows),
        *sentences.reversals(comparisons, labels),
        *failures,
        *sentences.worst_case(between),
        *sentences.reach(rows),
    ]
    return _headline(summary, labels, rows), told


def _tells(row: Row) -> bool:
    """Whether two arms differ in one thing only, the method or the variant, and neither is the floor."""
    one = row["method_a"] == row["method_b"] or row["variant_a"] == row["variant_b"]
    return one and FLOOR not in (row["method_a"], row["method_b"])


def _headline(summary: pd.DataFrame, labels: dict[Arm, str], rows: Sequence[Row]) -> str:
    scored = summary.dropna(subset="mean")
    if scored.empty:
        return "No pair was scored."
    best: Row = scored.sort_values("mean", kind="stable").iloc[-1].to_dict()
    name, n = labels[Arm(best["variant"], best["method"])], count(best["n_pairs"] - best["n_failed"])
    spread: str = f" (standard deviation {fixed(best['std'])})" if pd.notna(best["std"]) else ""
    what = f"mean Dice {fixed(best['mean'])}{spread} over {n} pairs"
    if len(labels) == 1:
        return f"Only one method was run, {name}: {what}. There is nothing to compare it with."
    if len(scored) == 1:
        return f"Only {name} has scores: {what}. There is nothing to compare it with."
    return f"Highest mean: {name}, {what}{_lead(name, [row for row in rows if name in (row['a'], row['b'])])}."


def _other(row: Row, name: str) -> str:
    return str(row["a"] if row["b"] == name else row["b"])


def _lead(name: str, rows: Sequence[Row]) -> str:
    """How far and how surely the highest mean stands out, on the pairs that both arms scored."""
    near = [_other(row, name) for row in rows if within(row)]
    above = [row["high"] for row in rows if row["high"] != name and not within(row)]
    told = f"; not beyond |d_z| = {THRESHOLD} from it: {and_join(near)}" if near else ""
    told += f"; yet above it on the pairs that both scored: {and_join(above)}" if above else ""
    if told or not rows or any(pd.isna(row["d_z"]) for row in rows):
        return told
    if not all(math.isfinite(row["d_z_low"]) for row in rows):
        return f"; beyond |d_z| = {THRESHOLD} above every other, with too few subjects to say how surely"
    certain = "for certain" if all(sure(row) for row in rows) else "though not all for certain"
    return f"; beyond |d_z| = {THRESHOLD} above every other, {certain}"
