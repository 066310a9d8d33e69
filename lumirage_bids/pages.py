"""From derivatives to tables and pages: the group's, and one a subject."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lumirage_bids import derivatives, scores
from lumirage_bids.errors import LumirageError, MissingInputError
from lumirage_bids.label_maps import read_lut
from lumirage_bids.provenance import versions
from lumirage_bids.scans import Scan

if TYPE_CHECKING:
    import pandas as pd

    from lumirage_bids.audit import Conditions
    from lumirage_bids.figures.slices import Planes
    from lumirage_bids.images import Volume
    from lumirage_bids.plan import Plan
    from lumirage_bids.reports.group import GroupTables, ReportContext
    from lumirage_bids.reports.subject import ScanPanel
    from lumirage_bids.settings import Settings

logger = logging.getLogger("lumirage")


def write_group(settings: Settings) -> Path:
    """Write the group's tables, figures and page from all score rows below the output folder.

    Raises
    ------
    MissingInputError
        There are no rows.
    """
    from lumirage_bids import accuracy
    from lumirage_bids.audit import AUDIT, audit_table, read_conditions
    from lumirage_bids.published import PUBLISHED, published_comparison
    from lumirage_bids.reports.audit_section import audit_section
    from lumirage_bids.reports.group import write_group_report
    from lumirage_bids.stats.dictionaries import COMPARISONS, FAILURES, STRUCTURE_DIFFERENCES, STRUCTURES, SUMMARY
    from lumirage_bids.stats.summaries import failures

    out_dir = settings.out_dir
    tables, notes = group_tables(out_dir)
    folder = out_dir / "group"
    pairs = tables.pairs[list(scores.COLUMNS)]
    derivatives.write_table(folder / "pairs.tsv", pairs, scores.COLUMNS)
    derivatives.write_table(folder / "structures.tsv", tables.per_structure, STRUCTURES)
    derivatives.write_table(folder / "summary.tsv", tables.summary, SUMMARY)
    derivatives.write_table(folder / "comparisons.tsv", tables.comparisons, COMPARISONS)
    derivatives.write_table(folder / "failures.tsv", failures(tables.pairs), FAILURES)
    differences = tables.structure_differences
    derivatives.write_table(folder / "structure_differences.tsv", differences, STRUCTURE_DIFFERENCES)
    labellers, about_labellers = accuracy.collect(out_dir)
    if len(labellers):
        derivatives.write_table(folder / "labellers.tsv", labellers, accuracy.COLUMNS)
    conditions = read_conditions(out_dir, tables.pairs, tables.structures, tables.luts)
    context = replace(
        _context(settings, notes, conditions, tables.comparisons),
        labellers=accuracy.summarise(labellers),
        labeller_notes=about_labellers,
    )
    audited = audit_section(conditions)
    derivatives.write_table(folder / "audit.tsv", audit_table(audited.findings), AUDIT)
    published = published_comparison(tables.pairs, context.protocol, sloppy=context.sloppy)
    if len(published):
        derivatives.write_table(folder / "published.tsv", published, PUBLISHED)
    return write_group_report(folder, tables, replace(context, audit=audited, published=published))


def group_tables(out_dir: Path) -> tuple[GroupTables, list[str]]:
    """Collect the rows and sum them up; and say what was left out."""
    import pandas as pd

    from lumirage_bids.reports.group import GroupTables
    from lumirage_bids.stats.comparisons import compare
    from lumirage_bids.stats.structures import structure_differences
    from lumirage_bids.stats.summaries import per_structure, summarise

    rows, notes = scores.current(out_dir)
    if not rows:
        raise MissingInputError(
            f"{out_dir} holds no scores. Run 'lumirage BIDS_DIR {out_dir} participant' to its end first."
        )
    measures = [*scores.COLUMNS, "moving_subject", "fixed_subject"]
    pairs = pd.concat([table[measures] for table in rows.values()], ignore_index=True)
    key = ["variant", "method", "moving", "fixed", "split", "status"]
    structures = {
        name: table[[*key, *(c for c in table.columns if scores.structure_index(c) is not None)]]
        for name, table in rows.items()
    }
    tables_of_names = {name: out_dir / derivatives.look_up_table(name) for name in rows}
    # A labelling that failed on every scan has rows that say so, and no table.
    luts = {name: read_lut(file) if file.exists() else {} for name, file in tables_of_names.items()}
    tables = GroupTables(
        pairs=pairs,
        structures=structures,
        luts=luts,
        summary=summarise(pairs),
        comparisons=compare(pairs),
        per_structure=per_structure(structures, luts),
        structure_differences=structure_differences(structures, luts),
    )
    return tables, notes


def _context(settings: Settings, notes: list[str], conditions: Conditions, comparisons: pd.DataFrame) -> ReportContext:
    from lumirage_bids.reports.group import MissingScan, ReportContext
    from lumirage_bids.reports.methods_text import RunFacts, methods_text

    out_dir = settings.out_dir
    about = derivatives.read_json(out_dir / "dataset_description.json")
    records = list(_records(out_dir))
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
        masks={derivatives.read_json(f).get("MaskSource", "") for f in out_dir.glob("sub-*/**/*prepared_*.json")},
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
        labelling_sources={k: v for r in records for k, v in r["labellings"].items()},
        sloppy=run.sloppy,
    )


def _told(arms: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Digest and parameters of each arm in words."""
    for label, arm in arms.items():
        tables = {name: table for name, table in arm.items() if isinstance(table, dict)}
        words = [f"{name}: {', '.join(f'{k} = {v}' for k, v in table.items())}" for name, table in tables.items()]
        yield label, "; ".join([f"digest {arm['hash']}", *words])


