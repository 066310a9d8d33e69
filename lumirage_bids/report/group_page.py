"""The group's page: verdict, tables, figures, what failed or was missing, and how it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lumirage_bids.audit import find_withheld
from lumirage_bids.base.criteria import Criteria
from lumirage_bids.experiment.followed import Followed
from lumirage_bids.measures import Column, compared_columns, have_values
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import MadeBy
from lumirage_bids.report.audit_section import AuditSection, differences_table, published_table
from lumirage_bids.report.downstream_tables import atlas_tables, transitivity_tables
from lumirage_bids.report.figure_files import SLOPPY, Drawing, draw
from lumirage_bids.report.group_figures import SECTIONS, Pictures, Shown, draw_figures
from lumirage_bids.report.judged import judge_run, tables_of
from lumirage_bids.report.methods_text import citation_bibtex, citation_markdown, find_cited, pieces
from lumirage_bids.report.pair_table import pair_tables
from lumirage_bids.report.rendering import render
from lumirage_bids.report.tables import (
    Table,
    comparison_table,
    failure_table,
    further_table,
    labeller_table,
    landmark_table,
    measure_table,
    ranking_table,
    structure_difference_table,
    structure_table,
    summary_table,
    whole_table,
)
from lumirage_bids.report.text import compared_where
from lumirage_bids.report.verdict.verdict import Known, Tables, ranked_labellings
from lumirage_bids.stats.classes import FLOOR, arms_of, grids_of, merge_same_pairs, primary_rows
from lumirage_bids.stats.pairing import subjects_of
from lumirage_bids.stats.score import DICE
from lumirage_bids.stats.tables import Scores, statistics


@dataclass(frozen=True, kw_only=True)
class GroupTables(Tables):
    """The tables of a group level.

    Attributes
    ----------
    structures : mapping of str to DataFrame
        Labelling → a row per variant × method × pair, a column ``dice_<index>`` per structure.
    luts : mapping of str to mapping of int to str
        Labelling → index → name.
    per_structure : DataFrame
        What `lumirage_bids.stats` makes of the structures.
    """

    structures: Mapping[str, pd.DataFrame]
    luts: Mapping[str, Mapping[int, str]]
    per_structure: pd.DataFrame


def group_tables(scores: Scores) -> GroupTables:
    """Sum up, compare and rank the scores of a run."""
    made = tables_of(scores, of_runs=True)
    return GroupTables(
        **vars(made), structures=scores.structures, luts=scores.luts, per_structure=made.made["structures"]
    )


@dataclass(frozen=True, kw_only=True)
class MissingScan:
    """A scan that was left out because its content is not here.

    Attributes
    ----------
    name : str
    get : str
        The command that fetches it (``datalad get …``); empty where there is none.
    """

    name: str
    get: str = ""


@dataclass(frozen=True, kw_only=True)
class ReportContext:
    """What a page tells about the run besides its numbers.

    Attributes
    ----------
    dataset, protocol, command : str
    created : datetime
    versions : mapping of str to str
        Software → version.
    missing : sequence of MissingScan
    notes : sequence of str
        What the reader must know, shown at the top.
    methods_text : sequence of str
        Paragraphs for a methods section, see `lumirage_bids.report.methods_text`.
    arms : mapping of str to str
        Arm → its digest and all its parameters, in words.
    parameters : mapping
        Variant → parameters of its alignment and its methods, by name.
    labelling_sources : mapping of str to str
        Labelling → where its label maps come from.
    made_by : mapping
        Labelling → what made its label maps.
    sloppy : bool
        Whether to mark the page and the figures as not for publication.
    audit : AuditSection or None
        What was found of the run's conditions; None where nobody looked.
    published : DataFrame or None
        Rows of `lumirage_bids.audit.published.published_comparison`.
    published_differences : DataFrame or None
        Rows of `lumirage_bids.audit.published.published_differences`.
    labellers : DataFrame or None
        Rows of `lumirage_bids.output.agreements.summarise`.
    labeller_notes : sequence of str
        What those comparisons lacked, left out, or failed of.
    pictures : Pictures
        What is shown of images.
    criteria : Criteria
        What counts as a difference.
    known : Known
        What bounds the verdict besides scores.
    frozen : Followed or None
        What became of the plan that was laid down before there were scores.
    """

    dataset: str
    protocol: str
    command: str
    created: datetime
    versions: Mapping[str, str]
    missing: Sequence[MissingScan] = ()
    notes: Sequence[str] = ()
    methods_text: Sequence[str] = ()
    arms: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    labelling_sources: Mapping[str, str] = field(default_factory=dict)
    made_by: Mapping[str, MadeBy] = field(default_factory=dict)
    sloppy: bool = False
    audit: AuditSection | None = None
    published: pd.DataFrame | None = None
    published_differences: pd.DataFrame | None = None
    labellers: pd.DataFrame | None = None
    labeller_notes: Sequence[str] = ()
    pictures: Pictures = field(default_factory=Pictures)
    criteria: Criteria = field(default_factory=Criteria)
    known: Known = field(default_factory=Known)
    frozen: Followed | None = None


def write_group_report(output: Output, tables: GroupTables, context: ReportContext) -> Path:
    """Write ``group/report.html``, its figures as SVG and PNG in ``figures/``, and ``CITATION.md`` and ``.bib``.

    Parameters
    ----------
    output : Output
        Which holds the group's tables, which the page links to.
    tables : GroupTables
    context : ReportContext

    Returns
    -------
    Path
        The page: one file, no network, everything from the data escaped.

    Raises
    ------
    CannotWriteError
        If the folder cannot be written.
    """
    scans = _scans(tables.pairs, output)
    drawings = _drawings(tables, context, output, [scan.name for scan in scans])
    output.write_text("group/CITATION.md", citation_markdown(context.methods_text))
    output.write_text("group/CITATION.bib", citation_bibtex(context.methods_text))
    output.write_text("group/report.html", _page(tables, context, drawings, scans))
    return output / "group/report.html"


@dataclass(frozen=True, kw_only=True)
class _ShownScan:
    """A scan, and where its pictures are, from the group's page; empty where there are none."""

    name: str
    page: str


