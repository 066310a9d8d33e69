"""What the participant level writes for people: a page a subject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lumirage_bids import __version__
from lumirage_bids.base.errors import LumirageError
from lumirage_bids.base.parameters import digest
from lumirage_bids.base.progress import track
from lumirage_bids.bids.scans import Scan
from lumirage_bids.experiment.descriptions import arm_parameters
from lumirage_bids.output import paths, score_table
from lumirage_bids.output.folder import Output
from lumirage_bids.output.read_prepared import read_alignment, read_prepared
from lumirage_bids.output.record import versions
from lumirage_bids.output.root import evaluated_dataset, read_own_description
from lumirage_bids.report.figures.slices import ContourLayer, View, plane_rows
from lumirage_bids.report.pictures_of_pairs import ShownPair, find_kept, tell_place
from lumirage_bids.report.pictures_of_scans import NO_PICTURES, ScanView
from lumirage_bids.report.subject_page import ScanPanel, SubjectPage, page_source, write_subject_report
from lumirage_bids.report.text import count
from lumirage_bids.report.viewer import Viewer, view_pair
from lumirage_bids.spatial.transforms import Transform
from lumirage_bids.stats.classes import FLOOR, Arm, arm_labels, arms_of

if TYPE_CHECKING:
    from lumirage_bids.experiment.plan import Plan


def write_subject_pages(
    plan: Plan, rows: Mapping[str, pd.DataFrame], output: Output, *, pictures: bool, sloppy: bool, command: str
) -> None:
    """Write ``sub-*.html`` for the moving subjects of this run, but those that are there, made from the same."""
    scans: dict[str, set[Scan]] = {}
    for pair in plan.runnable:
        scans.setdefault(pair.moving.subject, set()).add(pair.moving)
    columns = list(score_table.COLUMNS)
    tables = [t[columns] for t in rows.values()]
    pairs = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    made_with, labels = versions(), arm_labels(arms_of(pairs))
    for subject, found in track(sorted(scans.items()), "Drawing pages"):
        moving = sorted(found, key=lambda s: s.name)
        mine = pairs[pairs["moving_subject"] == subject]
        made_from = _digest_sources(plan, moving, mine, output, pictures=pictures, sloppy=sloppy)
        if made_from == page_source(output, subject):
            continue
        shown, more = find_kept(output, mine) if pictures else ([], 0)
        page = SubjectPage(
            subject=subject,
            scans=[_scan_panel(s, plan, output, pictures=pictures) for s in moving],
            pairs=mine,
            viewers=[_view(each, mine, labels) for each in shown],
            n_more=more,
            without_pictures="" if pictures else NO_PICTURES,
            sloppy=sloppy,
            made_from=made_from,
            facts=_list_facts(mine, output),
            arms={arm.label: f"digest {arm.hash}; {arm_parameters(arm)}" for arm in plan.arms},
            command=command,
            versions=made_with,
        )
        write_subject_report(output, page)


def _list_facts(pairs: pd.DataFrame, output: Output) -> dict[str, str]:
    """What stands under the title."""
    about = read_own_description(output)
    undone = pairs[pairs["status"] != "ok"]
    failed = f"; {count(len(undone))} of {count(len(pairs))} rows failed" if len(undone) else ""
    return {
        "Dataset": evaluated_dataset(about),
        "Protocol": str(about.get("Protocol", "")),
        "Pairs": f"{count(len(pairs[['moving', 'fixed']].drop_duplicates()))} with this subject moving{failed}",
        "Version": __version__,
        "Made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }


def _digest_sources(
    plan: Plan, scans: Sequence[Scan], pairs: pd.DataFrame, output: Output, *, pictures: bool, sloppy: bool
) -> str:
    """Digest of all that a subject's page shows: to draw its pictures takes longer than many a run's other work."""
    arms = {arm.label: arm.hash for arm in plan.arms}
    labels = [(of.name, of.source) for of in plan.labels]
    variants = dict.fromkeys(arm.variant for arm in plan.arms)
    prepared = [[output.read_sidecar(paths.prepared_image(s, v)) for v in variants] for s in scans]
    rows = pairs.to_csv(index=False)
    archives = [file for s in scans for file in output.find(paths.slices(s, "*", "*").as_posix())] if pictures else []
    kept = [(file.name, (output / file).stat().st_size) for file in archives]
    return digest(__version__, arms, labels, plan.reference.name, prepared, rows, kept, pictures, sloppy)


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
    aligned = reference.cut(read_prepared(output, scan, variant), Transform((matrix,)))
    layer = ContourLayer(labels=reference.brain, name=f"brain of {plan.reference.name}", colour="#E69F00")
    caption = f"Aligned to {plan.reference.name}, variant {variant}; the contour is the reference's brain"
    return caption, plane_rows([View(image=aligned, tiles=reference.mosaic.tiles, layers=[layer], title=scan.name)])


def _view(shown: ShownPair, pairs: pd.DataFrame, labels: Mapping[Arm, str]) -> Viewer:
    arm = labels[Arm(shown.row["variant"], shown.row["method"])]
    return view_pair(shown, arm=arm, facts=list(_tell_scores(shown, pairs)))


def _tell_scores(shown: ShownPair, pairs: pd.DataFrame) -> Iterator[str]:
    """What is said of a pair: its Dice by each labelling, where that stands among the arm's pairs, and at the start."""
    same = pairs[_match(pairs, shown.row, ["variant", "moving", "fixed"])]
    for labelling, rows in same[same["status"] == "ok"].groupby("labelling", sort=False):
        dice = rows.set_index("method")["dice_mean"]
        method = shown.row["method"]
        if method not in dice.index:
            continue
        others = pairs[_match(pairs, shown.row, ["variant", "method"]) & (pairs["labelling"] == labelling)]
        scores = np.sort(others[others["status"] == "ok"]["dice_mean"].dropna())
        place = tell_place(int(np.searchsorted(scores, dice[method])), len(scores))
        start = f", {dice[FLOOR]:.3f} at the start" if FLOOR in dice.index and method != FLOOR else ""
        yield f"{labelling}: Dice {dice[method]:.3f}{start}; {place} with this subject moving."


def _match(pairs: pd.DataFrame, row: pd.Series[str], columns: Sequence[str]) -> pd.Series[bool]:
    return (pairs[list(columns)] == row[list(columns)]).all(axis=1)
