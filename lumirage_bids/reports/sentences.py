"""Single comparisons in words: how large, in which class of pairs, how sure."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from lumirage_bids.figures.effect_sizes import band
from lumirage_bids.reports.text import and_join, count, fixed, p_value, span
from lumirage_bids.stats.classes import FLOOR, SAME_SUBJECT, Arm
from lumirage_bids.stats.summaries import FOLDING_LIMIT_PERCENT

#: Effects below this are called no difference: the threshold of the published evaluation.
THRESHOLD = 0.2
ALPHA = 0.05
_MOST = 6  # comparisons told in words; the table has all

#: How a difference may stand in a split, in the order that they are told.
_KINDS = (
    *(f"beyond {THRESHOLD} {how}" for how in ("for certain in", "not for certain in", "without an interval in")),
    *(f"below {THRESHOLD} in", "the other way round in", "of unknown size in"),
)

Row = dict[Hashable, Any]


def named(row: Row, labels: dict[Arm, str]) -> Row:
    """Add the names of the arms, `high` being the one with the higher mean."""
    a, b = labels[Arm(row["variant_a"], row["method_a"])], labels[Arm(row["variant_b"], row["method_b"])]
    high, low = (b, a) if row["mean_difference"] >= 0 else (a, b)
    return {**row, "a": a, "b": b, "high": high, "low": low}


def within(row: Row) -> bool:
    """Whether the effect is below the threshold."""
    return bool(abs(row["d_z"]) < THRESHOLD)


def sure(row: Row) -> bool:
    """Whether a difference is beyond the threshold for certain: by its p-value, and by the whole interval of d_z."""
    return bool(row["p_holm"] < ALPHA and _ends(row, "d_z")[0] >= THRESHOLD)


def differences(rows: Sequence[Row], comparisons: pd.DataFrame) -> list[str]:
    """Tell the differences beyond the threshold, largest first, then those within it.

    Parameters
    ----------
    rows : sequence of Row
        Comparisons of the class of pairs that the verdict is about, `named`.
    comparisons : DataFrame
        All comparisons of the labelling, for what differs between classes.
    """
    known = sorted((row for row in rows if pd.notna(row["d_z"])), key=lambda row: -abs(row["d_z"]))
    beyond = [row for row in known if not within(row)]
    told = [_difference(row) + _by_class(row, comparisons) for row in beyond[:_MOST]]
    if len(beyond) > _MOST:
        told.append(f"{len(beyond) - _MOST} further differences beyond |d_z| = {THRESHOLD} are in the table.")
    told += _small([row for row in known if within(row)])
    return told + [
        f"{row['b']} − {row['a']}: {fixed(row['mean_difference'], sign=True)} Dice over {count(row['n'])} "
        "pair(s), too few or too alike for an effect size."
        for row in [row for row in rows if pd.isna(row["d_z"])][:_MOST]
    ]


def _difference(row: Row) -> str:
    size = f"d_z {fixed(abs(row['d_z']), 2)}, {band(abs(row['d_z']))}"
    start = (
        f"{row['high']} is above {row['low']} by {fixed(abs(row['mean_difference']))} Dice over {count(row['n'])} pairs"
    )
    if not math.isfinite(row["ci_low"]):
        return f"{start} ({size}). No interval, so its certainty is not known: {row['refused']}."
    low, high = _ends(row, "ci")
    interval = f"95 % interval {fixed(low)} to {fixed(high)}, from {count(row['n_subjects'])} subjects"
    return f"{start} ({interval}; {size}).{_certainty(row)}"


def _ends(row: Row, name: str) -> tuple[float, float]:
    """Ends of an interval of the higher arm over the lower."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return (low, high) if row["mean_difference"] >= 0 else (-high, -low)


def _certainty(row: Row) -> str:
    """Say what is doubtful about a difference: that it is one, or that it is beyond the threshold."""
    if not row["p_holm"] < ALPHA:
        return f" Not certain: p = {p_value(row['p_holm'])} after Holm's correction."
    low, high = _ends(row, "d_z")
    if low < THRESHOLD:
        return f" Its d_z may be below {THRESHOLD}: 95 % interval {fixed(low, 2)} to {fixed(high, 2)}."
    return ""


