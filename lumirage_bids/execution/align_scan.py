"""The affine map of one scan to the reference, found once and published whole or not at all."""

from __future__ import annotations

import logging
from dataclasses import asdict

import numpy as np

from lumirage_bids.execution.notes import noting
from lumirage_bids.experiment.plan import AlignmentJob
from lumirage_bids.methods.alignment import align
from lumirage_bids.methods.base import Context
from lumirage_bids.output.files import replacing
from lumirage_bids.output.folder import Output
from lumirage_bids.output.read_prepared import NotPreparedError, prepared_grid, read_prepared, read_prepared_mask
from lumirage_bids.spatial.grids import outside_share
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.itk import write_itk
from lumirage_bids.spatial.preparation import common_grid
from lumirage_bids.spatial.transforms import Transform

logger = logging.getLogger("lumirage")

TOLD = 0.001
"""Share of a brain outside a common grid from which it is told."""


def align_scan(job: AlignmentJob, output: Output, context: Context) -> None:
    """Find and publish the affine map from the reference's world to the scan's."""
    found: np.ndarray | None = None
    about = {
        "Description": "ITK affine; maps points of the reference's world to the scan's",
        "Reference": job.reference.name,
        "Alignment": asdict(job.alignment),
        "Hash": job.hash,
    }
    told: set[str] = set()
    with output.lock(job.scan.name):
        for file in job.files:
            with noting(output, [file], job.hash, told) as todo:
                if not todo:
                    continue
                found = _align(job, output, context) if found is None else found
                with output.publishing(file, about) as path, replacing(path) as temporary:
                    write_itk(Transform((found,)), temporary)
    if found is not None and job.preparation.grid == "reference":
        _tell_outside(job, output, found)


def _tell_outside(job: AlignmentJob, output: Output, alignment: np.ndarray) -> None:
    """Tell how much of a brain the grid that all are registered on does not hold: here, once a scan."""
    mask = read_prepared_mask(output, job.scan, job.variants[0], job.inputs)
    grid = prepared_grid(output, job.reference, job.variants[0], job.inputs)
    shape, affine = common_grid(*grid, job.preparation)
    there = mask.move(np.linalg.inv(alignment))
    lost = outside_share(there, Volume(array=np.broadcast_to(False, shape), affine=affine))
    if lost >= TOLD:
        logger.warning(
            "%s, variant %s: %.1f %% of the brain lies outside the grid of %s, on which all are registered",
            job.scan.name, " and ".join(job.variants), 100 * lost, job.reference.name,
        )  # fmt: skip


def _align(job: AlignmentJob, output: Output, context: Context) -> np.ndarray:
    if job.scan.name == job.reference.name:
        return np.eye(4)
    read = read_prepared_mask if job.alignment.on == "mask" else read_prepared
    variant = job.variants[0]  # what was prepared is the same in all
    scan = read(output, job.scan, variant, job.inputs)
    try:
        reference = read(output, job.reference, variant, job.inputs)
    except NotPreparedError as error:
        error.args = (f"{error} (It is the reference that all scans are aligned to.)",)
        raise
    return np.asarray(align(reference, scan, alignment=job.alignment, context=context, name=job.scan.name))