def _scans(pairs: pd.DataFrame, output: Output) -> list[_ShownScan]:
    """Scans of a score table, those that marks and tables tell by their places."""
    found = {}
    for side in ("fixed", "moving"):
        rows = pairs.drop_duplicates(side)
        for name, subject in zip(rows[side], subjects_of(rows, side), strict=True):
            found[str(name)] = f"../{subject}.html" if (output / f"{subject}.html").is_file() else ""
    return [_ShownScan(name=name, page=found[name]) for name in sorted(found)]


def _drawings(
    tables: GroupTables, context: ReportContext, output: Output, scans: Sequence[str]
) -> dict[str, list[Drawing]]:
    """Draw every figure, for its files and for the page; all of a labelling before those of the next."""
    shown = Shown(
        tables=tables,
        audit=context.audit,
        pictures=context.pictures,
        parameters=context.parameters,
        known=_bounds_of(context),
    )
    drawings: dict[str, list[Drawing]] = {section: [] for section in SECTIONS}
    for section, figure, in_column in draw_figures(shown):
        made = draw(figure, output, "group/figures", in_column=in_column, sloppy=context.sloppy, scans=scans)
        drawings[section].append(made)
    order = ["", *shown.ends]
    return {section: sorted(found, key=lambda one: order.index(one.labelling)) for section, found in drawings.items()}


