"""From derivatives to tables and pages: the group's, and one a subject."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lumirage_bids import derivatives, scores
from lumirage_bids.errors import LumirageError, MissingInputError
from lumirage_bids.label_maps import read_lut
from lumirage_bids.looks import read_looks
from lumirage_bids.provenance import dated_records, declared, read_records, versions
from lumirage_bids.scans import Scan
from lumirage_bids.software import software_notes
from lumirage_bids.views import ScanView, pair_views

if TYPE_CHECKING:
    import pandas as pd

    from lumirage_bids.audit import Conditions
    from lumirage_bids.criteria import Criteria
    from lumirage_bids.plan import Plan
    from lumirage_bids.reports.group import ReportContext
    from lumirage_bids.reports.subject import ScanPanel
    from lumirage_bids.reports.verdict import Known
    from lumirage_bids.settings import Settings

logger = logging.getLogger("lumirage")
NO_PICTURES = "Made without pictures of heads and brains (--no-pictures)."


def write_group(settings: Settings) -> Path:
    """Write the group's tables, figures and page from all score rows below the output folder.

    Raises
    ------
    MissingInputError
        There are no rows.
    """
    from lumirage_bids import accuracy
    from lumirage_bids.audit import AUDIT, audit_table, mean_volumes, withheld
    from lumirage_bids.published import (
        DIFFERENCES,
        PUBLISHED,
        RunFacts,
        published_comparison,
        published_differences,
    )
    from lumirage_bids.reports.audit_section import audit_section
    from lumirage_bids.reports.group import group_tables, write_group_report
    from lumirage_bids.reports.verdict import ranked_labellings
    from lumirage_bids.stats.dictionaries import (
        COMPARISONS,
        FAILURES,
        INTERACTIONS,
        RANKING,
        STRUCTURE_DIFFERENCES,
        STRUCTURES,
        SUMMARY,
    )
    from lumirage_bids.stats.summaries import failures

    out_dir = settings.out_dir
    conditions, notes, first_score = read_run(out_dir)
    before, criteria = declared(dated_records(out_dir), first_score)
    for note in (about_criteria := criteria_note(before, criteria)):
        logger.warning("%s", note)
    volumes = mean_volumes(conditions)
    tables = group_tables(conditions.pairs, conditions.structures, conditions.luts, volumes, criteria=criteria)
    folder = out_dir / "group"
    if settings.no_pictures:
        notes = [*notes, NO_PICTURES]
        for file in (*folder.glob("figures/pairs-*"), *folder.glob("figures/sequences.*")):
            file.unlink()  # of an earlier page
    pairs = tables.pairs[list(scores.COLUMNS)]
    derivatives.write_table(folder / "pairs.tsv", pairs, scores.COLUMNS)
    derivatives.write_table(folder / "structures.tsv", tables.per_structure, STRUCTURES)
    derivatives.write_table(folder / "summary.tsv", tables.summary, SUMMARY)
    derivatives.write_table(folder / "comparisons.tsv", tables.comparisons, COMPARISONS)
    silent = withheld({k: v for r in read_records(out_dir) for k, v in r["labellings"].items()})
    derivatives.write_table(folder / "ranking.tsv", ranked_labellings(tables.ranking, silent), RANKING)
    derivatives.write_table(folder / "interactions.tsv", tables.interactions, INTERACTIONS)
    derivatives.write_table(folder / "failures.tsv", failures(tables.pairs), FAILURES)
    differences = tables.structure_differences
    derivatives.write_table(folder / "structure_differences.tsv", differences, STRUCTURE_DIFFERENCES)
    labellers, about_labellers = accuracy.collect(out_dir)
    if len(labellers):
        derivatives.write_table(folder / "labellers.tsv", labellers, accuracy.COLUMNS)
    context = replace(
        _context(settings, [*about_criteria, *notes], conditions, tables.comparisons),
        criteria=criteria,
        known=_known(read_records(out_dir), conditions, accuracy.summarise(labellers)),
        labellers=accuracy.summarise(labellers),
        labeller_notes=about_labellers,
    )
    audited = audit_section(conditions, tables.comparisons, alpha=criteria.alpha)
    derivatives.write_table(folder / "audit.tsv", audit_table(audited.findings), AUDIT)
    facts = RunFacts(
        preparations=conditions.preparations,
        parameters=conditions.parameters,
        sources=conditions.sources,
        sloppy=context.sloppy,
    )
    published = published_comparison(tables.pairs, context.protocol, facts)
    differing = published_differences(tables.pairs, context.protocol, facts)
    if len(published):
        derivatives.write_table(folder / "published.tsv", published, PUBLISHED)
        derivatives.write_table(folder / "published_differences.tsv", differing, DIFFERENCES)
    context = replace(
        context,
        audit=audited,
        published=published,
        published_differences=differing,
        looks=read_looks(out_dir, conditions, pictures=not settings.no_pictures),
    )
    return write_group_report(folder, tables, context)


def read_run(out_dir: Path) -> tuple[Conditions, list[str], str]:
    """Collect the rows and what is known of how they came about; say what was left out, and when scores began."""
    import pandas as pd

    from lumirage_bids.audit import read_conditions

    rows, notes = scores.current(out_dir)
    notes += software_notes(out_dir, rows, None)
    if not rows:
        raise MissingInputError(
            f"{out_dir} holds no scores. Run 'lumirage BIDS_DIR {out_dir} participant' to its end first."
        )
    measures = [*scores.COLUMNS, "moving_subject", "fixed_subject"]
    pairs = pd.concat([table[measures] for table in rows.values()], ignore_index=True)
    key = ["variant", "method", "evaluation", "moving", "fixed", "split", "status"]
    structures = {
        name: table[[*key, *(c for c in table.columns if scores.structure_index(c) is not None)]]
        for name, table in rows.items()
    }
    tables_of_names = {name: out_dir / derivatives.look_up_table(name) for name in rows}
    # A labelling that failed on every scan has rows that say so, and no table.
    luts = {name: read_lut(file) if file.exists() else {} for name, file in tables_of_names.items()}
    first = min(
        (str(t) for t in (table["finished"].dropna().min() for table in rows.values()) if pd.notna(t)), default=""
    )
    return read_conditions(out_dir, pairs, structures, luts), notes, first


def _context(settings: Settings, notes: list[str], conditions: Conditions, comparisons: pd.DataFrame) -> ReportContext:
    from lumirage_bids.reports.group import MissingScan, ReportContext
    from lumirage_bids.reports.methods_text import RunFacts, methods_text

    out_dir = settings.out_dir
    about = derivatives.read_json(out_dir / "dataset_description.json")
    records = read_records(out_dir)
    prepared = derivatives.files(out_dir, "sub-*/**/*prepared_*.json")
    latest: dict[str, Any] = records[-1] if records else {}
    plan = latest.get("plan", {})
    run = RunFacts(
        dataset=str(about["Name"]).removeprefix("LUMirage evaluation of ").removesuffix(derivatives.SLOPPY),
        protocol=str(about["Protocol"]),
        versions=latest.get("versions", versions()),
        reference=str(plan.get("reference", "")),
        arms={k: v for r in records for k, v in r["arms"].items()},
        conditions=conditions,
        comparisons=comparisons,
        masks={derivatives.read_json(f).get("MaskSource", "") for f in prepared},
        template="templateflow" in about.get("DatasetLinks", {}),
        sloppy=bool(about.get("Sloppy")),
    )
    return ReportContext(
        dataset=run.dataset,
        protocol=run.protocol,
        command="\n".join([*dict.fromkeys(r["settings"]["command"] for r in records), settings.command]),
        created=datetime.now(UTC),
        versions=run.versions,
        missing=[MissingScan(**scan) for scan in plan.get("missing", [])],
        notes=[*notes, *plan.get("warnings", [])],
        methods_text=methods_text(run),
        arms=dict(_told(run.arms)),
        parameters=conditions.parameters,
        labelling_sources={k: v for r in records for k, v in r["labellings"].items()},
        sloppy=run.sloppy,
    )


def _known(records: list[dict[str, Any]], conditions: Conditions, labellers: pd.DataFrame) -> Known:
    """What bounds the verdict besides scores."""
    from lumirage_bids.audit import few_classes
    from lumirage_bids.reports.scene import Agreement
    from lumirage_bids.reports.verdict import Known

    plan = records[-1]["plan"] if records else {}
    whole = labellers[labellers["name"] == "all structures"] if len(labellers) else labellers
    return Known(
        caveats=few_classes(conditions),
        agreements={
            str(name): [
                Agreement(reference=str(row["reference"]), dice=float(row["mean"]), scans=int(row["n"]))
                for row in rows.to_dict("records")
            ]
            for name, rows in whole.groupby("labelling", sort=False)
        },
        planned=plan.get("pairs_present"),
    )


def criteria_note(before: Criteria, now: Criteria) -> list[str]:
    """Say loudly that what counts as a difference was changed once there were scores."""
    if before == now:
        return []
    was, is_ = (f"margin {c.margin:g}, threshold |d_z| {c.threshold:g}, {c.level} intervals" for c in (before, now))
    return [
        f"CRITERIA CHANGED AFTER SCORES EXISTED: the first scores were made under {was}; this page uses {is_}. What is "
        "chosen after results were seen proves nothing: say so wherever you report it."
    ]


def _told(arms: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Digest and parameters of each arm in words."""
    for label, arm in arms.items():
        tables = {name: table for name, table in arm.items() if isinstance(table, dict)}
        words = [f"{name}: {', '.join(f'{k} = {v}' for k, v in table.items())}" for name, table in tables.items()]
        yield label, "; ".join([f"digest {arm['hash']}", *words])


