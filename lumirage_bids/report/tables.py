"""Score tables as tables of a page: which columns, how they are written, what they sort by."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from lumirage_bids import measures
from lumirage_bids.report.text import MISSING, WRITERS, count, significant, span
from lumirage_bids.stats.classes import FLOOR, Arm, arm_labels, arms_of
from lumirage_bids.stats.ranking import FEWEST_FOR_RANKS
from lumirage_bids.stats.reasons import count_kinds, tell_kind
from lumirage_bids.stats.score import DICE
from lumirage_bids.stats.summaries import FOLDING_LIMIT_PERCENT


@dataclass(frozen=True, kw_only=True)
class ShownColumn:
    """A column of a page's table.

    Attributes
    ----------
    key : str
        Column of the data.
    title : str
    kind : str
        ``text`` or a key of `lumirage_bids.report.text.WRITERS`.
    group : str
        Heading over neighbouring columns of the same group.
    keep : bool
        Whether the column stays where it has one value only.
    folded : bool
        Whether it is shown on demand alone.
    repeats : str
        Column of the data; where all rows have its values, this one is left out.
    idle : bool
        Whether it is folded where all rows have 0, or one text.
    """

    key: str
    title: str
    kind: str = "text"
    group: str = ""
    keep: bool = False
    folded: bool = False
    repeats: str = ""
    idle: bool = False


@dataclass(frozen=True, kw_only=True)
class ShownCell:
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
    columns : tuple of ShownColumn
    rows : tuple of tuple of ShownCell
    """

    name: str
    caption: str
    columns: tuple[ShownColumn, ...]
    rows: tuple[tuple[ShownCell, ...], ...]

    @property
    def groups(self) -> list[tuple[str, bool, int]]:
        """Headings over the columns: text, whether folded, number of columns below it; empty where there are none."""
        runs = groupby(self.columns, key=lambda column: (column.group, column.folded))
        spans = [(*key, len(list(columns))) for key, columns in runs]
        return spans if any(group for group, _, _ in spans) else []

    @property
    def folded(self) -> int:
        """Number of columns that are shown on demand."""
        return sum(column.folded for column in self.columns)


def make_table(name: str, caption: str, data: pd.DataFrame, columns: list[ShownColumn]) -> Table:
    """Write every cell; text columns with one value only are left out, but for the first and those to be kept.

    Left out is too what repeats another column, row by row.
    """
    told = [c.keep or c.kind != "text" or data[c.key].nunique(dropna=False) > 1 for c in columns[1:]]
    kept = [columns[0], *(column for column, tells in zip(columns[1:], told, strict=True) if tells)]
    kept = [c for c in kept if not c.repeats or not np.allclose(data[c.key], data[c.repeats], equal_nan=True)]
    kept = [replace(c, folded=True) if c.idle and _is_idle(data[c.key], c.kind) else c for c in kept]
    written = [[_cell(value, column.kind) for value in data[column.key]] for column in kept]
    return Table(name=name, caption=caption, columns=tuple(kept), rows=tuple(zip(*written, strict=True)))


def _is_idle(values: pd.Series[Any], kind: str) -> bool:
    return bool(values.nunique() < 2 if kind == "text" else not values.any())


def _cell(value: str | float, kind: str) -> ShownCell:
    if kind == "text":
        text = MISSING if pd.isna(value) else str(value)
        return ShownCell(text=text, sort=text)
    number = float(value)
    return ShownCell(text=WRITERS[kind](number), sort=repr(number) if math.isfinite(number) else "")


def whole_table(name: str, caption: str, data: pd.DataFrame) -> Table:
    """Lay out a table as it is, under the names of its columns."""
    kinds = {key: "quantity" if pd.api.types.is_numeric_dtype(data[key]) else "text" for key in data.columns}
    columns = [ShownColumn(key=key, title=key, kind=kind, keep=True) for key, kind in kinds.items()]
    return make_table(name, caption, data, columns)


