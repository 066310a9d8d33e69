"""The figures of the group's page: which there are, what they are called, and what is said below them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.output.paths import description
from lumirage_bids.report.figures.cost import costs, dice_against_cost
from lumirage_bids.report.figures.differences import differing_in_one, paired_differences
from lumirage_bids.report.figures.effect_sizes import effect_matrix
from lumirage_bids.report.figures.information import dice_against_information, dice_against_volume
from lumirage_bids.report.figures.intensities import Seen, intensity_histograms
from lumirage_bids.report.figures.slices import View, plane_rows
from lumirage_bids.report.figures.structures import structure_dots
from lumirage_bids.report.figures.variants import variant_effect
from lumirage_bids.report.figures.violins import MAX_POINTS, dice_violins
from lumirage_bids.report.text import and_join, compared_where
from lumirage_bids.stats.classes import FLOOR, Arm, arm_labels, arms_of, evaluations_of, in_class, primary_class
from lumirage_bids.stats.common import arms_aside
from lumirage_bids.stats.variants import ordered_variants, variant_effects

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.figure import Figure

    from lumirage_bids.report.audit_section import AuditSection
    from lumirage_bids.report.group_page import GroupTables
    from lumirage_bids.report.verdict.verdict import Known

_Conditions = Mapping[str, Mapping[str, Any]]

#: A scatter of fewer structures shows nothing.
_FEWEST_STRUCTURES = 3


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What the page shows of images and of how they were prepared.

    Attributes
    ----------
    preparations : mapping
        Variant → fields of its preparation.
    pairs : mapping
        Labelling and arm → views of its worst, median and best pair.
    sequences : sequence of View
        A prepared scan of each sequence.
    histograms : mapping of Seen to array-like, shape (64,)
        As for `lumirage_bids.report.figures.intensities.intensity_histograms`.
    """

    preparations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pairs: Mapping[tuple[str, Arm], Sequence[View]] = field(default_factory=dict)
    sequences: Sequence[View] = ()
    histograms: Mapping[Seen, npt.ArrayLike] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ReportFigure:
    """A figure of the page, and of ``figures/`` under its name.

    Attributes
    ----------
    name : str
        File name without extension; unique on the page.
    figure : Figure
    caption, alt : str
    pictures : bool
        Whether it holds images; the page then shows it as a PNG.
    """

    name: str
    figure: Figure
    caption: str
    alt: str
    pictures: bool = False


def group_figures(
    tables: GroupTables, audit: AuditSection | None, pictures: Pictures, parameters: _Conditions, known: Known
) -> dict[str, list[ReportFigure]]:
    """Draw the figures of each kind, in the order of the labellings; a kind without anything to show is empty.

    `parameters` are those of alignment and methods by variant, as in `lumirage_bids.audit.Conditions`.
    """
    scored = tables.summary.dropna(subset="mean")
    named = {
        labelling: f"{number}-{_slug(labelling)}" for number, labelling in enumerate(scored["labelling"].unique(), 1)
    }
    by_kind = {
        "violins": _violins(tables, named, known),
        "costs": _costs(tables, named),
        "differences": _differences(tables, named),
        "effects": _effects(tables, named),
        "variants": _variants(tables, named, _conditions(tables.pairs, pictures, parameters)),
        "structures": _structures(tables, named),
        "volumes": _volumes(tables, named),
        "information": _information(tables, named, audit),
        "images": _images(pictures),
        "pairs": _pairs(named, pictures),
    }
    return {kind: list(figures) for kind, figures in by_kind.items()}


_Figures = Iterator[ReportFigure]
_Named = Mapping[str, str]


def _slug(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]+", "-", text)


def _class_of(table: pd.DataFrame, labelling: str) -> str:
    return primary_class(table["split"][table["labelling"] == labelling])


def _ceilings(tables: GroupTables, labelling: str, known: Known) -> dict[str, float]:
    """What a registration could reach at best: rescans of one brain, and label maps of one scan."""
    rows = tables.summary[(tables.summary["labelling"] == labelling) & (tables.summary["split"] == SAME_SUBJECT)]
    rescans = rows.loc[rows["method"] != FLOOR, "mean"].dropna()
    found = {"rescans of one brain, the best method": float(rescans.max())} if len(rescans) else {}
    return found | {f"label maps against {a.reference}'s": a.dice for a in known.agreements.get(labelling, ())}


def _violins(tables: GroupTables, named: _Named, known: Known) -> _Figures:
    for labelling, name in named.items():
        ceilings = _ceilings(tables, labelling, known)
        caption = (
            f"Mean Dice of each pair, {labelling}. Shape: kernel density, cut at the lowest and the highest pair. "
            f"Points: single pairs, at most {MAX_POINTS} a violin, evenly through their ranking. n: scored pairs."
        )
        rows = tables.pairs[tables.pairs["labelling"] == labelling]
        methods = and_join(list(arm_labels(arms_of(rows)).values()))
        alt = (
            f"Violins of the mean Dice of the pairs, {labelling}: a panel for each of "
            f"{and_join(list(rows['split'].unique()))}, a violin for each of {methods}. The summary has the numbers."
        )
        yield ReportFigure(
            name=f"dice-{name}",
            figure=dice_violins(
                tables.pairs, labelling, ceilings=ceilings, aside=arms_aside(tables.summary, labelling)
            ),
            caption=caption,
            alt=alt,
        )


