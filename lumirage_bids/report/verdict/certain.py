"""Certain differences in words: how large, how sure, where they hold, and what they hang on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.report.text import and_join, count, fixed, p_value
from lumirage_bids.report.verdict.other_measures import tell_support
from lumirage_bids.report.verdict.relations import Relation
from lumirage_bids.report.verdict.scene import Scene
from lumirage_bids.stats.classes import quote
from lumirage_bids.stats.layout import APART

#: What a single split may say of a difference that is shown over all pairs.
_IN_SPLITS = (
    *("certain in", "the other way round in", "not shown to matter in"),
    "the other way round, though not shown to matter, in",
    *("equivalent in", "the same in every pair of", "not certain in", "not tested in"),
)
MOST = 6  # sentences of one kind; the tables have all
#: Lower bounds of |d| and their names: Cohen 1988, Statistical Power Analysis, 2nd ed., doi:10.4324/9780203771587.
_SIZES = ((0.8, "large"), (0.5, "medium"), (0.2, "small"))


def differences(scene: Scene, rows: Sequence[Relation]) -> Iterator[str]:
    """Tell the certain differences, and those that one thing alone makes doubtful, in the order of `rows`."""
    found = [r for r in rows if r.ahead]
    for r in found[:MOST]:
        parts = (_difference, doubts, _structure, _tell_by_class, tell_support)
        yield "".join(part(scene, r) for part in parts)
    if len(found) > MOST:
        yield f"{len(found) - MOST} further differences are in the table."


def _difference(scene: Scene, r: Relation) -> str:
    size, n = scene.words.size(r.difference), count(r.row["n"])
    what = f"{r.better} is {scene.words.above} {r.worse} by {size} {scene.words.amount} over {n} pairs"
    inside = [
        f"{scene.criteria.level} interval {scene.words.interval(r.low, r.high)}, from {subjects(r)}",
        f"p = {p_value(r.row['p_holm'])} after Holm's correction".replace("= <", "<"),
        *effect(r),
    ]
    return f"{what} ({'; '.join(inside)})."


def subjects(r: Relation) -> str:
    """How many subjects an interval is from, and in which groups."""
    drawn = f"{count(r.row['n_subjects'])} {r.units}"
    if r.row["resampled"] == APART:
        drawn += " on the side of fewer"
    return drawn if r.row["n_groups"] == 1 else f"{drawn}: {r.row['groups']}"


def effect(r: Relation) -> list[str]:
    """Effect size; with an adjective only where its interval bounds it from below."""
    if not math.isfinite(r.d_z):
        return []
    if not math.isfinite(r.d_z_low):
        return [f"d_z {fixed(r.d_z, 2)}, {_no_interval(r)}"]
    least = next((f", at least {name}" for bound, name in _SIZES if r.d_z_low >= bound), "")
    return [f"d_z {fixed(r.d_z, 2)}, {fixed(r.d_z_low, 2)} to {fixed(r.d_z_high, 2)}{least}"]


def _no_interval(r: Relation) -> str:
    return f"without an interval: {r.row['refused_sizes']}"


def doubts(scene: Scene, r: Relation) -> str:
    """What is doubtful about a difference."""
    told = []
    if r.lacks_too_much:
        n, worst = r.row["n_ahead_lacks"], r.row["ahead_at_worst_difference"]
        at_worst = f"; with {'it' if n == 1 else 'them'} scored {scene.words.worst} {r.row['method_b']} − "
        at_worst += f"{r.row['method_a']} is {scene.words.size(worst, sign=True)}"
        told.append(
            f"Not certain all the same: {r.better} lacks {count(n)} pair{'s' * (n != 1)} that {r.worse} has"
            f"{at_worst if math.isfinite(worst) else ''}."
        )
    if r.hangs_on:
        without = scene.words.size(r.row["without_difference"], sign=True)
        told.append(
            f"It hinges on one subject, {r.hangs_on}: without that subject {r.row['method_b']} − {r.row['method_a']} "
            f"is {without} "
            f"(p = {p_value(r.row['without_p'])}, not corrected).".replace("= <", "<")
        )
    if r.certain and r.d_z_low < scene.criteria.threshold and not scene.criteria.is_beyond(r.low):
        told.append(f"The order is certain, but not that it matters: d_z may be below {scene.criteria.threshold:g}.")
    if isinstance(r.row["left_out"], str) and r.row["left_out"]:
        told.append(f"Over the other pairs only: {r.row['left_out']} left out, too few {r.units}.")
    if r.row["n_smallest"] < r.row["n_subjects"] and r.row["n_smallest"] < 6:
        told.append(f"The smallest of its groups has {count(r.row['n_smallest'])} {r.units}.")
    return "".join(f" {sentence}" for sentence in told)


def _structure(scene: Scene, r: Relation) -> str:
    """Name the structure without which little of a difference is left."""
    parts = scene.structures
    if parts.empty or not r.certain:
        return ""
    arms = ["variant_a", "method_a", "variant_b", "method_b"]
    mine = parts[(parts[arms] == [r.row[arm] for arm in arms]).all(axis="columns") & (parts["dominates"] == True)]  # noqa: E712
    if mine.empty:
        return ""
    top = mine.iloc[0]
    name = " ".join(str(top["name"]).split())
    turn = 1 if r.row["mean_difference"] >= 0 else -1
    return (
        f" One structure makes most of it: {name}, {top['contribution_percent']:.0f} %; without it the difference is "
        f"{scene.words.size(turn * top['difference_without'], sign=True)}."
    )


def _tell_by_class(scene: Scene, r: Relation) -> str:
    """Say in which splits a difference is certain; nothing where there is one split only."""
    found = [(name, each) for name, each in single_splits(scene) if each.names() == r.names()]
    if len(found) < 2:
        return ""
    groups: dict[str, list[str]] = {}
    for name, each in found:
        groups.setdefault(_tell_split(each, r), []).append(name)
    parts = [f"{words} {_name_splits(groups[words], len(found))}" for words in _IN_SPLITS if words in groups]
    return f" By split: {'; '.join(parts)}."


def _tell_split(each: Relation, whole: Relation) -> str:
    """What a split says of a difference that is shown over all pairs."""
    same = each.better == whole.better
    certain, turned, slight, slightly_turned, equivalent, identical, doubtful, unknown = _IN_SPLITS
    if each.shown:
        return (certain if same else turned) if each.certain else slight if same else slightly_turned
    return {"equivalent": equivalent, "identical": identical, "unknown": unknown}.get(each.kind, doubtful)


def _name_splits(splits: Sequence[str], all_splits: int) -> str:
    """Name splits, or count them where they are many."""
    if len(splits) <= MOST:
        return and_join([quote(split) for split in splits])
    return f"{'each' if len(splits) == all_splits else str(len(splits))} of the {all_splits} splits"


def single_splits(scene: Scene) -> list[tuple[str, Relation]]:
    """Relations over single splits but the scene's own; rescans are another matter."""
    return [(name, r) for name, r in scene.by_class if name in scene.splits and name not in (SAME_SUBJECT, scene.split)]
