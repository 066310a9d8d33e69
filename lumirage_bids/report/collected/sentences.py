"""What several experiments say together, in words made from numbers: no order without an interval."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.collected.comparable import Apart, Block
from lumirage_bids.report.collected.summing import TOO_FEW, Summed
from lumirage_bids.report.text import Wording, and_join, few, p_value
from lumirage_bids.stats.classes import Arm, arm_labels
from lumirage_bids.stats.random_effects import FEWEST_EXPERIMENTS, FEWEST_TO_PREDICT

_WORDS = Wording()
_Row = Mapping[Hashable, Any]


def title(number: int, summed: Summed) -> str:
    """What an experiment is called: its dataset, protocol where a dataset has several, and number."""
    about = summed.experiments[number].about
    datasets = [each.about.dataset for each in summed.experiments]
    own = f", {about.protocol}" if datasets.count(about.dataset) > 1 else ""
    return f"{about.dataset}{own} ({number + 1})"


def titles(numbers: list[int], summed: Summed) -> str:
    """Several of them, in order."""
    return few([title(number, summed) for number in dict.fromkeys(numbers)])


def arm_titles(summed: Summed) -> dict[Arm, str]:
    """Name of each arm on the page."""
    rows = summed.arms[["variant", "method"]].drop_duplicates().itertuples(index=False, name=None)
    return arm_labels(Arm(*row) for row in rows)


def couple_titles(row: _Row, labels: Mapping[Arm, str]) -> tuple[str, str]:
    """Names of the two arms of a row."""
    return labels[Arm(row["variant_a"], row["method_a"])], labels[Arm(row["variant_b"], row["method_b"])]


def has_means(rows: pd.DataFrame) -> bool:
    """Whether any two methods have a mean over datasets."""
    return bool(rows["mean_difference"].notna().any())


def verdict_together(summed: Summed) -> dict[str, list[str]]:
    """Label set and evaluation → what its experiments say together of every two methods."""
    labels = arm_titles(summed)
    found: dict[str, list[str]] = {}
    for group, rows in summed.together.groupby("group", sort=False):
        competing = rows[~rows["method_a"].isin(summed.floors)]
        shown = competing if len(competing) else rows
        told = [" ".join(_couple(summed, row, labels)) for row in shown.to_dict("records")]
        found[str(group)] = [*told, *_tell_partial(summed, str(group))]
    return found


def _couple(summed: Summed, row: _Row, labels: Mapping[Arm, str]) -> Iterator[str]:
    """Tell what experiments say of two arms: side by side where they are few, else their mean and their spread."""
    a, b = couple_titles(row, labels)
    of = _rows_of(summed, row)
    if row["n_datasets"] < FEWEST_EXPERIMENTS:
        yield from _side_by_side(summed, row, of, a, b)
    else:
        yield _mean(row, a, b, summed.criteria)
        yield _tell_spread(row, summed.criteria)
        yield _tell_further(row, a, b, summed.criteria)
    if row["n_aside"]:
        out = of[~of["counted"].astype(bool)]
        why = and_join([f"{title(e, summed)} ({w})" for e, w in zip(out["experiment"], out["why_not"], strict=True)])
        yield f"Not counted: {why}."
        if out["why_not"].str.contains(TOO_FEW, regex=False).any():
            yield (
                "A mean over datasets weighs them by how well the error of each is known, which is not told from so "
                "few subjects; its own verdict stands, as its interval is as wide as they make it."
            )
    yield from _tell_turning(summed, of, a, b)


def _rows_of(summed: Summed, row: _Row) -> pd.DataFrame:
    """Comparisons of single experiments that a row sums up."""
    keys = ["group", "variant_a", "method_a", "variant_b", "method_b"]
    of = summed.couples
    return of[(of[keys] == [row[key] for key in keys]).all(axis="columns")]


def _side_by_side(summed: Summed, row: _Row, of: pd.DataFrame, a: str, b: str) -> Iterator[str]:
    n = int(row["n_datasets"])
    that = (
        f"{n} dataset{'s' * (n != 1)} with an interval that counts"
        if row["n_aside"]
        else f"{n} dataset{'s' * (n != 1)}"
    )
    parts = [f"{title(r['experiment'], summed)}: {_difference(r)}" for r in of.to_dict("records")]
    if len(summed.experiments) == 1:
        yield f"{b} − {a} in {parts[0]}. There is one experiment, so nothing is told of other datasets."
        return
    yield (
        f"{b} and {a}: whether their order holds over datasets cannot be told from {that} ({FEWEST_EXPERIMENTS} at "
        f"least). {b} − {a} in {'; '.join(parts)}."
    )


def _difference(row: _Row) -> str:
    size = _WORDS.size(row["mean_difference"], sign=True)
    if not math.isfinite(row["ci_low"]):
        return f"{size} (no interval)"
    return f"{size} ({_WORDS.interval(row['ci_low'], row['ci_high'])})"


def _mean(row: _Row, a: str, b: str, criteria: Criteria) -> str:
    n = int(row["n_datasets"])
    mean = row["mean_difference"]
    interval = f"{criteria.level} interval {_WORDS.interval(row['ci_low'], row['ci_high'])}"
    p = f"p = {p_value(row['p_holm'])} after Holm's correction over the page".replace("= <", "<")
    told = f"{b} − {a} {_WORDS.size(mean, sign=True)} Dice, mean over {n} datasets ({interval}; {p})"
    better, worse = (b, a) if mean > 0 else (a, b)
    if row["p_holm"] < criteria.alpha and criteria.is_beyond(mean):
        return f"On average over datasets like these, {better} is above {worse}: {told}."
    if row["p_equivalence_holm"] < criteria.alpha:
        return f"On average over datasets like these, {b} and {a} differ by less than {criteria.margin:g} Dice: {told}."
    if row["p_holm"] < criteria.alpha:
        return (
            f"On average over datasets like these, {better} is above {worse}, but the difference is not shown to "
            f"matter: {told}."
        )
    return f"Not certain which of {b} and {a} is ahead on average over datasets: {told}."


def _tell_spread(row: _Row, criteria: Criteria) -> str:
    """Heterogeneity in plain words, with its intervals."""
    tau = f"{_WORDS.size(row['tau'])}, {criteria.level} interval {_WORDS.interval(row['tau_low'], row['tau_high'])}"
    share = f"I² {row['i2']:.0f} %, {row['i2_low']:.0f} to {row['i2_high']:.0f}"
    more = "; datasets differ by more than chance" if row["tau_low"] > 0 else ""
    return (
        f"From dataset to dataset the true difference varies with a standard deviation τ of {tau} ({share}: the share "
        f"of what is seen to vary that is more than the chance of single experiments){more}."
    )


def _tell_further(row: _Row, a: str, b: str, criteria: Criteria) -> str:
    low, high = row["further_low"], row["further_high"]
    if not math.isfinite(low):
        return f"What a further dataset would show is not told from fewer than {FEWEST_TO_PREDICT}."
    told = f"In a further dataset it would lie in {_WORDS.interval(low, high)} ({criteria.level} prediction interval)"
    if low > 0 or high < 0:
        return f"{told}: with the same order."
    return f"{told}: the other order is not excluded."


def _tell_turning(summed: Summed, of: pd.DataFrame, a: str, b: str) -> Iterator[str]:
    """Say where an order is certain one way in one experiment and the other way in another."""
    certain = of[of["finding"] == "certain"]
    ahead = {x: list(certain.loc[certain["ahead"] == x, "experiment"]) for x in "ab"}
    if ahead["a"] and ahead["b"]:
        yield (
            f"The order turns: {b} is above {a} for certain in {titles(ahead['b'], summed)}, and below it in "
            f"{titles(ahead['a'], summed)}."
        )


def _tell_partial(summed: Summed, group: str) -> Iterator[str]:
    """Name arms that ran in only some experiments of a group."""
    rows = summed.arms[summed.arms["group"] == group]
    arms = [Arm(*arm) for arm in rows[["variant", "own"]].drop_duplicates().itertuples(index=False, name=None)]
    every = set(rows["experiment"])
    for arm, name in arm_labels(arms).items():
        here = sorted(set(rows.loc[(rows["variant"] == arm.variant) & (rows["own"] == arm.method), "experiment"]))
        if len(here) < len(every):
            yield f"{name} ran in {len(here)} of {len(every)} experiments only: {titles(here, summed)}."


def apart_sentence(apart: Apart, summed: Summed) -> str:
    """Say what is not summed up, though it has one name, and why."""
    where = [titles(list(of), summed) for of in apart.experiments]
    if apart.kind == "name":
        return (
            f"{titles(list(apart.experiments[0]), summed)} have one dataset name, {apart.name}, and "
            f"{apart.reasons[0]}. By the name they are one dataset, and count as one where experiments are summed up. "
            "Are they scans of different people, give the datasets names of their own (Name in "
            "dataset_description.json), and run the group level again."
        )
    if apart.kind == "dataset":
        return (
            f"{apart.name} are of the same scans ({apart.reasons[0]}), so they are no two datasets: where experiments "
            "are summed up, they count as one."
        )
    what = {
        "arm": f"{apart.name} is not one thing in all experiments",
        "labelling": f"Label set {apart.name} is not one in all experiments",
        "evaluation": f"Labels of {apart.name} are not compared in one way",
    }[apart.kind]
    letters = apart.kind != "evaluation"
    parts = [
        f"{f'[{chr(65 + i)}] ' if letters and i < 26 else ''}in {of}" + (f": {apart.reasons[i - 1]}" if i else "")
        for i, of in enumerate(where)
    ]
    return f"{what}, and is shown apart: {'; '.join(parts)}."


def tell_single(summed: Summed) -> list[str]:
    """Name label sets of which there is one experiment, which nothing is summed up with."""
    found: dict[str, list[Block]] = {}
    for block, group in summed.comparable.groups.items():
        found.setdefault(group, []).append(block)
    single = {
        group: blocks[0].experiment for group, blocks in found.items() if len({b.experiment for b in blocks}) == 1
    }
    if not single or len(summed.experiments) == 1:
        return []
    told = and_join([f"{group} ({title(place, summed)})" for group, place in single.items()])
    return [
        f"Scores of different label sets, or on different grids, are different quantities and are not summed up. By "
        f"itself: {told}."
    ]
