"""What the group's page shows of images, from the derivatives that participant runs keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import pandas as pd

from lumirage_bids.base.errors import LumirageError
from lumirage_bids.bids.scans import Scan
from lumirage_bids.output import paths
from lumirage_bids.output.fill_in import fill_in
from lumirage_bids.output.folder import Output
from lumirage_bids.report.figures.intensities import ShownHistogram
from lumirage_bids.report.group_figures import Pictures
from lumirage_bids.report.pictures_of_pairs import find_shown
from lumirage_bids.report.pictures_of_scans import ScanView, scan_of_row
from lumirage_bids.stats.classes import arms_of, pair_classes, primary_class, rows_of_class, select, splits_of
from lumirage_bids.stats.variants import ordered_variants

if TYPE_CHECKING:
    from lumirage_bids.audit import AuditedRun
    from lumirage_bids.report.figures.slices import View


def read_pictures(output: Output, audited: AuditedRun, *, pictures: bool = True) -> Pictures:
    """Gather what the group's page shows of images.

    Parameters
    ----------
    output : Output
        Derivatives of one or many participant runs; what is not there is not shown.
    audited : AuditedRun
        What is known of the run; its pairs with columns moving_subject and fixed_subject.
    pictures : bool
        Whether with slices of the images.
    """
    pairs = audited.pairs
    by_sequence = scans_by_sequence(pairs)
    variants = ordered_variants(list(pairs["variant"].unique()), audited.preparations)
    views = {}
    for labelling in pairs["labelling"].unique() if pictures else ():
        split = primary_class(pair_classes(splits_of(select(pairs, pairs["labelling"] == labelling))))
        rows = rows_of_class(pairs, labelling, split)
        for arm in arms_of(rows):
            mine = rows[(rows["variant"] == arm.variant) & (rows["method"] == arm.method)]
            views[labelling, arm] = list(find_shown(output, mine))
    return Pictures(
        preparations=audited.preparations,
        pairs=views,
        sequences=list(_sequence_views(output, by_sequence, variants[0])) if pictures else [],
        histograms=dict(_histograms(output, by_sequence, variants)),
    )


def scans_by_sequence(pairs: pd.DataFrame) -> dict[str, list[Scan]]:
    """Scans of a score table by sequence, which the split of a pair of two subjects tells; else by contrast."""
    found: dict[str, tuple[Scan, str]] = {}
    for side in ("moving", "fixed"):
        rows = pairs.reindex(columns=[side, f"{side}_subject", "split", f"split_{side}"])
        for _, row in fill_in(rows.drop_duplicates()).iterrows():
            scan, called = scan_of_row(row, side), row[f"split_{side}"]
            if pd.notna(called) or scan.name not in found:
                found[scan.name] = scan, scan.suffix if pd.isna(called) else called
    by_sequence: dict[str, list[Scan]] = {}
    for scan, sequence in sorted(found.values(), key=lambda of: (of[1], of[0].name)):
        by_sequence.setdefault(sequence, []).append(scan)
    return by_sequence


def _sequence_views(output: Output, by_sequence: Mapping[str, Sequence[Scan]], variant: str) -> Iterator[View]:
    """First prepared scan of each sequence."""
    for sequence, scans in by_sequence.items():
        for scan in scans:
            try:
                yield ScanView(output, scan, variant).show(f"{sequence}: {scan.name}")
                break
            except LumirageError:
                continue


def _histograms(
    output: Output, by_sequence: Mapping[str, Sequence[Scan]], variants: Sequence[str]
) -> Iterator[tuple[ShownHistogram, list[int]]]:
    """Histograms of the prepared images, where their sidecars hold them."""
    for sequence, scans in by_sequence.items():
        for variant, scan in product(variants, scans):
            meta = output.read_sidecar(paths.prepared_image(scan, variant))
            if "Histogram" in meta:
                yield ShownHistogram(variant, sequence, scan.name), meta["Histogram"]
