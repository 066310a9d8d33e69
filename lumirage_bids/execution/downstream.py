"""From transforms of a run: whether they agree with one another, and labels that several atlases make together."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lumirage_bids.base.errors import LumirageError
from lumirage_bids.execution.damage import disown_damaged
from lumirage_bids.execution.score_pair import on_grid
from lumirage_bids.experiment.done import read_done
from lumirage_bids.experiment.downstream import DownstreamJob
from lumirage_bids.experiment.labels_of_run import LabellingOfRun
from lumirage_bids.experiment.plan import Plan, digest_conditions
from lumirage_bids.measures.overlap import dice, scored_structures
from lumirage_bids.measures.pair import Detour, LabelArray
from lumirage_bids.methods.base import Context
from lumirage_bids.output import paths
from lumirage_bids.output.downstream import CHAINS, FUSED, dictionary
from lumirage_bids.output.folder import Output
from lumirage_bids.output.read_prepared import (
    native_grid,
    read_label_map,
    read_prepared_mask,
    read_structures,
    read_transform,
)
from lumirage_bids.spatial.fusion import FUSIONS
from lumirage_bids.spatial.grids import voxel_centres
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import Transform

logger = logging.getLogger("lumirage")
Points = npt.NDArray[np.float64]


def forget(plan: Plan, output: Output, redo: tuple[str, ...]) -> None:
    """Remove what is to be found out again: it would tell of other transforms."""
    for job in plan.downstream:
        for file, value in job.digests.items():
            if job.arm.rests_on(redo) or output.hash_of(file) != value:
                output.disown(file)
                output.remove(file)


def find_ready(plan: Plan, output: Output) -> tuple[DownstreamJob, ...]:
    """What can be found out now: every registration that it takes is there, or has failed.

    Whichever run ends last of those that share the registrations, as jobs of an array do, sees all transforms.
    """
    if not plan.downstream:
        return ()
    done = read_done(output, {s.subject for s in plan.drawn})

    def made(value: str, file: Path) -> bool:
        return done.files.get(file) == value

    jobs = (job.mark_failed(done.failed).drop_made(made) for job in plan.downstream)
    return tuple(job for job in jobs if job.products and not job.find_lacking(done.files.get))


def run_downstream(job: DownstreamJob, output: Output, context: Context) -> None:
    """Make what is left of a job, unless another run has done so meanwhile; what cannot be read is told of."""
    work = ScanAtWork(job=job, output=output, context=context)
    for file, value in job.digests.items():
        with output.lock(f"downstream-{value}"):
            if output.hash_of(file) == value:
                continue
            try:
                table, columns = work.make(file)
            except LumirageError as error:
                disown_damaged(output, error)
                logger.warning("%s was not made: %s", file, error)
                continue
            with output.publishing(file, {"Hash": value, "Arm": job.arm.label, **dictionary(columns)}):
                output.write_table(file, table)


@dataclass(frozen=True, kw_only=True)
class ScanAtWork:
    """One scan among others, under one arm."""

    job: DownstreamJob
    output: Output
    context: Context

    def make(self, file: Path) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
        """Rows of one of the job's files, and what their columns are."""
        scan, arm = self.job.scan, self.job.arm
        for labels in self.job.labels:
            if file == paths.fusion(scan, arm.label, labels.name):
                return self._table(self.fuse(labels), digest_conditions(arm, self.job.reference, labels)), FUSED
        return self._table(self.chain(), digest_conditions(arm, self.job.reference)), CHAINS

    def _table(self, rows: Iterator[dict[str, Any]], under: str) -> pd.DataFrame:
        arm = {"variant": self.job.arm.variant, "method": self.job.arm.name}
        return pd.DataFrame([{**arm, **row, "conditions": under, "drawn": self.job.drawn} for row in rows])

    def transform(self, moving: str, fixed: str) -> Transform | None:
        """World of the fixed scan to that of the moving one; None where the registration failed."""
        job, ends = self.job, (moving, fixed)
        if ends in job.failed:
            return None
        scans = {s.name: s for s in (job.scan, *job.others)}
        wanted = {job.transform(*ends): job.registrations[ends]}
        return read_transform(self.output, scans[moving], scans[fixed], job.arm.label, wanted)

    @cached_property
    def points(self) -> Points:
        """Voxel centres of the scan's brain, world coordinates (RAS+, mm)."""
        mask = read_prepared_mask(self.output, self.job.scan, self.job.arm.variant, self.job.inputs)
        return voxel_centres(mask.array > 0, mask.affine)

    def chain(self) -> Iterator[dict[str, Any]]:
        """Carry the brain's points to each scan by way of each other one, and back."""
        start = self.job.scan.name
        others = [s.name for s in self.job.others]
        direct = {start: self.points, **{name: self._carry(self.points, name, start) for name in others}}
        for via, to in [*((name, start) for name in others), *permutations(others, 2)]:
            ends = self._carry(direct[via], to, via)
            yield {"scan": start, "via": via, "to": to, "error_mm": _error(ends, direct[to])}

    def _carry(self, points: Points | None, moving: str, fixed: str) -> Points | None:
        transform = None if points is None else self.transform(moving, fixed)
        return None if points is None or transform is None else transform.apply(points)

    def fuse(self, labels: LabellingOfRun) -> Iterator[dict[str, Any]]:
        """Make the scan's labels of the others' in every way, and score them against its own."""
        job, output, name = self.job, self.output, labels.name
        shape, affine = native_grid(output, job.scan, name, job.inputs)
        own_map, *maps = (read_label_map(output, s, name, job.inputs) for s in (job.scan, *job.others))
        own = on_grid(own_map, shape, affine, self.context.threads)
        carried: list[LabelArray] = []
        for scan, of in zip(job.others, maps, strict=True):
            if (transform := self.transform(scan.name, job.scan.name)) is not None:
                how, threads = job.arm.evaluation.transfer, self.context.threads
                carried.append(transfer_labels(of, transform, shape, affine, threads=threads, method=how))
        scored = self._find_scored(labels, own, maps)
        whole = len(carried) == len(maps)
        single = [_dice(own, of, scored) for of in carried] if whole else [float("nan")]
        for fusion, fuse in FUSIONS.items():
            yield {
                "labelling": name,
                "fusion": fusion,
                "scan": job.scan.name,
                "atlases": " ".join(sorted(s.name for s in job.others)),
                "n_structures": len(scored),
                "dice": _dice(own, fuse(carried), scored) if whole else float("nan"),
                "dice_single": float(np.mean(single)),
            }

    def _find_scored(self, labels: LabellingOfRun, own: LabelArray, maps: Sequence[Volume]) -> npt.NDArray[np.int64]:
        """Structures that all of the maps have: decided before any method ran."""
        if labels.structures:
            known = list(labels.structures[0])
        else:
            scans = (self.job.scan, *self.job.others)
            tables = [read_structures(self.output, s, labels.name) for s in scans]
            known = [index for index in tables[0] if all(index in table for table in tables)]
        scored = np.array(known, np.int64)
        for of in maps:
            scored = scored_structures(own, of.array, scored)
        return scored


def _dice(own: LabelArray, other: LabelArray, scored: npt.NDArray[np.int64]) -> float:
    """Mean Dice over structures; NaN where there is none."""
    return float(dice(own, other, scored).mean()) if len(scored) else float("nan")


def _error(ends: Points | None, meant: Points | None) -> float:
    """Mean distance, mm; NaN where a registration failed."""
    if ends is None or meant is None:
        return float("nan")
    return Detour(ends=ends, meant=meant).error