def accuracy_columns(data: pd.DataFrame, end: str = "", group: str = "") -> list[ShownColumn]:
    """Columns of the measures that tell of accuracy besides Dice, as far as there are values.

    Parameters
    ----------
    data : DataFrame
        Score rows, or with `end` ``_mean`` rows of the summary.
    end, group : str
        How the names of the columns end, and the heading over them.
    """
    further = [
        name for name, column in measures.columns().items() if column.tells == "accuracy" and name != DICE.column
    ]
    return [
        ShownColumn(key=f"{name}{end}", title=measures.columns()[name].title, kind="quantity", group=group)
        for name in further
        if measures.have_values([f"{name}{end}"], data)
    ]


def summary_table(summary: pd.DataFrame) -> Table:
    """Lay out the summary, one row per arm, class of pairs and labelling."""
    quartiles = [span(a, b) for a, b in zip(summary["q25"], summary["q75"], strict=True)]
    dice, trimmed, failing = "Dice, all scored pairs", "Dice, lowest 5 % left out", "Failures"
    cost = "Plausibility and cost"
    columns = [
        ShownColumn(key="method", title="Method"),
        ShownColumn(key="variant", title="Variant"),
        ShownColumn(key="split", title="Class of pairs", keep=True, idle=True),
        ShownColumn(key="labelling", title="Labelling"),
        ShownColumn(key="evaluation", title="Labels on grid"),
        ShownColumn(key="n_pairs", title="Pairs", kind="count"),
        ShownColumn(key="n_failed", title="Failed", kind="count", idle=True),
        ShownColumn(key="mean", title="Mean", kind="dice", group=dice),
        ShownColumn(key="median", title="Median", kind="dice", group=dice),
        ShownColumn(key="std", title="SD", kind="dice", group=dice),
        ShownColumn(key="quartiles", title="Quartiles", group=dice, keep=True, folded=True),
        ShownColumn(key="robustness_30", title="30th percentile", kind="dice", group=dice, folded=True),
        ShownColumn(key="dice_initial_mean", title="Initial", kind="dice", group=dice, folded=True),
        ShownColumn(key="folding_percent_mean", title="Folding, %", kind="quantity", group=cost),
        ShownColumn(key="runtime_s_median", title="Time, s", kind="quantity", group=cost),
        ShownColumn(key="memory_gb_max", title="Memory, GB", kind="quantity", group=cost),
        *accuracy_columns(summary, "_mean", "Other measures, mean"),
        ShownColumn(key="mean_worst_case", title="Mean, failed as 0", kind="dice", group=failing, repeats="mean"),
        ShownColumn(key="n_below_initial", title="Below initial", kind="count", group=failing, idle=True),
        ShownColumn(
            key="n_folding", title=f"Folding > {FOLDING_LIMIT_PERCENT:g} %", kind="count", group=failing, idle=True
        ),
        ShownColumn(key="failure_percent", title="Any failure, %", kind="quantity", group=failing, idle=True),
        ShownColumn(key="mean_trimmed", title="Mean", kind="dice", group=trimmed, folded=True, repeats="mean"),
        ShownColumn(key="median_trimmed", title="Median", kind="dice", group=trimmed, folded=True, repeats="median"),
        ShownColumn(key="std_trimmed", title="SD", kind="dice", group=trimmed, folded=True, repeats="std"),
    ]
    caption = (
        "Mean Dice per method. Any failure: no score, Dice below the initial one, or too much folding. Time: median; "
        "memory: highest; folding: mean."
    )
    return make_table("summary-table", caption, summary.assign(quartiles=quartiles), columns)