def _page(
    tables: GroupTables,
    context: ReportContext,
    figures: Mapping[str, Sequence[Drawing]],
    scans: Sequence[_ShownScan],
) -> str:
    failed = tables.pairs[tables.pairs["status"] != "ok"]
    differing = context.published_differences
    published = context.published if context.published is not None and len(context.published) else None
    known = _bounds_of(context)
    ranked = primary_rows(ranked_labellings(tables.ranking, known.withheld))
    return render(
        "group.html",
        title=f"Registration evaluation: {context.dataset}",
        sloppy=SLOPPY if context.sloppy else "",
        context=context,
        facts=_facts(tables.pairs, context),
        verdicts=judge_run(tables, context.criteria, known),
        criteria=context.criteria,
        floor=FLOOR,
        measures=_measures(tables.pairs),
        evaluations=[compared_where(*known) for known in grids_of(tables.pairs).values()],
        summary=summary_table(merge_same_pairs(tables.summary, tables.pairs)) if len(tables.summary) else None,
        ranking=ranking_table(ranked) if len(ranked) else None,
        comparisons=comparison_table(merge_same_pairs(tables.comparisons, tables.pairs))
        if len(tables.comparisons)
        else None,
        other_measures=measure_table(tables.made["measures"]) if len(tables.further_comparisons) else None,
        further=further_table(tables.further_comparisons) if len(tables.further_comparisons) else None,
        structures=_structure_tables(tables),
        landmarks=landmark_table(tables.made["landmarks"]) if len(tables.made["landmarks"]) else None,
        transitivity=transitivity_tables(tables.made["downstream"], tables.made["downstream_comparisons"]),
        atlases=atlas_tables(tables.made["downstream"], tables.made["downstream_comparisons"]),
        robust=bool(len(tables.made["ladder"])),
        scans=json.dumps([vars(scan) for scan in scans], ensure_ascii=False, separators=(",", ":")),
        pairs=pair_tables(tables.pairs, [scan.name for scan in scans]),
        withheld=known.withheld,
        failures=failure_table(tables.pairs) if len(failed) else None,
        figures=figures,
        more=_more_tables(tables),
        audit=context.audit,
        labellers=None if context.labellers is None or context.labellers.empty else labeller_table(context.labellers),
        methods=[list(pieces(paragraph)) for paragraph in context.methods_text],
        references=find_cited(context.methods_text),
        published=None if published is None else published_table(published),
        differences=None if differing is None or differing.empty else differences_table(differing),
    )


def _measures(pairs: pd.DataFrame) -> list[Column]:
    """What the measures besides Dice are, as far as there are values."""
    return [compared_columns()[name] for name in have_values(compared_columns(), pairs) if name != DICE.column]


def _bounds_of(context: ReportContext) -> Known:
    """What bounds the verdict: labels made from the registered intensities carry none."""
    return replace(context.known, withheld=find_withheld(context.made_by))


def _more_tables(tables: GroupTables) -> dict[str, list[Table]]:
    """Whole tables of the statistics that name a section, by section."""
    found: dict[str, list[Table]] = {section: [] for section in SECTIONS}
    for name, kind in statistics().items():
        if kind.section and len(tables.made[name]):
            found[kind.section].append(whole_table(f"{name}-table", kind.caption, tables.made[name]))
    return found


def _structure_tables(tables: GroupTables) -> list[Table]:
    scored = tables.per_structure[tables.per_structure["n"] > 0]
    differences = tables.structure_differences
    made = []
    for number, labelling in enumerate(scored["labelling"].unique(), start=1):
        made.append(structure_table(scored, labelling, f"structure-table-{number}"))
        if (differences["labelling"] == labelling).any():
            made.append(structure_difference_table(differences, labelling, f"structure-differences-{number}"))
    return made


def _facts(pairs: pd.DataFrame, context: ReportContext) -> dict[str, str]:
    """Gather what stands under the title."""
    ordered = pairs[["moving", "fixed"]].drop_duplicates()
    scans = set(ordered["moving"].unique()) | set(ordered["fixed"].unique())
    methods = [arm.method for arm in arms_of(pairs)]
    facts = {
        "Dataset": context.dataset,
        "Protocol": context.protocol,
        "Pairs": f"{len(ordered)} ordered pairs of {len(scans)} scans",
        "Methods": ", ".join(dict.fromkeys(methods)) or "none",
        "Labellings": ", ".join(pairs["labelling"].unique()) or "none",
        "Made": context.created.strftime("%Y-%m-%d %H:%M %Z").strip(),
    }
    variants = pairs["variant"].unique()
    if context.frozen:
        facts["Frozen plan"] = f"{context.frozen.digest}: {context.frozen.words}"
    return facts | ({"Variants": ", ".join(variants)} if len(variants) > 1 else {})