def plain_classes(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Keep comparisons over single splits, which no other class contains."""
    split = comparisons["split"]
    return comparisons[split.str.contains(" to ", regex=False) | (split == SAME_SUBJECT)]


def _by_class(row: Row, comparisons: pd.DataFrame) -> str:
    """Say in which splits a difference is there; nothing where there is one split only."""
    arms = ["variant_a", "method_a", "variant_b", "method_b"]
    same = (comparisons[arms] == [row[arm] for arm in arms]).all(axis="columns") & (comparisons["n"] > 0)
    found: list[Row] = plain_classes(comparisons[same]).to_dict("records")
    if len(found) < 2:
        return ""
    sign = math.copysign(1, row["mean_difference"])
    groups: dict[str, list[str]] = {}
    for each in found:
        groups.setdefault(_kind(each, sign), []).append(str(each["split"]))
    parts = [f"{kind} {_in(groups[kind], len(found))}" for kind in _KINDS if kind in groups]
    return f" Its d_z by split: {'; '.join(parts)}."


def _in(splits: Sequence[str], all_splits: int) -> str:
    """Name splits, or count them where they are many."""
    if len(splits) <= _MOST:
        return and_join(list(splits))
    return f"{'each' if len(splits) == all_splits else str(len(splits))} of the {all_splits} splits"


def _kind(row: Row, sign: float) -> str:
    """Sort a comparison of one split against the sign of the whole."""
    certain, doubtful, refused, small, turned, unknown = _KINDS
    if not math.isfinite(row["d_z"]):
        return unknown
    if within(row):
        return small
    if row["d_z"] * sign < 0:
        return turned
    if not math.isfinite(row["d_z_low"]):
        return refused
    return certain if sure(row) else doubtful


def _small(rows: Sequence[Row]) -> list[str]:
    """Tell effects below the threshold, and whether larger ones can be excluded."""
    if not rows:
        return []
    names = [f"{row['a']} and {row['b']} (d_z {fixed(row['d_z'], 2, sign=True)}{_range(row)})" for row in rows[:_MOST]]
    more = [f"{len(rows) - _MOST} others"] if len(rows) > _MOST else []
    bounded = all(max(abs(row["d_z_low"]), abs(row["d_z_high"])) < THRESHOLD for row in rows)
    doubt = "" if bounded else " Where an interval reaches beyond that, or there is none, a difference is not excluded."
    return [f"Found below |d_z| = {THRESHOLD}: {'; '.join(names + more)}.{doubt}"]


def _range(row: Row) -> str:
    known = math.isfinite(row["d_z_low"])
    return f", 95 % interval {span(row['d_z_low'], row['d_z_high'], 2, sign=True)}" if known else ", no interval"


def equivalences(rows: Sequence[Row]) -> list[str]:
    """Tell which methods are equal for all practical purposes."""
    equal = [row for row in rows if row["p_equivalence_holm"] < ALPHA]
    if not equal:
        return []
    names = [f"{row['a']} and {row['b']}" for row in equal[:_MOST]]
    more = [f"{len(equal) - _MOST} others"] if len(equal) > _MOST else []
    margin = f"{equal[0]['equivalence_margin']:g} Dice"
    return [
        f"Equivalent, their means differ by less than {margin} for certain (two one-sided tests, Holm's correction): "
        f"{'; '.join(names + more)}."
    ]


def gains(rows: Sequence[Row]) -> list[str]:
    """Tell what each method gains over the floor of its own variant."""
    own = [row for row in rows if row["method_a"] == FLOOR != row["method_b"] and row["variant_a"] == row["variant_b"]]
    if not own:
        return []
    told = [f"{row['b']} {fixed(row['mean_difference'], sign=True)}{_gain_interval(row)}" for row in own]
    reasons = list(dict.fromkeys(str(row["refused"]) for row in own if not math.isfinite(row["ci_low"])))
    refused = f" No interval: {'; '.join(reasons)}." if reasons else ""
    below = [row["b"] for row in own if row["d_z"] <= -THRESHOLD]
    little = [row["b"] for row in own if within(row)]
    worse = f" {and_join(below)}: worse than no deformation at all." if below else ""
    none = f" {and_join(little)}: no gain beyond |d_z| = {THRESHOLD}." if little else ""
    return [f"Gain over the start without deformation ({FLOOR}), in Dice: {', '.join(told)}.{refused}{worse}{none}"]


def _gain_interval(row: Row) -> str:
    known = math.isfinite(row["ci_low"])
    return f" (95 % interval {span(row['ci_low'], row['ci_high'], sign=True)})" if known else ""


def reversals(comparisons: pd.DataFrame, labels: dict[Arm, str]) -> list[str]:
    """Tell where the order of two methods differs between splits."""
    told = []
    for _, rows in plain_classes(comparisons).groupby(["variant_a", "method_a", "variant_b", "method_b"], sort=False):
        beyond = rows[rows["d_z"].abs() >= THRESHOLD].sort_values("d_z")
        if len(beyond) and beyond["d_z"].iloc[0] < 0 < beyond["d_z"].iloc[-1]:
            row = named(beyond.to_dict("records")[0], labels)
            ends = [f"{fixed(beyond['d_z'].iloc[i], 2, sign=True)} in {beyond['split'].iloc[i]}" for i in (0, -1)]
            told.append(f"The order of {row['a']} and {row['b']} depends on the split: d_z {ends[0]}, {ends[1]}.")
    return told[:_MOST]


def failures(summary: pd.DataFrame, labels: dict[Arm, str]) -> list[str]:
    """Tell what went wrong with pairs, method by method."""
    flattered = (summary["n_failed"] > 0) & summary["mean"].notna()
    flatters = " They are left out of the means, which may flatter a method." if flattered.any() else ""
    told = []
    for column, what, remark in (
        ("n_failed", "Pairs without a score", flatters),
        ("n_below_initial", "Pairs with Dice below the initial one", ""),
        ("n_folding", f"Pairs with more than {FOLDING_LIMIT_PERCENT:g} % of the brain folded", ""),
    ):
        parts = [
            f"{labels[Arm(row['variant'], row['method'])]} {count(row[column])} of {count(row['n_pairs'])}"
            for row in summary[summary[column] > 0].to_dict("records")
        ]
        told += [f"{what}: {', '.join(parts)}.{remark}"] if parts else []
    return told


def worst_case(rows: Sequence[Row]) -> list[str]:
    """Tell where scoring failed pairs as 0 turns an order around."""
    turned = [row for row in rows if row["mean_difference"] * row["worst_case_difference"] < 0]
    return [
        f"With failed pairs scored 0 the order turns around: {row['low']} is above {row['high']} by "
        f"{fixed(abs(row['worst_case_difference']))} Dice over {count(row['worst_case_n'])} pairs."
        for row in turned[:_MOST]
    ]


def reach(rows: Sequence[Row]) -> list[str]:
    """Say for whom the result holds where one side of all pairs is one subject."""
    one = {"moving subjects": "fixed", "fixed subjects": "moving"}
    sides = {one[row["resampled"]] for row in rows if row["resampled"] in one}
    return [
        f"All pairs have the same {side} subject: intervals and p-values hold for that subject, not for others."
        for side in sorted(sides)
    ]