def ranking_table(ranking: pd.DataFrame) -> Table:
    """Lay out the ranks, one row per arm and labelling; arms that are set aside have none."""
    ends = zip(ranking["rank_low"], ranking["rank_high"], strict=True)
    spans = [span(low, high, 0) for low, high in ends]
    drawn, lacking = "Had other subjects been drawn", "Pairs without a score"
    columns = [
        ShownColumn(key="method", title="Method"),
        ShownColumn(key="variant", title="Variant"),
        ShownColumn(key="labelling", title="Labelling"),
        ShownColumn(key="evaluation", title="Labels on grid"),
        ShownColumn(key="n_common", title="Pairs in common", kind="count"),
        ShownColumn(key="mean", title="Mean", kind="dice"),
        ShownColumn(key="rank_mean", title="By mean", kind="index", group="Rank"),
        ShownColumn(key="rank", title="By certainty", kind="index", group="Rank"),
        ShownColumn(key="score_learn2reg", title="Learn2Reg's score", kind="quantity", group="Rank", folded=True),
        ShownColumn(key="first_percent", title="First, %", kind="quantity", group=drawn, idle=True),
        ShownColumn(key="spans", title="Rank, 95 %", group=drawn, keep=True, idle=True),
        ShownColumn(key="lacking_percent", title="Lacking, %", kind="quantity", group=lacking, idle=True),
        ShownColumn(key="mean_zero", title="Mean, those at worst", kind="dice", group=lacking, repeats="mean"),
    ]
    caption = (
        "Ranks on the pairs scored by all methods that are not set aside; ranking.tsv has them for each split too. "
        "By certainty: one more than the methods that are better for certain, as in the verdict. How ranks would vary "
        f"had other subjects been drawn cannot be told from fewer than {FEWEST_FOR_RANKS} subjects."
    )
    return make_table("ranking-table", caption, ranking.assign(spans=spans), columns)


def comparison_names(table: pd.DataFrame) -> list[str]:
    """Name each row “b − a”."""
    arms = [table[[f"variant_{x}", f"method_{x}"]].set_axis(["variant", "method"], axis="columns") for x in ("a", "b")]
    labels = arm_labels(arms_of(pd.concat(arms)))
    a, b = ([labels[Arm(v, m)] for v, m in zip(x["variant"], x["method"], strict=True)] for x in arms)
    return [f"{later} − {earlier}" for later, earlier in zip(b, a, strict=True)]


def comparison_table(comparisons: pd.DataFrame) -> Table:
    """Lay out the comparisons, each named “b − a”, those with the floor last."""
    with_floor = (comparisons[["method_a", "method_b"]] == FLOOR).any(axis="columns")
    comparisons = pd.concat([comparisons[~with_floor], comparisons[with_floor]])
    names = comparison_names(comparisons)
    spans = {name: _spans(comparisons, name) for name in ("ci", "d_z", "worst_case_ci")}
    data = comparisons.assign(names=names, **{f"{name}_span": ends for name, ends in spans.items()})
    margins = "".join(f"{margin:g}" for margin in comparisons["equivalence_margin"].unique()[:1])
    refused = bool(comparisons["refused"].notna().any())
    difference, effect, plain = "Difference in mean Dice", "Effect size", "Pairs treated as independent"
    worst = "Failed pairs scored 0"
    columns = [
        ShownColumn(key="names", title="Comparison"),
        ShownColumn(key="split", title="Class of pairs", keep=True, idle=True),
        ShownColumn(key="labelling", title="Labelling"),
        ShownColumn(key="evaluation", title="Labels on grid"),
        ShownColumn(key="n", title="Pairs", kind="count"),
        ShownColumn(key="n_failed", title="Failed", kind="count", idle=True),
        ShownColumn(key="n_subjects", title="Subjects", kind="count"),
        ShownColumn(key="mean_difference", title="Mean", kind="difference", group=difference),
        ShownColumn(key="ci_span", title="95 % interval", group=difference, keep=True, idle=True),
        ShownColumn(key="p_holm", title="p (Holm)", kind="p", group=difference),
        ShownColumn(key="p_equivalence_holm", title=f"p within ± {margins} (Holm)", kind="p", group=difference),
        ShownColumn(key="p", title="p", kind="p", group=difference, folded=True),
        ShownColumn(key="d_z", title="d_z", kind="effect", group=effect),
        ShownColumn(key="d_z_span", title="95 % interval", group=effect, keep=True, idle=True),
        ShownColumn(key="d_av", title="d_av", kind="effect", group=effect, folded=True),
        ShownColumn(key="d_pooled", title="d_pooled", kind="effect", group=effect, folded=True),
        ShownColumn(key="hedges_g", title="Hedges’ g", kind="effect", group=effect, folded=True),
        ShownColumn(key="worst_case_difference", title="Difference", kind="difference", group=worst, folded=True),
        ShownColumn(key="worst_case_ci_span", title="95 % interval", group=worst, keep=True, folded=True),
        ShownColumn(key="t", title="t", kind="effect", group=plain, folded=True),
        ShownColumn(key="p_t", title="p (t)", kind="p", group=plain, folded=True),
        ShownColumn(key="p_wilcoxon", title="p (Wilcoxon)", kind="p", group=plain, folded=True),
        ShownColumn(key="refused", title="Why no interval", keep=refused),
    ]
    caption = (
        "Every two methods, on the pairs that both scored and, unless one of them is set aside, every other ranked "
        "method too; where no pair was scored by all, on those of the two. Positive: the first-named is higher. "
        "Intervals and p-values over subjects, but for those under “pairs treated as independent”, which are too "
        "confident."
    )
    return make_table("comparison-table", caption, data, columns)


