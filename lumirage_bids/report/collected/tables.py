"""Several experiments as tables of a page."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from lumirage_bids.report.collected.columns import EXPERIMENTS
from lumirage_bids.report.collected.comparable import Block
from lumirage_bids.report.collected.sentences import arm_titles, couple_titles, title
from lumirage_bids.report.collected.summing import Summed
from lumirage_bids.report.tables import ShownColumn, Table, make_table
from lumirage_bids.report.text import MISSING, fixed, span
from lumirage_bids.stats.classes import Arm
from lumirage_bids.stats.pairing import crossing_of

_DOUBTFUL = ("critical", "serious")


def experiments(summed: Summed) -> pd.DataFrame:
    """A row a label set and evaluation of an experiment, columns of `EXPERIMENTS`."""
    rows = []
    for block, group in summed.comparable.groups.items():
        each = summed.experiments[block.experiment]
        about, pairs = each.about, each.tables.pairs
        mine = pairs[(pairs["labelling"] == block.labelling) & (pairs["evaluation"] == block.evaluation)]
        once = mine.drop_duplicates(["moving", "fixed"])
        frozen = about.frozen or {}
        rows.append(
            {
                **{"experiment": block.experiment + 1, "dataset": about.dataset, "protocol": about.protocol},
                **{"labelling": block.labelling, "evaluation": block.evaluation, "group": group},
                "withheld": about.labellings[block.labelling].withheld or None,
                **{"n_pairs": len(once), "n_scans": len({*once["moving"], *once["fixed"]})},
                "n_subjects": len(crossing_of(once).subjects),
                "n_failed": int((mine["status"] != "ok").sum()),
                "structures": len(about.labellings[block.labelling].structures),
                "findings": int(each.audit["severity"].isin(_DOUBTFUL).sum()),
                **{"frozen": frozen.get("digest"), "followed": frozen.get("followed")},
                **{"program": about.program, "sloppy": about.sloppy},
            }
        )
    found = pd.DataFrame(rows, columns=list(EXPERIMENTS))
    return found.sort_values("experiment", kind="stable", ignore_index=True)


def experiment_table(table: pd.DataFrame) -> Table:
    """Lay the experiments out."""
    frozen = [
        MISSING if pd.isna(d) else f"{d[:12]}… {'' if f else 'not '}followed"
        for d, f in table[["frozen", "followed"]].itertuples(index=False, name=None)
    ]
    columns = [
        ShownColumn(key="experiment", title="Experiment", kind="count"),
        ShownColumn(key="dataset", title="Dataset", keep=True),
        ShownColumn(key="protocol", title="Protocol", keep=True),
        ShownColumn(key="labelling", title="Label set", keep=True),
        ShownColumn(key="evaluation", title="Labels on grid"),
        ShownColumn(key="structures", title="Structures", kind="count"),
        ShownColumn(key="n_pairs", title="Ordered pairs", kind="count"),
        ShownColumn(key="n_scans", title="Scans", kind="count"),
        ShownColumn(key="n_subjects", title="Subjects", kind="count"),
        ShownColumn(key="n_failed", title="Rows without a score", kind="count"),
        ShownColumn(key="findings", title="Critical or serious findings of its audit", kind="count"),
        ShownColumn(key="program", title="LUMirage"),
        ShownColumn(key="told", title="Frozen plan"),
        ShownColumn(key="withheld", title="Why no verdict"),
    ]
    caption = "What stands on this page. As a table: experiments.tsv."
    return make_table("experiments-table", caption, table.assign(told=frozen), columns)


def method_table(summed: Summed) -> Table:
    """Lay out method × experiment: mean, and what it gains over the start, with its interval."""
    labels, blocks = arm_titles(summed), _blocks(summed)
    cells: dict[Arm, dict[str, Any]] = {}
    for row in summed.arms.to_dict("records"):
        name = blocks[Block(row["experiment"], row["labelling"], row["evaluation"])]
        own = cells.setdefault(Arm(row["variant"], row["method"]), {})
        own[f"{name}/mean"] = row["mean"]
        own[f"{name}/gain"] = _interval(row["gain"], row["gain_low"], row["gain_high"])
        own[f"{name}/mark"] = " (set aside)" if row["set_aside"] else ""
    data = pd.DataFrame([{"method": label, **cells[arm]} for arm, label in labels.items()])
    columns = [ShownColumn(key="method", title="Method")]
    for name in blocks.values():
        gain = data[f"{name}/gain"].fillna(MISSING) + data[f"{name}/mark"].fillna("")
        data[f"{name}/gain"] = gain
        columns += [
            ShownColumn(key=f"{name}/mean", title="Mean Dice", kind="dice", group=name),
            ShownColumn(key=f"{name}/gain", title="Over the start", group=name, keep=True),
        ]
    caption = (
        "Method × experiment: mean Dice over the pairs that all ranked methods of the experiment scored, and the gain "
        f"over the start without deformation with its {summed.criteria.level} interval over subjects. Means of two "
        "experiments are of other pairs, and of other label sets are other quantities: compare down a column, never "
        "along a row. As a table: methods.tsv."
    )
    return make_table("methods-table", caption, data, columns)


def _blocks(summed: Summed) -> dict[Block, str]:
    """Blocks in the order of the experiments, with their headings."""
    order = sorted(summed.comparable.groups.items(), key=lambda item: item[0].experiment)
    return {block: f"{title(block.experiment, summed)}: {group}" for block, group in order}


def _interval(mean: float, low: float, high: float) -> str:
    if not math.isfinite(mean):
        return MISSING
    return f"{fixed(mean, sign=True)} ({span(low, high, sign=True) if math.isfinite(low) else 'no interval'})"


def couple_table(summed: Summed) -> Table:
    """Lay out every two methods × experiment: the difference with its interval."""
    labels, blocks = arm_titles(summed), _blocks(summed)
    data: dict[str, dict[str, str]] = {}
    for row in summed.couples.to_dict("records"):
        a, b = couple_titles(row, labels)
        name = blocks[Block(row["experiment"], row["labelling"], row["evaluation"])]
        told = _interval(row["mean_difference"], row["ci_low"], row["ci_high"])
        data.setdefault(f"{b} − {a}", {})[name] = f"{told}; {_tell_found(row)}"
    columns = [ShownColumn(key="names", title="Comparison")]
    columns += [ShownColumn(key=name, title=name, keep=True) for name in blocks.values()]
    table = pd.DataFrame([{"names": names, **of} for names, of in data.items()], columns=[c.key for c in columns])
    caption = (
        f"Every two methods × experiment: difference in mean Dice with its {summed.criteria.level} interval over "
        "subjects, and what the tests of this page say of it. Positive: the first-named is better. As a table: "
        "comparisons.tsv."
    )
    return make_table("couples-table", caption, table, columns)


def _tell_found(row: Mapping[Hashable, Any]) -> str:
    kind = str(row["finding"])
    return {"open": "not certain", "unknown": "not tested", "small": "not shown to matter"}.get(kind, kind)


def together_table(summed: Summed) -> Table:
    """Lay out what experiments say together."""
    labels = arm_titles(summed)
    rows = summed.together
    data = rows.assign(
        names=[" − ".join(reversed(couple_titles(row, labels))) for row in rows.to_dict("records")],
        range=[span(a, b, sign=True) for a, b in zip(rows["lowest"], rows["highest"], strict=True)],
        **dict(_spans(rows)),
    )
    mean, tau = "Mean over datasets", "How far datasets differ"
    columns = [
        ShownColumn(key="names", title="Comparison"),
        ShownColumn(key="group", title="Label set", keep=True),
        ShownColumn(key="n_experiments", title="Experiments", kind="count"),
        ShownColumn(key="n_datasets", title="Datasets that count", kind="count"),
        ShownColumn(key="range", title="Lowest to highest", keep=True),
        ShownColumn(key="mean_difference", title="Difference", kind="difference", group=mean),
        ShownColumn(key="ci", title="Interval", group=mean, keep=True),
        ShownColumn(key="p_holm", title="p (Holm)", kind="p", group=mean),
        ShownColumn(
            key="p_equivalence_holm", title=f"p within ± {summed.criteria.margin:g} (Holm)", kind="p", group=mean
        ),
        ShownColumn(key="tau", title="τ", kind="dice", group=tau),
        ShownColumn(key="tau_span", title="Interval", group=tau, keep=True),
        ShownColumn(key="i2_span", title="I², %", group=tau, keep=True),
        ShownColumn(key="p_same", title="p of datasets that agree (Q, not corrected)", kind="p", group=tau),
        ShownColumn(key="further", title="A further dataset", keep=True),
    ]
    caption = (
        "What the experiments of one label set say together (random effects). Positive: the first-named is better. As "
        "a table: together.tsv."
    )
    return make_table("together-table", caption, data, columns)


def _spans(rows: pd.DataFrame) -> Iterator[tuple[str, list[str]]]:
    for name, low, high, sign in (
        ("ci", "ci_low", "ci_high", True),
        ("tau_span", "tau_low", "tau_high", False),
        ("further", "further_low", "further_high", True),
    ):
        yield name, [span(a, b, sign=sign) for a, b in zip(rows[low], rows[high], strict=True)]
    shares = rows[["i2", "i2_low", "i2_high"]].itertuples(index=False, name=None)
    yield "i2_span", [f"{i:.0f} ({a:.0f} to {b:.0f})" if math.isfinite(i) else MISSING for i, a, b in shares]
