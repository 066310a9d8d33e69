"""What the label maps of a run lack, and what they hold besides, once a labelling."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from lumirage_bids import labellers
from lumirage_bids.experiment.labels_of_run import LabellingOfRun
from lumirage_bids.experiment.plan import Plan
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output

LISTED = 10
"""Most structures that a note lists."""

NOTHING: Mapping[Any, str] = MappingProxyType({})

logger = logging.getLogger("lumirage")


def log_structures(plan: Plan, output: Output) -> None:
    """Log the notes on the label maps that a run has made or read."""
    for labels in plan.labels:
        for level, text in structure_notes(labels, plan, output):
            logger.log(level, "%s", text)


def structure_notes(labels: LabellingOfRun, plan: Plan, output: Output) -> Iterator[tuple[int, str]]:
    """Say which structures of a labelling maps lack, and which indices are left out since they have no name.

    Parameters
    ----------
    labels : LabellingOfRun
    plan : Plan
        Whose scans with such a map to be made count.
    output : Output
        Output folder, after preparation.

    Yields
    ------
    level, text : int, str
        As for `logging.Logger.log`.
    """
    scans = [p.scan for p in plan.preparing if any(its.name == labels.name for its, _ in p.labels)]
    found = [output.read_sidecar(paths.label_map(s, labels.name)) for s in scans]
    maps = [about for about in found if "VoxelsWithoutName" in about]
    absent = Counter(name for about in maps for name in about["AbsentStructures"])
    unnamed = Counter(index for about in maps for index in about["VoxelsWithoutName"])
    voxels: Counter[str] = Counter()
    for about in maps:
        voxels.update(about["VoxelsWithoutName"])
    if absent:
        yield (
            logging.INFO,
            f"Labelling '{labels.name}': structures that maps lack: {_count(absent, len(maps))}.",
        )
    if not unnamed:
        return
    known = labellers.names_of(labels.labeller.of_t1w or labels.name) if labels.shipped else {}
    listed = _count(unnamed, len(maps), {index: f", {n} voxels" for index, n in voxels.items()}, known)
    # Both at once looks as if the map's indices meant something else than the protocol says.
    doubtful = any(about["AbsentStructures"] and about["VoxelsWithoutName"] for about in maps)
    if labels.shipped:
        yield logging.INFO, f"Labelling '{labels.name}': not scored, as bookkeeping or unknown: {listed}."
    elif labels.structures:
        doubt = f" Some of those are not there: check [labellings.{labels.name}.structures]." if doubtful else ""
        level = logging.WARNING if doubtful else logging.INFO
        text = f"Labelling '{labels.name}': indices that the protocol does not name are left out: {listed}.{doubt}"
        yield level, text
    else:
        yield (
            logging.WARNING,
            f"Labelling '{labels.name}': indices without a row in the look-up table are left out: {listed}.",
        )


def _count(
    items: Counter[str], n: int, besides: Mapping[str, str] = NOTHING, names: Mapping[int, str] = NOTHING
) -> str:
    """The items with the number of maps that each is about, those of most maps first."""
    listed = [
        f"{names[int(item)] if names and int(item) in names else item} ({k} of {n} maps{besides.get(item, '')})"
        for item, k in items.most_common(LISTED)
    ]
    return ", ".join(listed) + (f" and {len(items) - LISTED} more" if len(items) > LISTED else "")