def write_subject_pages(plan: Plan, rows: Mapping[str, pd.DataFrame], settings: Settings) -> None:
    """Write ``sub-*.html`` for the moving subjects of this run."""
    import pandas as pd

    from lumirage_bids.reports.subject import SubjectPage, write_subject_report

    scans: dict[str, set[Scan]] = {}
    for pair in plan.runnable:
        scans.setdefault(pair.moving.subject, set()).add(pair.moving)
    columns = [*scores.COLUMNS, "moving_subject", "fixed_subject"]
    tables = [t[columns] for t in rows.values()]
    pairs = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    for subject, moving in sorted(scans.items()):
        mine = pairs[pairs["moving_subject"] == subject]
        page = SubjectPage(
            subject=subject,
            scans=[_scan_panel(s, plan, settings) for s in sorted(moving, key=lambda s: s.name)],
            pairs=mine[list(scores.COLUMNS)],
            pair_panels=[] if settings.no_pictures else list(_pair_panels(mine, plan, settings.out_dir)),
            without_pictures=NO_PICTURES if settings.no_pictures else "",
            sloppy=settings.sloppy,
        )
        write_subject_report(settings.out_dir / f"sub-{subject}.html", page)


def _scan_panel(scan: Scan, plan: Plan, settings: Settings) -> ScanPanel:
    """Prepared image with labels, and the scan aligned to the reference, for each variant."""
    from lumirage_bids.figures.slices import ContourLayer, plane_rows
    from lumirage_bids.reports.subject import ScanPanel

    out_dir, description, figures = settings.out_dir, [scan.relative], []
    for variant in dict.fromkeys(arm.variant for arm in plan.arms):
        try:
            view = ScanView(out_dir, scan, variant)
            for labels in (labels for labels in plan.labels if labels.has(scan) and not settings.no_pictures):
                caption = f"Prepared image, variant {variant}, with labelling {labels.name} ({labels.source})"
                shown = view.show(scan.name, ContourLayer(labels=view.labels(labels.name)))
                figures.append((caption, plane_rows([shown])))
            if not settings.no_pictures:
                figures.append(_alignment_panel(scan, plan, variant, out_dir))
            meta = derivatives.read_json(derivatives.sidecar(out_dir / derivatives.prepared_image(scan, variant)))
            shape = " × ".join(map(str, view.mask.shape))
            mm = " × ".join(f"{s:.3g}" for s in view.mask.spacing)
            description.append(f"variant {variant}: {shape} voxels of {mm} mm, brain mask: {meta['MaskSource']}")
        except LumirageError as error:
            description.append(f"variant {variant}: {error}")
    return ScanPanel(name=scan.name, description=description, figures=figures)


