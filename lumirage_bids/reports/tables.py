"""Score tables as tables of a page: which columns, how they are written, what they sort by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from lumirage_bids.reports.text import MISSING, WRITERS, count, span
from lumirage_bids.stats.classes import Arm, arm_labels, arms_of


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a page's table.

    Attributes
    ----------
    key : str
        Column of the data.
    title : str
    kind : str
        ``text`` or a key of `lumirage_bids.reports.text.WRITERS`.
    group : str
        Heading over neighbouring columns of the same group.
    keep : bool
        Whether the column stays where it has one value only.
    """

    key: str
    title: str
    kind: str = "text"
    group: str = ""
    keep: bool = False


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell: its text, and what it sorts by."""

    text: str
    sort: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table ready for the page; the first column heads the rows.

    Attributes
    ----------
    name : str
        Id on the page.
    caption : str
    columns : tuple of Column
    rows : tuple of tuple of Cell
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Headings over the columns, each with the number of columns below it; empty where there are none."""
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and spans[-1][0] == column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        return spans if any(group for group, _ in spans) else []


def make_table(name: str, caption: str, data: pd.DataFrame, columns: list[Column]) -> Table:
    """Write every cell; text columns with one value only are left out, but for the first and those to be kept."""
    told = [c.keep or c.kind != "text" or data[c.key].nunique(dropna=False) > 1 for c in columns[1:]]
    kept = [columns[0], *(column for column, tells in zip(columns[1:], told, strict=True) if tells)]
    written = [[_cell(value, column.kind) for value in data[column.key]] for column in kept]
    return Table(name=name, caption=caption, columns=tuple(kept), rows=tuple(zip(*written, strict=True)))


def _cell(value: str | float, kind: str) -> Cell:
    if kind == "text":
        text = MISSING if pd.isna(value) else str(value)
        return Cell(text=text, sort=text)
    number = float(value)
    return Cell(text=WRITERS[kind](number), sort=repr(number) if math.isfinite(number) else "")


def summary_table(summary: pd.DataFrame) -> Table:
    """Lay out the summary, one row per arm, class of pairs and labelling."""
    quartiles = [span(a, b) for a, b in zip(summary["q25"], summary["q75"], strict=True)]
    dice, trimmed, cost = "Dice, all scored pairs", "Dice, lowest 5 % left out", "Cost and plausibility"
    columns = [
        Column(key="method", title="Method"),
        Column(key="variant", title="Variant"),
        Column(key="split", title="Pairs of", keep=True),
        Column(key="labelling", title="Labelling"),
        Column(key="n_pairs", title="Pairs", kind="count"),
        Column(key="n_failed", title="Failed", kind="count"),
        Column(key="mean", title="Mean", kind="dice", group=dice),
        Column(key="median", title="Median", kind="dice", group=dice),
        Column(key="std", title="SD", kind="dice", group=dice),
        Column(key="quartiles", title="Quartiles", group=dice, keep=True),
        Column(key="dice_initial_mean", title="Initial", kind="dice", group=dice),
        Column(key="mean_trimmed", title="Mean", kind="dice", group=trimmed),
        Column(key="median_trimmed", title="Median", kind="dice", group=trimmed),
        Column(key="std_trimmed", title="SD", kind="dice", group=trimmed),
        Column(key="runtime_s_median", title="Time, s", kind="quantity", group=cost),
        Column(key="memory_gb_max", title="Memory, GB", kind="quantity", group=cost),
        Column(key="folding_percent_mean", title="Folding, %", kind="quantity", group=cost),
    ]
    caption = "Mean Dice per method. Time: median; memory: highest; folding: mean."
    return make_table("summary-table", caption, summary.assign(quartiles=quartiles), columns)


def comparison_table(comparisons: pd.DataFrame) -> Table:
    """Lay out the comparisons, each named “b − a”."""
    arms = [
        comparisons[[f"variant_{x}", f"method_{x}"]].set_axis(["variant", "method"], axis="columns") for x in ("a", "b")
    ]
    labels = arm_labels(arms_of(pd.concat(arms)))
    a, b = ([labels[Arm(v, m)] for v, m in zip(x["variant"], x["method"], strict=True)] for x in arms)
    names = [f"{later} − {earlier}" for later, earlier in zip(b, a, strict=True)]
    ends = zip(comparisons["ci_low"], comparisons["ci_high"], strict=True)
    interval = [span(low, high, sign=True) for low, high in ends]
    difference, effect, test = "Difference in mean Dice", "Effect size", "Paired t-test"
    columns = [
        Column(key="names", title="Comparison"),
        Column(key="split", title="Pairs of", keep=True),
        Column(key="labelling", title="Labelling"),
        Column(key="n", title="Pairs", kind="count"),
        Column(key="n_failed", title="Failed", kind="count"),
        Column(key="mean_difference", title="Mean", kind="difference", group=difference),
        Column(key="interval", title="95 % interval", group=difference, keep=True),
        Column(key="d_z", title="d_z", kind="effect", group=effect),
        Column(key="d_av", title="d_av", kind="effect", group=effect),
        Column(key="d_pooled", title="d_pooled", kind="effect", group=effect),
        Column(key="hedges_g", title="Hedges’ g", kind="effect", group=effect),
        Column(key="t", title="t", kind="effect", group=test),
        Column(key="p", title="p", kind="p", group=test),
        Column(key="p_holm", title="p (Holm)", kind="p", group=test),
    ]
    caption = "Every two methods, on the pairs that both scored. Positive: the first-named is higher."
    return make_table("comparison-table", caption, comparisons.assign(names=names, interval=interval), columns)


def structure_table(per_structure: pd.DataFrame, labelling: str, name: str) -> Table:
    """Lay out the mean of each arm side by side, one row per structure."""
    rows = per_structure[per_structure["labelling"] == labelling]
    labels = arm_labels(arms_of(rows))
    key = ["index", "name"]
    wide = rows.assign(arm=[labels[Arm(v, m)] for v, m in zip(rows["variant"], rows["method"], strict=True)])
    means = wide.pivot(index=key, columns="arm", values="mean")
    data = means.assign(most=wide.groupby(key)["n"].max()).reset_index()
    columns = [
        Column(key="name", title="Structure"),
        Column(key="index", title="Index", kind="index"),
        Column(key="most", title="Pairs, at most", kind="count"),
        *(Column(key=label, title=label, kind="dice", group="Mean Dice") for label in labels.values()),
    ]
    return make_table(name, f"Mean Dice per structure, {labelling}.", data, columns)


def failure_table(pairs: pd.DataFrame) -> Table:
    """Lay out how many pairs failed, by method and reason."""
    failed = pairs[pairs["status"] != "ok"]
    key = ["method", "variant", "labelling", "reason"]
    counts = failed.assign(reason=failed["reason"].fillna("no reason given")).groupby(key, sort=False).size()
    data = counts.rename("n").reset_index().sort_values("n", ascending=False, kind="stable")
    columns = [
        Column(key="method", title="Method"),
        Column(key="variant", title="Variant"),
        Column(key="labelling", title="Labelling"),
        Column(key="n", title="Pairs", kind="count"),
        Column(key="reason", title="Reason", keep=True),
    ]
    caption = f"{count(len(failed))} rows of the score table failed, by reason."
    return make_table("failure-table", caption, data, columns)