def _costs(tables: GroupTables, named: _Named) -> _Figures:
    for labelling, name in named.items():
        split = _class_of(tables.summary, labelling)
        found = costs(tables.pairs, labelling, split)
        if sum(arm.method != FLOOR for arm in found) < 2:
            continue
        caption = (
            f"Median Dice against median run time and peak memory, {labelling}, pairs of class “{split}”; bars: "
            "quartiles over pairs. Times compare only if all pairs ran on the same machine with the same threads."
        )
        alt = f"Dice against run time and against memory of each method, {labelling}. The summary has the numbers."
        figure = dice_against_cost(found, labelling, split, aside=arms_aside(tables.summary, labelling))
        yield ReportFigure(name=f"cost-{name}", figure=figure, caption=caption, alt=alt)


def _differences(tables: GroupTables, named: _Named) -> _Figures:
    for labelling, name in named.items():
        split = _class_of(tables.summary, labelling)
        rows = tables.comparisons
        if not len(differing_in_one(rows[(rows["labelling"] == labelling) & (rows["split"] == split)])):
            continue
        margin = float(rows["equivalence_margin"].iloc[0])
        caption = (
            f"Difference in mean Dice on the same pairs, {labelling}, pairs of class “{split}”: two methods in one "
            "variant, or two variants of one method. Diamond: mean, with its interval over subjects where there are "
            f"enough. Grey band: ± {margin:g}, of no consequence."
        )
        alt = f"Paired differences in mean Dice between methods, {labelling}. The table of comparisons has the numbers."
        aside = arms_aside(tables.summary, labelling)
        figure = paired_differences(tables.pairs, rows, labelling, split, aside=aside)
        yield ReportFigure(name=f"differences-{name}", figure=figure, caption=caption, alt=alt)


def _effects(tables: GroupTables, named: _Named) -> _Figures:
    for labelling, name in named.items():
        if not (tables.comparisons["labelling"] == labelling).any():
            continue
        split = _class_of(tables.comparisons, labelling)
        rows = tables.comparisons[tables.comparisons["labelling"] == labelling]
        for number, how in enumerate(evaluations_of(rows)):
            caption = (
                f"Effect size d_z of every two methods, {labelling}, pairs of class “{split}”, labels compared "
                f"{compared_where(how)}. Positive: the row is better. Colour: how large the effect is at "
                "least, by the end of its interval nearer to 0; blue where the row is better, orange where the column "
                "is. White: no interval, or a method that is set aside. Bands after Cohen: small from 0.2, medium from "
                "0.5, large from 0.8."
            )
            alt = f"Matrix of effect sizes d_z between methods, {labelling}. The table of comparisons has the numbers."
            figure = effect_matrix(
                rows[rows["evaluation"] == how], labelling, split, aside=arms_aside(tables.summary, labelling)
            )
            yield ReportFigure(
                name=f"effects-{name}{f'-{number + 1}' * bool(number)}", figure=figure, caption=caption, alt=alt
            )


def _conditions(pairs: pd.DataFrame, pictures: Pictures, parameters: _Conditions) -> _Conditions:
    """All that may differ between variants, by name: preparation, alignment, methods, evaluation."""
    evaluations = dict(zip(pairs["variant"], pairs["evaluation"], strict=True))
    return {
        variant: {**pictures.preparations.get(variant, {}), **parameters.get(variant, {}), "evaluation": evaluation}
        for variant, evaluation in evaluations.items()
    }


def _variants(tables: GroupTables, named: _Named, conditions: _Conditions) -> _Figures:
    for labelling, name in named.items():
        split = _class_of(tables.summary, labelling)
        rows = in_class(tables.pairs, labelling, split)
        if rows["variant"].nunique() < 2:
            continue
        effects = variant_effects(rows, ordered_variants(list(rows["variant"].unique()), conditions))
        if not len(effects):
            continue
        caption = (
            f"What each variant does to each method, {labelling}, pairs of class “{split}”. Left: mean Dice; right: "
            "its difference from the first variant, the base, on the same pairs. Under a variant's name stands what it "
            f"changes. {_evaluated(rows)}"
        )
        alt = f"Mean Dice by variant and method, {labelling}. The table of comparisons has the differences."
        figure = variant_effect(effects, conditions, labelling, split, aside=arms_aside(tables.summary, labelling))
        yield ReportFigure(name=f"variants-{name}", figure=figure, caption=caption, alt=alt)