def measure_table(summed: pd.DataFrame) -> Table:
    """Lay out every measure, one row each, the means of the arms over the pairs in common side by side."""
    about = measures.compared_columns()
    labels = arm_labels(arms_of(summed))
    key = ["labelling", "evaluation", "measure"]
    means = summed["mean_common"].where(~summed["set_aside"].astype(bool), summed["mean"])
    data = summed.assign(
        arm=[labels[Arm(v, m)] for v, m in zip(summed["variant"], summed["method"], strict=True)],
        shown=[
            f"{significant(value)}{' *' * bool(aside)}" for value, aside in zip(means, summed["set_aside"], strict=True)
        ],
    )
    kinds = {"accuracy": 0, "deformation": 1, "cost": 2}
    order = data.drop_duplicates(key)[key]
    places = pd.DataFrame(
        {
            "labelling": pd.factorize(order["labelling"])[0],
            "evaluation": pd.factorize(order["evaluation"], sort=True)[0],
            "kind": [kinds[about[name].tells] for name in order["measure"]],
        },
        index=order.index,
    )
    order = order.loc[places.sort_values(["labelling", "evaluation", "kind"], kind="stable").index]
    wide = order.merge(
        data.pivot(index=key, columns="arm", values="shown").add_prefix("mean of ").reset_index(), on=key
    )
    most = data.groupby(key)["n_common"].max()
    wide = wide.assign(
        title=[about[name].title for name in wide["measure"]],
        direction=[about[name].direction for name in wide["measure"]],
        tells=[about[name].tells for name in wide["measure"]],
        margin=[f"{about[name].margin:g}" for name in wide["measure"]],
        n=[most[tuple(row)] for row in wide[key].itertuples(index=False)],
    )
    columns = [
        ShownColumn(key="title", title="Measure"),
        ShownColumn(key="labelling", title="Labelling"),
        ShownColumn(key="evaluation", title="Labels on grid"),
        ShownColumn(key="tells", title="Tells of", keep=True),
        ShownColumn(key="direction", title="Direction", keep=True),
        ShownColumn(key="margin", title="Of no consequence, ±", keep=True, folded=True),
        ShownColumn(key="n", title="Pairs in common", kind="count"),
        *(ShownColumn(key=f"mean of {name}", title=name, group="Mean", keep=True) for name in labels.values()),
    ]
    caption = (
        "Every measure that methods are compared by: means over the pairs for which all methods have it; * over other "
        "pairs, of a method that lacks more than 5 %. What tells of the deformation or of cost ranks no methods by "
        "itself: no deformation at all is perfect and free."
    )
    return make_table("measure-table", caption, wide, columns)


