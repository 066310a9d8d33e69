"""The outcome in words, made from the numbers."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lumirage_bids.figures.effect_sizes import band
from lumirage_bids.reports.text import and_join, count, fixed, p_value
from lumirage_bids.stats.classes import ALL, FLOOR, SAME_SUBJECT, Arm, arm_labels, arms_of, primary_class
from lumirage_bids.stats.summaries import FOLDING_LIMIT_PERCENT

#: Effects below this are called no difference: the threshold of the published evaluation.
THRESHOLD = 0.2
ALPHA = 0.05
_MOST = 6  # comparisons told in words; the table has all

_Row = dict[Hashable, Any]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the numbers of one labelling say.

    Attributes
    ----------
    labelling : str
    pairs : str
        The class of pairs it is about, in words.
    headline : str
        One sentence.
    sentences : tuple of str
        The rest, in falling order of effect.
    """

    labelling: str
    pairs: str
    headline: str
    sentences: tuple[str, ...]


def verdicts(summary: pd.DataFrame, comparisons: pd.DataFrame) -> list[Verdict]:
    """Say which methods differ, by how much and how surely, for each labelling.

    Parameters
    ----------
    summary : DataFrame
        Rows of `lumirage_bids.stats.summaries.summarise`.
    comparisons : DataFrame
        Rows of `lumirage_bids.stats.comparisons.compare` on the same pairs.
    """
    found = []
    for labelling, rows in summary.groupby("labelling", sort=False):
        split = primary_class(rows["split"])
        here = comparisons[comparisons["labelling"] == labelling]
        found.append(_verdict(str(labelling), split, rows[rows["split"] == split], here))
    return found


def _verdict(labelling: str, split: str, summary: pd.DataFrame, comparisons: pd.DataFrame) -> Verdict:
    labels = arm_labels(arms_of(summary))
    chosen: list[_Row] = comparisons[(comparisons["split"] == split) & (comparisons["n"] > 0)].to_dict("records")
    rows = [_named(row, labels) for row in chosen]
    between = [row for row in rows if FLOOR not in (row["method_a"], row["method_b"])]
    sentences = [
        *_differences(between),
        *_equivalences(between),
        *_floor([row for row in rows if row["method_a"] == FLOOR != row["method_b"]]),
        *_reversals(comparisons, labels),
        *_failures(summary, labels),
        *_worst_case(between),
    ]
    pairs = "all pairs" if split == ALL else f"pairs of {split}"
    return Verdict(
        labelling=labelling, pairs=pairs, headline=_headline(summary, labels, rows), sentences=tuple(sentences)
    )


def _named(row: _Row, labels: dict[Arm, str]) -> _Row:
    """Add the names of the arms, `high` being the one with the higher mean."""
    a, b = labels[Arm(row["variant_a"], row["method_a"])], labels[Arm(row["variant_b"], row["method_b"])]
    high, low = (b, a) if row["mean_difference"] >= 0 else (a, b)
    return {**row, "a": a, "b": b, "high": high, "low": low}


def _headline(summary: pd.DataFrame, labels: dict[Arm, str], rows: list[_Row]) -> str:
    scored = summary.dropna(subset="mean")
    if scored.empty:
        return "No pair was scored."
    best: _Row = scored.sort_values("mean", kind="stable").iloc[-1].to_dict()
    name, n = labels[Arm(best["variant"], best["method"])], count(best["n_pairs"] - best["n_failed"])
    spread: str = f" (standard deviation {fixed(best['std'])})" if pd.notna(best["std"]) else ""
    what = f"mean Dice {fixed(best['mean'])}{spread} over {n} pairs"
    if len(labels) == 1:
        return f"Only one method was run, {name}: {what}. There is nothing to compare it with."
    near = [row["a"] if row["b"] == name else row["b"] for row in rows if name in (row["a"], row["b"]) and _within(row)]
    same = f"; not different from it by the threshold: {and_join(near)}" if near else ""
    return f"Highest mean: {name}, {what}{same}."


def _within(row: _Row) -> bool:
    return bool(abs(row["d_z"]) < THRESHOLD)


def _differences(rows: list[_Row]) -> list[str]:
    """Tell the differences beyond the threshold, largest first, then those within it."""
    known = sorted((row for row in rows if pd.notna(row["d_z"])), key=lambda row: -abs(row["d_z"]))
    beyond = [row for row in known if abs(row["d_z"]) >= THRESHOLD]
    within = [row for row in known if _within(row)]
    told = [_difference(row) for row in beyond[:_MOST]]
    if len(beyond) > _MOST:
        told.append(f"{len(beyond) - _MOST} further differences beyond |d_z| = {THRESHOLD} are in the table.")
    if within:
        names = [f"{row['a']} and {row['b']} (d_z {fixed(row['d_z'], 2, sign=True)})" for row in within[:_MOST]]
        more = [f"{len(within) - _MOST} others"] if len(within) > _MOST else []
        told.append(f"No difference beyond |d_z| = {THRESHOLD} between {'; '.join(names + more)}.")
    unknown = [row for row in rows if pd.isna(row["d_z"])][:_MOST]
    return told + [
        f"{row['b']} − {row['a']}: {fixed(row['mean_difference'], sign=True)} Dice over {count(row['n'])} "
        "pair(s), too few or too alike for an effect size."
        for row in unknown
    ]


