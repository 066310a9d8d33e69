"""What the participant level writes for people: a page a subject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from lumirage_bids import __version__
from lumirage_bids.base.errors import LumirageError
from lumirage_bids.base.parameters import digest
from lumirage_bids.base.progress import track
from lumirage_bids.bids.scans import Scan
from lumirage_bids.output import paths, score_table
from lumirage_bids.output.folder import Output
from lumirage_bids.output.read_prepared import read_alignment, read_prepared
from lumirage_bids.report.figures.slices import ContourLayer, View, plane_rows
from lumirage_bids.report.pictures_of_scans import NO_PICTURES, ScanView, pair_views
from lumirage_bids.report.subject_page import ScanPanel, SubjectPage, page_source, write_subject_report
from lumirage_bids.spatial.transforms import Transform, warp

if TYPE_CHECKING:
    from lumirage_bids.experiment.plan import Plan


def write_subject_pages(
    plan: Plan, rows: Mapping[str, pd.DataFrame], output: Output, *, pictures: bool, sloppy: bool
) -> None:
    """Write ``sub-*.html`` for the moving subjects of this run, but those that are there, made from the same."""
    scans: dict[str, set[Scan]] = {}
    for pair in plan.runnable:
        scans.setdefault(pair.moving.subject, set()).add(pair.moving)
    columns = list(score_table.COLUMNS)
    tables = [t[columns] for t in rows.values()]
    pairs = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    for subject, found in track(sorted(scans.items()), "Drawing pages"):
        moving = sorted(found, key=lambda s: s.name)
        mine = pairs[pairs["moving_subject"] == subject]
        made_from = _digest_sources(plan, moving, mine, output, (pictures, sloppy))
        if made_from == page_source(output, subject):
            continue
        page = SubjectPage(
            subject=subject,
            scans=[_scan_panel(s, plan, output, pictures=pictures) for s in moving],
            pairs=mine,
            pair_panels=list(_pair_panels(mine, plan, output)) if pictures else [],
            without_pictures="" if pictures else NO_PICTURES,
            sloppy=sloppy,
            made_from=made_from,
        )
        write_subject_report(output, page)


def _digest_sources(
    plan: Plan, scans: Sequence[Scan], pairs: pd.DataFrame, output: Output, looks: tuple[bool, ...]
) -> str:
    """Digest of all that a subject's page shows: to draw its pictures takes longer than many a run's other work."""
    arms = {arm.label: arm.hash for arm in plan.arms}
    labels = [(of.name, of.source) for of in plan.labels]
    variants = dict.fromkeys(arm.variant for arm in plan.arms)
    prepared = [[output.read_sidecar(paths.prepared_image(s, v)) for v in variants] for s in scans]
    rows = pairs.to_csv(index=False)
    return digest(__version__, arms, labels, plan.reference.name, prepared, rows, looks)


def _scan_panel(scan: Scan, plan: Plan, output: Output, *, pictures: bool) -> ScanPanel:
    """Prepared image with labels, and the scan aligned to the reference, for each variant."""
    description, figures = [scan.relative], []
    for variant in dict.fromkeys(arm.variant for arm in plan.arms):
        try:
            view = ScanView(output, scan, variant)
            for labels in (labels for labels in plan.labels if labels.has(scan) and pictures):
                caption = f"Prepared image, variant {variant}, with labelling {labels.name} ({labels.source})"
                shown = view.show(scan.name, ContourLayer(labels=view.labels(labels.name)))
                figures.append((caption, plane_rows([shown])))
            if pictures:
                figures.append(_alignment_panel(scan, plan, variant, output))
            meta = output.read_sidecar(paths.prepared_image(scan, variant))
            shape = " × ".join(map(str, view.mask.shape))
            mm = " × ".join(f"{s:.3g}" for s in view.mask.spacing)
            description.append(f"variant {variant}: {shape} voxels of {mm} mm, brain mask: {meta['MaskSource']}")
        except LumirageError as error:
            description.append(f"variant {variant}: {error}")
    return ScanPanel(name=scan.name, description=description, figures=figures)


def _alignment_panel(scan: Scan, plan: Plan, variant: str, output: Output) -> tuple[str, Any]:

    reference = ScanView(output, plan.reference, variant)
    matrix = read_alignment(output, scan, plan.reference, variant)
    image = read_prepared(output, scan, variant)
    aligned = reference.cut(warp(image, Transform((matrix,)), reference.mask).array)
    layer = ContourLayer(labels=reference.brain, name=f"brain of {plan.reference.name}", colour="#E69F00")
    caption = f"Aligned to {plan.reference.name}, variant {variant}; the contour is the reference's brain"
    return caption, plane_rows([View(image=aligned, layers=[layer], spacing=reference.spacing, title=scan.name)])


def _pair_panels(pairs: pd.DataFrame, plan: Plan, output: Output) -> Iterator[tuple[str, Any]]:
    """Worst, median and best pair of every arm, by Dice of the first labelling."""
    rows = pairs[pairs["labelling"] == plan.labels[0].name]
    for arm in plan.arms:
        for view in pair_views(output, rows[(rows["variant"] == arm.variant) & (rows["method"] == arm.name)]):
            yield f"{arm.label}, {view.title}", plane_rows([view])