def _evaluated(rows: pd.DataFrame) -> str:
    """Where the scores of variants are taken, and what a difference between two evaluations is."""
    variants = {how: rows.loc[rows["evaluation"] == how, "variant"].unique() for how in evaluations_of(rows)}
    if len(variants) == 1:
        return f"Label maps are compared {compared_where(*variants)}, whatever the variant."
    told = [f"{compared_where(how)} ({and_join(list(of))})" for how, of in variants.items()]
    return (
        f"Label maps are compared {'; '.join(told)}: between these, a difference is what the evaluation does to the "
        "score, and tells nothing of the registration."
    )


def _structures(tables: GroupTables, named: _Named) -> _Figures:
    rescans = bool((tables.pairs["split"] == SAME_SUBJECT).any())
    for labelling, name in named.items():
        if not _scored_structures(tables, labelling):
            continue
        caption = f"Mean Dice of each structure, {labelling}, over all pairs that have it{', rescans too' * rescans}."
        alt = f"Dots of mean Dice per structure and method, {labelling}. The table below has the numbers."
        figure = structure_dots(tables.per_structure, labelling, aside=arms_aside(tables.summary, labelling))
        yield ReportFigure(name=f"structures-{name}", figure=figure, caption=caption, alt=alt)


def _volumes(tables: GroupTables, named: _Named) -> _Figures:
    for labelling, name in named.items():
        if _scored_structures(tables, labelling, of_known_volume=True) < _FEWEST_STRUCTURES:
            continue
        caption = (
            f"Mean Dice of each structure against its volume in the native label maps, {labelling}. A shift of half a "
            "voxel costs a small structure more Dice than a large one: compare methods at equal volume."
        )
        alt = f"Scatter plot of mean Dice against structure volume, {labelling}. The table below has the numbers."
        figure = dice_against_volume(tables.per_structure, labelling, aside=arms_aside(tables.summary, labelling))
        yield ReportFigure(name=f"volumes-{name}", figure=figure, caption=caption, alt=alt)


def _scored_structures(tables: GroupTables, labelling: str, *, of_known_volume: bool = False) -> int:
    rows = tables.per_structure[(tables.per_structure["labelling"] == labelling) & (tables.per_structure["n"] > 0)]
    return int((rows.dropna(subset="volume_mm3") if of_known_volume else rows)["index"].nunique())


def _information(tables: GroupTables, named: _Named, audit: AuditSection | None) -> _Figures:
    for labelling, name in named.items():
        if audit is None or not audit.contrasts.get(labelling):
            continue
        contrasts, information = audit.contrasts[labelling], audit.information.get(labelling, {})
        caption = (
            f"Mean Dice against what the image tells of the labels, {labelling}. Left: structures, by the contrast at "
            "their boundary (0: none). Right: fixed scans, by the mutual information of intensity and label. ρ: "
            "Spearman's rank correlation. A method that sees intensities alone is expected to rise to the right; large "
            "structures score higher whatever their contrast."
        )
        alt = f"Two scatter plots of mean Dice, {labelling}: against boundary contrast, and against mutual information."
        aside = arms_aside(tables.summary, labelling)
        figure = dice_against_information(
            tables.per_structure, tables.pairs, contrasts, information, labelling, aside=aside
        )
        yield ReportFigure(name=f"information-{name}", figure=figure, caption=caption, alt=alt)


def _images(pictures: Pictures) -> _Figures:
    if pictures.sequences:
        figure = plane_rows(pictures.sequences, "What the methods see", "A prepared scan of each sequence.")
        caption = "A prepared scan of each sequence, in three planes through the middle of its brain."
        alt = f"Slices of {and_join([view.title for view in pictures.sequences])}."
        yield ReportFigure(name="sequences", figure=figure, caption=caption, alt=alt, pictures=True)
    if pictures.histograms:
        caption = (
            "Histograms of the prepared images inside the brain, after winsorising and scaling to 0 to 1, by sequence. "
            "Thin: single scans; thick: mean of a variant's scans."
        )
        alt = "Histograms of the intensities of the prepared images, a panel per sequence."
        yield ReportFigure(
            name="histograms", figure=intensity_histograms(pictures.histograms), caption=caption, alt=alt
        )


def _pairs(named: _Named, pictures: Pictures) -> _Figures:
    arms = list(dict.fromkeys(arm for _, arm in pictures.pairs))
    labels = arm_labels(arms)
    for (labelling, arm), views in pictures.pairs.items():
        if labelling not in named or not views:
            continue
        caption = (
            f"{labels[arm]}, {labelling}: its worst, median and best pair by mean Dice, in three planes of the fixed "
            "scan. Solid: the fixed scan's own labels; dashed: the moved ones."
        )
        title = f"{labels[arm]}: worst, median and best pair, {labelling}"
        figure = plane_rows(views, title, "The fixed scan, prepared. Solid: its labels; dashed: the moved ones.")
        alt = f"Slices of {and_join([view.title for view in views])}, {labels[arm]}."
        name = f"pairs-{named[labelling]}-{arms.index(arm) + 1}-{_slug(description(*arm))}"
        yield ReportFigure(name=name, figure=figure, caption=caption, alt=alt, pictures=True)
