"""Multi-atlas labels and transitivity as tables of the page."""

from __future__ import annotations

import pandas as pd

from lumirage_bids.report.tables import ShownColumn, Table, comparison_names, make_table
from lumirage_bids.report.text import fixed, span
from lumirage_bids.stats.classes import arm_names
from lumirage_bids.stats.downstream import TRANSITIVITY


def atlas_tables(summed: pd.DataFrame, comparisons: pd.DataFrame) -> list[Table]:
    """Lay out how good labels are that several atlases make, and every two arms by that; none where none were made.

    Parameters
    ----------
    summed, comparisons : DataFrame
        Rows of `lumirage_bids.stats.downstream`.
    """
    rows = summed[summed["measure"] != TRANSITIVITY]
    if rows.empty:
        return []
    columns = [
        ShownColumn(key="arm", title="Method"),
        ShownColumn(key="labelling", title="Labelling", keep=True),
        ShownColumn(key="way", title="Fused by", keep=True),
        ShownColumn(key="n", title="Scans", kind="count"),
        ShownColumn(key="n_failed", title="Failed", kind="count"),
        ShownColumn(key="mean_single", title="Mean Dice of single atlases", kind="dice"),
        ShownColumn(key="mean", title="Mean Dice of fused labels", kind="dice"),
        ShownColumn(key="ci_span", title="95 % interval", keep=True),
        ShownColumn(key="gain", title="Gain", kind="difference"),
    ]
    caption = (
        "Dice of labels that the other drawn scans make together, against the scan's own. Intervals and p-values are "
        "over the held-out scans, whose atlases overlap: regard them as rather too confident."
    )
    data = rows.assign(
        arm=arm_names(rows), way=[_way(measure) for measure in rows["measure"]], ci_span=_spans_of(rows, 3)
    )
    return [
        make_table("atlas-table", caption, data, columns),
        *_lay_out_comparisons("atlas-comparisons", comparisons[comparisons["measure"] != TRANSITIVITY], 3),
    ]


def transitivity_tables(summed: pd.DataFrame, comparisons: pd.DataFrame) -> list[Table]:
    """Lay out how far going by way of a third scan leads elsewhere; parameters as of `atlas_tables`."""
    rows = summed[summed["measure"] == TRANSITIVITY]
    if rows.empty:
        return []
    columns = [
        ShownColumn(key="arm", title="Method"),
        ShownColumn(key="n", title="Chains", kind="count"),
        ShownColumn(key="n_failed", title="Failed", kind="count"),
        ShownColumn(key="n_subjects", title="Subjects", kind="count"),
        ShownColumn(key="mean", title="Mean error, mm", kind="quantity"),
        ShownColumn(key="ci_span", title="95 % interval", keep=True),
    ]
    caption = (
        "Transitivity: distance between where a point of the brain ends by way of a third scan and where the direct "
        "registration takes it; lower is better. It tells of the deformation: none at all is perfect."
    )
    data = rows.assign(arm=arm_names(rows), ci_span=_spans_of(rows, 2))
    return [
        make_table("transitivity-table", caption, data, columns),
        *_lay_out_comparisons("transitivity-comparisons", comparisons[comparisons["measure"] == TRANSITIVITY], 2),
    ]


def _lay_out_comparisons(name: str, rows: pd.DataFrame, digits: int) -> list[Table]:
    if rows.empty:
        return []
    columns = [
        ShownColumn(key="names", title="Comparison"),
        ShownColumn(key="labelling", title="Labelling"),
        ShownColumn(key="way", title="Fused by"),
        ShownColumn(key="n", title="In common", kind="count"),
        ShownColumn(key="n_subjects", title="Subjects", kind="count"),
        ShownColumn(key="difference", title="Mean difference", keep=True),
        ShownColumn(key="ci_span", title="95 % interval", keep=True),
        ShownColumn(key="p", title="p", kind="p"),
        ShownColumn(key="p_holm", title="p (Holm)", kind="p"),
    ]
    data = rows.assign(
        names=comparison_names(rows),
        way=[_way(measure) for measure in rows["measure"]],
        difference=[fixed(value, digits, sign=True) for value in rows["mean_difference"]],
        ci_span=_spans_of(rows, digits, sign=True),
    )
    caption = "Every two methods, on what both have. Holm's correction over the whole of downstream_comparisons.tsv."
    return [make_table(name, caption, data, columns)]


def _spans_of(rows: pd.DataFrame, digits: int, *, sign: bool = False) -> list[str]:
    return [span(low, high, digits, sign=sign) for low, high in zip(rows["ci_low"], rows["ci_high"], strict=True)]


def _way(measure: str) -> str:
    """A way to fuse labels, by its measure.

    Examples
    --------
    >>> _way("staple_dice"), _way("majority_dice")
    ('STAPLE', 'majority vote')
    """
    return {"majority_dice": "majority vote", "staple_dice": "STAPLE"}.get(measure, "")
