"""Mean Dice against what the image tells of the labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.report.figures.base import OfLabelling, Shown, with_structures
from lumirage_bids.report.figures.style import (
    PANEL,
    WIDTH,
    Sheet,
    arm_colours,
    arm_markers,
    better_words,
    competing,
    fill,
    headline,
    journal_style,
    legend_below,
    log_axis,
    new_figure,
    two_panels,
)
from lumirage_bids.stats.classes import FLOOR, Arm, arm_labels, arms_of, scored_dice, select

_FEW = 8  # points that a correlation takes at least
_FEWEST_FOR_TREND = 20
_FEWEST_STRUCTURES = 3  # a scatter of fewer shows nothing


def dice_against_information(
    per_structure: pd.DataFrame,
    pairs: pd.DataFrame,
    contrasts: Mapping[int, float],
    information: Mapping[str, float],
    labelling: str,
    *,
    aside: Collection[Arm] = (),
    width: float = WIDTH,
) -> Sheet:
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
    aside : collection of Arm
        Arms that are set aside for lacking pairs: the figure says so.
    width : float
        Inches.

    Returns
    -------
    Sheet
        Left, or on top: a mark per structure and arm. Right, or below: a mark per fixed scan and arm, the mean over its
        pairs, rescans left out where there are others. The legend gives Spearman's rank correlation of each cloud.

    References
    ----------
    Jena R et al. (2024), NeurIPS 37, doi:10.52202/079017-3439 (their Fig. 1).
    """
    of = with_structures(per_structure, labelling)
    scored = select(pairs, pairs["labelling"] == labelling)
    between = scored["split"] != SAME_SUBJECT
    scored = scored[between] if between.any() else scored
    arms = arms_of(of)
    by_scan = (
        scored.assign(mean=scored_dice(scored)).groupby(["variant", "method", "fixed"])["mean"].mean().reset_index()
    )
    with journal_style():
        figure, (left, right) = two_panels(width)
        structures = _cloud(left, of.assign(x=of["index"].map(contrasts)), arms)
        left.set_xlabel(fill("Contrast at the boundary (|Cliff’s δ|, mean over scans)", PANEL))
        left.set_title("Structures")
        scans = _cloud(right, by_scan.assign(x=by_scan["fixed"].map(information)), arms)
        right.set_xlabel("Mutual information of intensity and label, bits")
        right.set_title("Fixed scans")
        for axes in (left, right):
            axes.set_ylabel(f"Mean Dice, {better_words(True)}")
        _legend(figure, left, arm_labels(arms, aside), structures, scans)
        headline(
            figure,
            f"Dice and what the image tells of the labels: {labelling}",
            f"n = {of['index'].nunique()} structures, {by_scan['fixed'].nunique()} fixed scans. Marks: means "
            "over pairs of different subjects, where there are any. ρ: Spearman’s rank correlation, of structures and "
            "of scans.",
        )
    return figure