def _alignment_panel(scan: Scan, plan: Plan, variant: str, out_dir: Path) -> tuple[str, Any]:
    from lumirage_bids.figures.slices import ContourLayer, View, plane_rows
    from lumirage_bids.prepared import read_alignment, read_prepared
    from lumirage_bids.transforms import Transform, warp

    reference = ScanView(out_dir, plan.reference, variant)
    matrix = read_alignment(out_dir, scan, plan.reference, variant)
    image = read_prepared(out_dir, scan, variant)
    aligned = reference.cut(warp(image, Transform((matrix,)), reference.mask).array)
    layer = ContourLayer(labels=reference.brain, name=f"brain of {plan.reference.name}", colour="#E69F00")
    caption = f"Aligned to {plan.reference.name}, variant {variant}; the contour is the reference's brain"
    return caption, plane_rows([View(image=aligned, layers=[layer], spacing=reference.spacing, title=scan.name)])


def _pair_panels(pairs: pd.DataFrame, plan: Plan, out_dir: Path) -> Iterator[tuple[str, Any]]:
    """Worst, median and best pair of every arm, by Dice of the first labelling."""
    from lumirage_bids.figures.slices import plane_rows

    rows = pairs[pairs["labelling"] == plan.labels[0].name]
    for arm in plan.arms:
        for view in pair_views(out_dir, rows[(rows["variant"] == arm.variant) & (rows["method"] == arm.name)]):
            yield f"{arm.label}, {view.title}", plane_rows([view])