def further_table(further: pd.DataFrame) -> Table:
    """Lay out the comparisons by other measures, each named “b − a”."""
    about = measures.compared_columns()
    data = further.assign(
        names=comparison_names(further),
        title=[about[name].title for name in further["measure"]],
        direction=[about[name].direction for name in further["measure"]],
        difference=[f"{significant(value)}" for value in further["mean_difference"]],
        interval=[
            f"{significant(low)} to {significant(high)}" if np.isfinite(low) else MISSING
            for low, high in zip(further["ci_low"], further["ci_high"], strict=True)
        ],
    )
    columns = [
        ShownColumn(key="title", title="Measure"),
        ShownColumn(key="direction", title="Direction", keep=True),
        ShownColumn(key="names", title="Comparison", keep=True),
        ShownColumn(key="labelling", title="Labelling"),
        ShownColumn(key="evaluation", title="Labels on grid"),
        ShownColumn(key="n", title="Pairs", kind="count"),
        ShownColumn(key="n_subjects", title="Subjects", kind="count"),
        ShownColumn(key="mean_difference", title="Mean difference", kind="quantity"),
        ShownColumn(key="interval", title="95 % interval", keep=True),
        ShownColumn(key="p_holm", title="p (Holm)", kind="p"),
        ShownColumn(key="p_equivalence_holm", title="p within the margin (Holm)", kind="p"),
        ShownColumn(key="d_z", title="d_z", kind="effect"),
    ]
    caption = (
        "Every two methods by every other measure, in its unit; positive: the first-named has more. p (Holm) is "
        "corrected over all of this table, a family apart from that of Dice."
    )
    return make_table("further-table", caption, data, columns)


def _spans(table: pd.DataFrame, name: str) -> list[str]:
    """Write the interval that two columns hold."""
    return [span(low, high, sign=True) for low, high in zip(table[f"{name}_low"], table[f"{name}_high"], strict=True)]


def structure_table(per_structure: pd.DataFrame, labelling: str, name: str) -> Table:
    """Lay out the mean of each arm side by side, one row per structure."""
    rows = per_structure[per_structure["labelling"] == labelling]
    labels = arm_labels(arms_of(rows))
    key = ["index", "name"]
    wide = rows.assign(
        arm=[labels[Arm(v, m)] for v, m in zip(rows["variant"], rows["method"], strict=True)],
        interval=[span(low, high) for low, high in zip(rows["ci_low"], rows["ci_high"], strict=True)],
    )
    means = wide.pivot(index=key, columns="arm", values="mean")
    spans = wide.pivot(index=key, columns="arm", values="interval").add_prefix("interval of ")
    data = means.join(spans).assign(most=wide.groupby(key)["n"].max()).reset_index()
    known = bool(rows["ci_low"].notna().any())
    columns = [
        ShownColumn(key="name", title="Structure"),
        ShownColumn(key="index", title="Index", kind="index"),
        ShownColumn(key="most", title="Pairs, at most", kind="count"),
    ]
    for label in labels.values():
        columns.append(ShownColumn(key=label, title="Mean Dice", kind="dice", group=label))
        if known:
            columns.append(ShownColumn(key=f"interval of {label}", title="95 % interval", group=label, keep=True))
    return make_table(name, f"Mean Dice per structure, {labelling}.", data, columns)