def _difference(row: _Row) -> str:
    d, difference = abs(row["d_z"]), abs(row["mean_difference"])
    interval, sure = "", f" No interval: {row['refused']}."
    if math.isfinite(row["ci_low"]):
        low, high = _ends(row, "ci")
        interval, sure = f"95 % interval {fixed(low)} to {fixed(high)}; ", _certainty(row)
    return (
        f"{row['high']} is above {row['low']} by {fixed(difference)} Dice ({interval}d_z {fixed(d, 2)}, {band(d)}; "
        f"{count(row['n'])} pairs of {count(row['n_subjects'])} subjects).{sure}"
    )


def _ends(row: _Row, name: str) -> tuple[float, float]:
    """Ends of an interval of the higher arm over the lower."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return (low, high) if row["mean_difference"] >= 0 else (-high, -low)


def _certainty(row: _Row) -> str:
    """Say what is doubtful about a difference: that it is one, or that it is beyond the threshold."""
    if not row["p_holm"] < ALPHA:
        return f" Not certain: p = {p_value(row['p_holm'])} after Holm's correction."
    low, high = _ends(row, "d_z")
    if low < THRESHOLD:
        return f" Its d_z may be below {THRESHOLD}: 95 % interval {fixed(low, 2)} to {fixed(high, 2)}."
    return ""


def _equivalences(rows: list[_Row]) -> list[str]:
    """Tell which methods are equal for all practical purposes."""
    equal = [row for row in rows if row["p_equivalence_holm"] < ALPHA]
    if not equal:
        return []
    names = [f"{row['a']} and {row['b']}" for row in equal[:_MOST]]
    more = [f"{len(equal) - _MOST} others"] if len(equal) > _MOST else []
    margin = f"± {equal[0]['equivalence_margin']:g} Dice"
    return [f"Equivalent within {margin} (two one-sided tests, Holm's correction): {'; '.join(names + more)}."]


def _floor(rows: list[_Row]) -> list[str]:
    """Tell what each method gains over the floor of its own variant."""
    own = [row for row in rows if row["variant_a"] == row["variant_b"]]
    if not own:
        return []
    gains = [f"{row['b']} {fixed(row['mean_difference'], sign=True)}" for row in own]
    below = [row["b"] for row in own if row["mean_difference"] < 0]
    warning = f" {and_join(below)}: worse than no deformation at all." if below else ""
    return [f"Gain over the affine start ({FLOOR}), in Dice: {', '.join(gains)}.{warning}"]


def _reversals(comparisons: pd.DataFrame, labels: dict[Arm, str]) -> list[str]:
    """Tell where the order of two methods differs between splits."""
    told = []
    plain = comparisons[comparisons["split"].str.contains(" to ", regex=False) | (comparisons["split"] == SAME_SUBJECT)]
    arms = ["variant_a", "method_a", "variant_b", "method_b"]
    for _, rows in plain.groupby(arms, sort=False):
        beyond = rows[rows["d_z"].abs() >= THRESHOLD].sort_values("d_z")
        if len(beyond) and beyond["d_z"].iloc[0] < 0 < beyond["d_z"].iloc[-1]:
            row = _named(beyond.to_dict("records")[0], labels)
            ends = [f"{fixed(beyond['d_z'].iloc[i], 2, sign=True)} in {beyond['split'].iloc[i]}" for i in (0, -1)]
            told.append(f"The order of {row['a']} and {row['b']} depends on the split: d_z {ends[0]}, {ends[1]}.")
    return told[:_MOST]


def _failures(summary: pd.DataFrame, labels: dict[Arm, str]) -> list[str]:
    told = []
    for column, what, remark in (
        ("n_failed", "Pairs without a score", " They are left out of the means, which may flatter a method."),
        ("n_below_initial", "Pairs with Dice below the initial one", ""),
        ("n_folding", f"Pairs with more than {FOLDING_LIMIT_PERCENT:g} % of the brain folded", ""),
    ):
        parts = [
            f"{labels[Arm(row['variant'], row['method'])]} {count(row[column])} of {count(row['n_pairs'])}"
            for row in summary[summary[column] > 0].to_dict("records")
        ]
        told += [f"{what}: {', '.join(parts)}.{remark}"] if parts else []
    return told


def _worst_case(rows: list[_Row]) -> list[str]:
    """Tell where scoring failed pairs as 0 turns an order around."""
    turned = [row for row in rows if row["mean_difference"] * row["worst_case_difference"] < 0]
    return [
        f"With failed pairs scored 0 the order turns around: {row['low']} is above {row['high']} by "
        f"{fixed(abs(row['worst_case_difference']))} Dice over {count(row['worst_case_n'])} pairs."
        for row in turned[:_MOST]
    ]
