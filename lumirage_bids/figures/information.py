"""Mean Dice against what the image tells of the labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lumirage_bids.figures.style import WIDTH, arm_colours, arm_markers, journal_style, new_figure
from lumirage_bids.stats.classes import Arm, arm_labels, arms_of, scored_dice

_FEW = 8  # points that a correlation takes at least


def dice_against_information(
    per_structure: pd.DataFrame,
    pairs: pd.DataFrame,
    contrasts: Mapping[int, float],
    information: Mapping[str, float],
    labelling: str,
) -> Figure:
    """Draw the Dice of structures against the contrast at their boundary, and that of scans against information.

    Parameters
    ----------
    per_structure : DataFrame
        Rows of `lumirage_bids.stats.summaries.per_structure`.
    pairs : DataFrame
        The score table.
    contrasts : mapping of int to float
        Structure → contrast at its boundary, 0 to 1, the mean over scans.
    information : mapping of str to float
        Scan → mutual information of its intensities and labels, bits.
    labelling : str
        The labelling to draw.

    Returns
    -------
    Figure
        180 mm wide. Left: a mark per structure and arm. Right: a mark per fixed scan and arm, the mean over its
        pairs. The legend gives Spearman's rank correlation of each cloud.

    References
    ----------
    Jena R et al. (2024), NeurIPS 37, doi:10.52202/079017-3439 (their Fig. 1).
    """
    of = per_structure[(per_structure["labelling"] == labelling) & (per_structure["n"] > 0)]
    scored = pairs[pairs["labelling"] == labelling]
    arms = arms_of(of)
    by_scan = (
        scored.assign(mean=scored_dice(scored)).groupby(["variant", "method", "fixed"])["mean"].mean().reset_index()
    )
    with journal_style():
        figure = new_figure(WIDTH, 3.4)
        left, right = figure.subplots(1, 2)
        _cloud(left, of.assign(x=of["index"].map(contrasts)), arms)
        left.set_xlabel("Contrast at the boundary (|Cliff’s δ|, mean over scans)")
        left.set_title("Structures")
        _cloud(right, by_scan.assign(x=by_scan["fixed"].map(information)), arms)
        right.set_xlabel("Mutual information of intensity and label, bits")
        right.set_title("Fixed scans")
        left.set_ylabel("Mean Dice")
        figure.suptitle(f"Dice and what the image tells, {labelling}", fontsize=9, fontweight="bold")
    return figure


def _cloud(axes: Axes, table: pd.DataFrame, arms: list[Arm]) -> None:
    labels, colours, markers = arm_labels(arms), arm_colours(arms), arm_markers(arms)
    for arm in arms:
        of = table[(table["variant"] == arm.variant) & (table["method"] == arm.method)].dropna(subset=["x", "mean"])
        rho = _rank_correlation(of)
        sign = "−" if rho < 0 else "+"
        told = f"{labels[arm]} (ρ = {sign}{abs(rho):.2f})" if np.isfinite(rho) else labels[arm]
        axes.plot(of["x"], of["mean"], markers[arm], color=colours[arm], markersize=3.4, label=told)
    axes.grid(axis="both")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=min(len(arms), 2))


def _rank_correlation(table: pd.DataFrame) -> float:
    """Spearman's; NaN for few points or without spread."""
    if len(table) < _FEW or table["x"].nunique() < 2 or table["mean"].nunique() < 2:
        return float("nan")
    return float(table["x"].corr(table["mean"], method="spearman"))