def landmark_table(landmarks: pd.DataFrame) -> Table:
    """Lay out the mean error of each arm side by side, one row per landmark, beside how far raters disagree.

    Parameters
    ----------
    landmarks : DataFrame
        Rows of `lumirage_bids.stats.landmarks.per_landmark`.
    """
    labels = arm_labels(arms_of(landmarks))
    wide = landmarks.assign(
        arm=[labels[Arm(v, m)] for v, m in zip(landmarks["variant"], landmarks["method"], strict=True)],
        interval=[span(low, high, 2) for low, high in zip(landmarks["ci_low"], landmarks["ci_high"], strict=True)],
    )
    data = wide.drop_duplicates("landmark")[["landmark", "description", "raters_mm", "floor_mm"]].set_index("landmark")
    data["most"] = wide.groupby("landmark")["n"].max()
    columns = [
        ShownColumn(key="landmark", title="Landmark"),
        ShownColumn(key="description", title="What it is"),
        ShownColumn(key="most", title="Pairs, at most", kind="count"),
    ]
    for label in labels.values():
        of = wide[wide["arm"] == label].set_index("landmark")
        data[label], data[f"interval of {label}"] = of["mean"], of["interval"]
        columns.append(ShownColumn(key=label, title="Mean error, mm", kind="quantity", group=label))
        columns.append(ShownColumn(key=f"interval of {label}", title="95 % interval", group=label, keep=True))
    if bool(landmarks["raters_mm"].notna().any()):
        columns.append(ShownColumn(key="raters_mm", title="Between two, mm", kind="quantity", group="Raters"))
        columns.append(
            ShownColumn(key="floor_mm", title="Left after a perfect registration, mm", kind="quantity", group="Raters")
        )
    return make_table("landmark-table", "Mean error of each landmark, the worst first.", data.reset_index(), columns)


def structure_difference_table(differences: pd.DataFrame, labelling: str, name: str, most: int = 10) -> Table:
    """Lay out the structures that make most of each difference, `most` of them for every two arms.

    Parameters
    ----------
    differences : DataFrame
        Rows of `lumirage_bids.stats.structures.structure_differences`.
    labelling, name : str
    most : int
    """
    rows = differences[(differences["labelling"] == labelling) & (differences["rank"] <= most)]
    columns = [
        ShownColumn(key="names", title="Comparison"),
        ShownColumn(key="rank", title="Rank", kind="index"),
        ShownColumn(key="name", title="Structure", keep=True),
        ShownColumn(key="index", title="Index", kind="index"),
        ShownColumn(key="n", title="Pairs", kind="count"),
        ShownColumn(key="mean_difference", title="Difference in Dice", kind="difference"),
        ShownColumn(key="ci_span", title="95 % interval", keep=True),
        ShownColumn(key="d_z", title="d_z", kind="effect"),
        ShownColumn(key="contribution", title="Part of the difference in mean Dice", kind="difference"),
        ShownColumn(key="contribution_percent", title="%", kind="quantity"),
    ]
    caption = (
        f"Structures that each difference comes from, {labelling}: the {most} largest parts. Pairs of rescans left out."
    )
    data = rows.assign(names=comparison_names(rows), ci_span=_spans(rows, "ci"))
    return make_table(name, caption, data, columns)


def labeller_table(summary: pd.DataFrame) -> Table:
    """Lay out how well labellers agree with their reference labellings, a row a structure and one over all.

    Parameters
    ----------
    summary : DataFrame
        Rows of `lumirage_bids.output.agreements.summarise`.
    """
    columns = [
        ShownColumn(key="labelling", title="Labelling"),
        ShownColumn(key="reference", title="Reference", keep=True),
        ShownColumn(key="name", title="Structure", keep=True),
        ShownColumn(key="n", title="Scans", kind="count"),
        ShownColumn(key="mean", title="Mean Dice", kind="dice"),
        ShownColumn(key="std", title="SD", kind="dice"),
    ]
    caption = "Dice of a labeller's maps with a reference's of the same scans. Mean and SD: over scans."
    return make_table("labeller-table", caption, summary, columns)


def failure_table(pairs: pd.DataFrame) -> Table:
    """Lay out how many pairs failed, by method and kind of failure."""
    failed = pairs[pairs["status"] != "ok"]
    data = count_kinds(failed, ["method", "variant", "labelling"])
    data["reason"] = [tell_kind(row) for row in data.to_dict("records")]
    columns = [
        ShownColumn(key="method", title="Method"),
        ShownColumn(key="variant", title="Variant"),
        ShownColumn(key="labelling", title="Labelling"),
        ShownColumn(key="n", title="Pairs", kind="count"),
        ShownColumn(key="kind", title="Kind"),
        ShownColumn(key="reason", title="Reason", keep=True),
    ]
    caption = f"{count(len(failed))} rows of the score table failed, by kind of failure."
    return make_table("failure-table", caption, data, columns)