def _records(out_dir: Path) -> Iterator[dict[str, Any]]:
    for file in sorted((out_dir / "config").glob("*.toml")):
        yield tomllib.loads(file.read_text("utf-8"))


def write_subject_pages(plan: Plan, rows: Mapping[str, pd.DataFrame], settings: Settings) -> None:
    """Write ``sub-*.html`` for the moving subjects of this run."""
    import pandas as pd

    from lumirage_bids.reports.subject import SubjectPage, write_subject_report

    scans: dict[str, set[Scan]] = {}
    for pair in plan.runnable:
        scans.setdefault(pair.moving.subject, set()).add(pair.moving)
    by_name = {s.name: s for s in plan.scans}
    tables = [t[[*scores.COLUMNS, "moving_subject"]] for t in rows.values()]
    pairs = (
        pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*scores.COLUMNS, "moving_subject"])
    )
    for subject, moving in sorted(scans.items()):
        mine = pairs[pairs["moving_subject"] == subject]
        page = SubjectPage(
            subject=subject,
            scans=[_scan_panel(s, plan, settings.out_dir) for s in sorted(moving, key=lambda s: s.name)],
            pairs=mine[list(scores.COLUMNS)],
            pair_panels=list(_pair_panels(mine, plan, by_name, settings.out_dir)),
            sloppy=settings.sloppy,
        )
        write_subject_report(settings.out_dir / f"sub-{subject}.html", page)


def _scan_panel(scan: Scan, plan: Plan, out_dir: Path) -> ScanPanel:
    """Prepared image with labels, and the scan aligned to the reference, for each variant."""
    from lumirage_bids.figures.slices import ContourLayer, three_planes
    from lumirage_bids.reports.subject import ScanPanel

    description, figures = [scan.relative], []
    for variant in dict.fromkeys(arm.variant for arm in plan.arms):
        try:
            view = _View(out_dir, scan, variant)
            spacing = view.spacing
            for labels in (labels for labels in plan.labels if labels.has(scan)):
                layer = ContourLayer(labels=view.labels(labels.name))
                caption = f"Prepared image, variant {variant}, with labelling {labels.name} ({labels.source})"
                figures.append((caption, three_planes(view.image, [layer], spacing, scan.name)))
            figures.append(_alignment_panel(scan, plan, variant, out_dir))
            meta = derivatives.read_json(derivatives.sidecar(out_dir / derivatives.prepared_image(scan, variant)))
            shape = " × ".join(map(str, view.mask.shape))
            mm = " × ".join(f"{s:.3g}" for s in spacing)
            description.append(f"variant {variant}: {shape} voxels of {mm} mm, brain mask: {meta['MaskSource']}")
        except LumirageError as error:
            description.append(f"variant {variant}: {error}")
    return ScanPanel(name=scan.name, description=description, figures=figures)