def dice_against_volume(
    per_structure: pd.DataFrame, labelling: str, *, aside: Collection[Arm] = (), width: float = WIDTH
) -> Sheet:
    """Draw the mean Dice of structures against their volume.

    Parameters
    ----------
    per_structure : DataFrame
        Rows of `lumirage_bids.stats.summaries.per_structure`, with volumes.
    labelling : str
        The labelling to draw.
    aside : collection of Arm
        Arms that are set aside for lacking pairs: the figure says so.
    width : float
        Inches.

    Returns
    -------
    Sheet
        Logarithmic volumes. A mark per structure and arm; with structures enough, a line an arm: the
        median of neighbours in volume.
    """
    of = with_structures(per_structure, labelling)
    of = of.assign(x=of["volume_mm3"] / 1000).dropna(subset=["x", "mean"]).sort_values("x", kind="stable")
    arms = arms_of(of)
    with journal_style():
        figure = new_figure(width, min(3.6, 0.9 * width))
        axes = figure.subplots()
        rho = _cloud(axes, of, arms, alpha=0.6)
        for arm in arms:
            mine = of[(of["variant"] == arm.variant) & (of["method"] == arm.method)]
            if len(mine) >= _FEWEST_FOR_TREND:
                groups = np.array_split(mine[["x", "mean"]].to_numpy(dtype=np.float64), min(len(mine) // 5, 12))
                axes.plot(*np.array([np.median(g, axis=0) for g in groups]).T, color=arm_colours(arms)[arm], lw=1.6)
        log_axis(axes.xaxis)
        axes.set_xlabel("Volume of the structure, cm³ (mean over scans)")
        axes.set_ylabel(f"Mean Dice, {better_words(True)}")
        trend = " Lines: medians of neighbours in volume." if of["index"].nunique() >= _FEWEST_FOR_TREND else ""
        _legend(figure, axes, arm_labels(arms, aside), rho)
        headline(
            figure,
            f"Dice against structure volume: {labelling}",
            f"n = {of['index'].nunique()} structures. Marks: means over pairs.{trend} ρ: Spearman’s rank correlation.",
        )
    return figure


def _cloud(axes: Axes, table: pd.DataFrame, arms: list[Arm], alpha: float = 1.0) -> list[float]:
    """Draw a mark per row and arm; return the rank correlation of each arm's."""
    colours, markers, rho = arm_colours(arms), arm_markers(arms), []
    for arm in arms:
        of = table[(table["variant"] == arm.variant) & (table["method"] == arm.method)].dropna(subset=["x", "mean"])
        axes.plot(of["x"], of["mean"], markers[arm], color=colours[arm], markersize=3.4, alpha=alpha)
        rho.append(_rank_correlation(of))
    judged = competing(arms)
    shown = table[[Arm(*arm) in judged for arm in zip(table["variant"], table["method"], strict=True)]]
    low, high = shown["mean"].min(), shown["mean"].max()
    if high > low:  # the floor lies far below: it sets no end of the axis
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    axes.grid(axis="both")
    return rho


def _legend(figure: Sheet, axes: Axes, arms: Mapping[Arm, str], *rho: list[float]) -> None:
    """Name the arms, in the order in which they were drawn, each with its correlations."""
    told = [", ".join(_write_signed(x) for x in of) for of in zip(*rho, strict=True)]
    labels = [f"{label} (ρ {text})" for label, text in zip(arms.values(), told, strict=True)]
    legend_below(figure, axes.get_lines()[: len(arms)], labels)


def _write_signed(rho: float) -> str:
    return f"{rho:+.2f}".replace("-", "−") if np.isfinite(rho) else "–"


def _rank_correlation(table: pd.DataFrame) -> float:
    """Spearman's; NaN for few points or without spread."""
    if len(table) < _FEW or table["x"].nunique() < 2 or table["mean"].nunique() < 2:
        return float("nan")
    return float(table["x"].corr(table["mean"], method="spearman"))


class Volumes(OfLabelling):
    """Dice against volume."""

    name: ClassVar[str] = "volumes"
    section: ClassVar[str] = "structures"
    place: ClassVar[int] = 20
    needs: ClassVar[str] = "structures"

    def caption(self, shown: Shown, labelling: str) -> str:
        """What the axes are, and what volume does to Dice."""
        return (
            "Volumes of the native label maps. A shift of half a voxel costs a small structure more Dice than a large "
            f"one: compare methods at equal volume. {FLOOR} is drawn as far as it lies on the axis."
        )

    def alt(self, shown: Shown, labelling: str) -> str:
        """The axes."""
        return f"Scatter plot of mean Dice against structure volume, {labelling}. The table below has the numbers."

    def draw(self, shown: Shown, labelling: str) -> Sheet | None:
        """Draw it where volumes are known of a few structures at least."""
        rows = shown.table("structures")
        scored = with_structures(rows, labelling).dropna(subset="volume_mm3")
        if scored["index"].nunique() < _FEWEST_STRUCTURES:
            return None
        return dice_against_volume(rows, labelling, aside=shown.aside(labelling), width=shown.width)


class DiceByInformation(OfLabelling):
    """Dice against what the image tells of the labels."""

    name: ClassVar[str] = "information"
    section: ClassVar[str] = "audit"
    needs: ClassVar[str] = "structures"

    def caption(self, shown: Shown, labelling: str) -> str:
        """What the two sides are, and what is to be expected."""
        return (
            "Structures by the contrast at their boundary (0: none); fixed scans by the mutual information of "
            "intensity and label. A method that sees intensities alone is expected to rise to the right; large "
            f"structures score higher whatever their contrast. {FLOOR} is drawn as far as it lies on the axis."
        )

    def alt(self, shown: Shown, labelling: str) -> str:
        """The axes."""
        return (
            f"Two scatter plots of mean Dice, {labelling}: against boundary contrast, and against mutual information."
        )

    def draw(self, shown: Shown, labelling: str) -> Sheet | None:
        """Draw it where contrasts are known."""
        audit = shown.audit
        if audit is None or not audit.contrasts.get(labelling):
            return None
        contrasts, information = audit.contrasts[labelling], audit.information.get(labelling, {})
        return dice_against_information(
            shown.table("structures"),
            shown.tables.pairs,
            contrasts,
            information,
            labelling,
            aside=shown.aside(labelling),
            width=shown.width,
        )