def _alignment_panel(scan: Scan, plan: Plan, variant: str, out_dir: Path) -> tuple[str, Any]:
    from lumirage_bids import preparing
    from lumirage_bids.figures.slices import ContourLayer, three_planes
    from lumirage_bids.transforms import Transform, warp

    reference = _View(out_dir, plan.reference, variant)
    matrix = preparing.read_alignment(out_dir, scan, plan.reference, variant)
    image = preparing.read_prepared(out_dir, scan, variant)
    aligned = reference.cut(warp(image, Transform((matrix,)), reference.mask).array)
    layer = ContourLayer(labels=reference.brain, name=f"brain of {plan.reference.name}", colour="#E69F00")
    caption = f"Aligned to {plan.reference.name}, variant {variant}; the contour is the reference's brain"
    return caption, three_planes(aligned, [layer], reference.spacing, scan.name)


def _pair_panels(
    pairs: pd.DataFrame, plan: Plan, by_name: Mapping[str, Scan], out_dir: Path
) -> Iterator[tuple[str, Any]]:
    """Worst, median and best pair of every arm, by Dice of the first labelling."""
    from lumirage_bids.figures.slices import ContourLayer, three_planes

    first = plan.labels[0].name
    done = pairs[(pairs["labelling"] == first) & (pairs["status"] == "ok") & pairs["fixed"].isin(by_name.keys())]
    for arm in plan.arms:
        mine = done[(done["variant"] == arm.variant) & (done["method"] == arm.name)].sort_values("dice_mean")
        if mine.empty:
            continue
        places = {0: "worst", len(mine) // 2: "median", len(mine) - 1: "best"}
        for place, word in (places if len(mine) > 2 else dict.fromkeys(range(len(mine)), "pair")).items():
            row = mine.iloc[place]
            fixed, moving = by_name[row["fixed"]], by_name[row["moving"]]
            planes = read_planes(out_dir, moving, fixed, arm.label, first)
            if planes is None:
                continue
            try:
                view = _View(out_dir, fixed, arm.variant)
                own = view.labels(first)
            except LumirageError as error:  # deleted since, or failed in another run: a picture less
                logger.warning("No picture of %s on %s: %s", moving.name, fixed.name, error)
                continue
            layers = [
                ContourLayer(labels=own, name=f"{first} of the fixed scan", colour="#E69F00"),
                ContourLayer(labels=planes, name="moved labels", colour="#56B4E9"),
            ]
            caption = f"{arm.label}, {word}: {moving.name} on {fixed.name}, Dice {row['dice_mean']:.3f}"
            yield caption, three_planes(view.image, layers, view.spacing, f"{moving.name} → {fixed.name}")


def read_planes(out_dir: Path, moving: Scan, fixed: Scan, arm: str, labelling: str) -> Planes | None:
    """Moved labels of a pair in the fixed scan's three planes, kept when it was registered; the latest."""
    from lumirage_bids.figures.slices import Planes

    pattern = derivatives.slices(moving, arm, "*")
    for file in sorted(out_dir.glob(pattern.as_posix()), key=lambda f: f.stat().st_mtime, reverse=True):
        with np.load(file) as archive:
            if f"{fixed.key}/{labelling}/x" in archive:
                return Planes(*(archive[f"{fixed.key}/{labelling}/{plane}"] for plane in "xyz"))
    return None


class _View:
    """A prepared scan cut through the middle of its brain."""

    def __init__(self, out_dir: Path, scan: Scan, variant: str) -> None:
        from lumirage_bids import preparing
        from lumirage_bids.scoring import middle

        self.out_dir, self.scan = out_dir, scan
        self.mask: Volume = preparing.read_prepared_mask(out_dir, scan, variant)
        self.index = middle(self.mask)
        self.image = self.cut(preparing.read_prepared(out_dir, scan, variant).array)
        self.brain = self.cut(self.mask.array.astype(np.int32))

    @property
    def spacing(self) -> tuple[float, float, float]:
        x, y, z = (float(s) for s in self.mask.spacing)
        return x, y, z

    def cut(self, array: np.ndarray) -> Planes:
        from lumirage_bids.figures.slices import cut

        return cut(array, self.index)

    def labels(self, labelling: str) -> Planes:
        """The scan's own labels in the same planes."""
        from lumirage_bids import preparing
        from lumirage_bids.figures.slices import Planes
        from lumirage_bids.scoring import moved_planes
        from lumirage_bids.transforms import Transform

        labels = preparing.read_label_map(self.out_dir, self.scan, labelling)
        return Planes(
            **dict(zip(Planes._fields, moved_planes(labels, Transform(), self.mask, 1).values(), strict=True))
        )
