"""One pair's labels: read from what was prepared, carried over, compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from lumirage_bids.base.errors import LumirageError, MissingInputError
from lumirage_bids.base.failures import Failure
from lumirage_bids.bids.lesions import read_lesion
from lumirage_bids.bids.scans import Scan
from lumirage_bids.execution.damage import disown_damaged
from lumirage_bids.experiment.evaluation import Evaluation
from lumirage_bids.experiment.labels_of_run import LabellingOfRun
from lumirage_bids.experiment.plan import Batch
from lumirage_bids.measures import RegisteredPair, take
from lumirage_bids.measures.overlap import scored_structures
from lumirage_bids.measures.pair import ComparedLabels
from lumirage_bids.output import paths, score_table
from lumirage_bids.output.folder import Output
from lumirage_bids.output.read_prepared import (
    NotPreparedError,
    failure_of,
    native_grid,
    prepared_grid,
    read_alignment,
    read_label_map,
    read_prepared,
    read_prepared_mask,
    read_structures,
)
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.preparation import Prepared, bring_to_common_grid, common_grid
from lumirage_bids.spatial.transforms import Transform


@dataclass(frozen=True, kw_only=True)
class Side:
    """One scan of a pair, read: prepared image and mask, label maps, alignment, native grid.

    `at_reference` holds the label maps on the reference's prepared grid, where they are compared there, by labelling
    and way of transfer. `at_edge` is the largest share of the brain's largest section on a face of its image,
    NaN where it was not looked for. `lesion` is its lesion mask, on a grid of its own. `seen` is the prepared scan on
    the grid that all are brought onto, where they are.
    """

    scan: Scan
    image: Volume
    mask: Volume
    labels: Mapping[str, Volume]
    at_reference: Mapping[tuple[str, str], Volume]
    grids: Mapping[str, tuple[tuple[int, int, int], np.ndarray]]
    structures: Mapping[str, Mapping[int, str]]
    failures: Mapping[str, Failure]
    alignment: np.ndarray
    at_edge: float = 0.0
    lesion: Volume | None = None
    seen: Prepared | None = None


def read_side(output: Output, scan: Scan, batch: Batch, threads: int) -> Side:
    """Read what was prepared of a scan; a labelling that could not be made is noted, not fatal."""
    labels: dict[str, Volume] = {}
    grids, failures = {}, {}
    variant, wanted = batch.arm.variant, batch.inputs
    for labelling in batch.labels:
        if not labelling.has(scan):
            continue
        try:
            labels[labelling.name] = read_label_map(output, scan, labelling.name, wanted)
            grids[labelling.name] = native_grid(output, scan, labelling.name, wanted)
        except LumirageError as error:
            disown_damaged(output, error)
            failures[labelling.name] = failure_of(error)
    alignment = read_alignment(output, scan, batch.reference, variant, wanted)
    image, mask = (read(output, scan, variant, wanted) for read in (read_prepared, read_prepared_mask))
    at_reference: dict[tuple[str, str], Volume] = {}
    seen, together = None, batch.arm.preparation.grid == "reference"
    there = {"reference", "prepared"} if together else {"reference"}
    transfers = {a.evaluation.transfer for a in batch.arms if a.evaluation.grid in there}
    if transfers or together:
        grid = prepared_grid(output, batch.reference, variant, wanted)
        shape, affine = common_grid(*grid, batch.arm.preparation)
        for how, (name, volume) in product(sorted(transfers), labels.items()):
            array = transfer_labels(volume, Transform((alignment,)), shape, affine, threads=threads, method=how)
            at_reference[name, how] = Volume(array=array, affine=affine)
        if together:
            seen = bring_to_common_grid(Prepared(image=image, mask=mask), alignment, shape, affine)
    at_edge = output.read_sidecar(paths.prepared_image(scan, variant)).get("AtEdge")
    return Side(
        scan=scan,
        image=image,
        mask=mask,
        labels=labels,
        at_reference=at_reference,
        grids=grids,
        structures={name: read_structures(output, scan, name) for name in labels},
        failures=failures,
        alignment=alignment,
        at_edge=float("nan") if at_edge is None else max(at_edge.values(), default=0.0),
        lesion=lesion_of(scan),
        seen=seen,
    )


def lesion_of(scan: Scan) -> Volume | None:
    """A scan's lesion, if it has one.

    Raises
    ------
    NotPreparedError
        Its mask, or the scan itself, is no longer where it was when the run was planned.
    BadDataError
        It is no mask of this scan.
    """
    try:
        return read_lesion(scan)
    except MissingInputError as error:
        raise NotPreparedError(f"input lost: {error}") from error


def place_labels(
    labelling: str, moving: Side, fixed: Side, transform: Transform, evaluation: Evaluation, threads: int
) -> ComparedLabels:
    """Put the labels of a pair where they are compared: on the fixed scan's native grid, or on the reference's.

    Parameters
    ----------
    transform : Transform
        Fixed world to moving world, alignments included.
    """
    how = evaluation.transfer
    if evaluation.grid == "reference":
        return _at_reference(labelling, moving, fixed, transform, evaluation, threads)
    shape, affine = fixed.grids[labelling]
    native = on_grid(fixed.labels[labelling], shape, affine, threads)
    return ComparedLabels(
        fixed=Volume(array=native, affine=affine),
        moving=moving.labels[labelling],
        transform=transform,
        start=Transform(),
        transfer=how,
        threads=threads,
    )


def _at_reference(
    labelling: str, moving: Side, fixed: Side, transform: Transform, evaluation: Evaluation, threads: int
) -> ComparedLabels:
    out, back = Transform((fixed.alignment,)), Transform((np.linalg.inv(moving.alignment),))
    how = evaluation.transfer
    return ComparedLabels(
        fixed=fixed.at_reference[labelling, how],
        moving=moving.at_reference[labelling, how],
        transform=out.then(transform).then(back),
        start=out.then(back),
        transfer=how,
        threads=threads,
        to_fixed=out,
    )


def place_prepared(
    labelling: str, moving: Side, fixed: Side, transform: Transform, evaluation: Evaluation, threads: int
) -> ComparedLabels:
    """Put the labels of a pair where published evaluations compared them: each on its prepared grid first.

    That is the grid that all are brought onto, where they are.
    """
    if moving.seen is not None and fixed.seen is not None:
        return _at_reference(labelling, moving, fixed, transform, evaluation, threads)
    on_moving, on_fixed = (
        Volume(
            array=transfer_labels(
                side.labels[labelling],
                Transform(),
                side.image.shape,
                side.image.affine,
                threads=threads,
                method=evaluation.transfer,
            ),
            affine=side.image.affine,
        )
        for side in (moving, fixed)
    )
    return ComparedLabels(
        fixed=on_fixed,
        moving=on_moving,
        transform=transform,
        start=Transform(),
        transfer=evaluation.transfer,
        threads=threads,
    )


def score(
    labels: LabellingOfRun,
    moving: Side,
    fixed: Side,
    transform: Transform,
    evaluation: Evaluation,
    threads: int,
    pair: RegisteredPair | None = None,
    carried: Volume | None = None,
) -> score_table.Row:
    """Take the measures that look at labels.

    Parameters
    ----------
    transform : Transform
        Fixed world to moving world, alignments included.
    pair : RegisteredPair, optional
        What else is known of the pair.
    carried : Volume, optional
        Labels of the moving scan in the fixed scan's world, where they were carried over elsewhere: they are looked at,
        and `transform` is not.
    """
    where = (labels.name, moving, fixed, transform, evaluation, threads)
    maps = place_labels(*where)
    # A small structure may vanish where a map is carried to a coarser grid: not scored then.
    table = labels.structures[0] if labels.structures else fixed.structures[labels.name]
    known = [index for index in table if labels.structures or index in moving.structures[labels.name]]
    indices = scored_structures(maps.fixed.array, maps.moving.array, known)
    if indices.size == 0:
        why = Failure("bad data", "no structure is present in both label maps")
        return {**score_table.failed_row(why), "n_structures": 0}
    if carried is not None and not np.isin(indices, carried.array).any():
        why = Failure("bad data", "the label map that was carried over elsewhere holds none of the structures")
        return {**score_table.failed_row(why), "n_structures": 0}
    parts = {"labels": replace(maps, structures=indices, carried=carried)}
    if evaluation.grid == "prepared":
        parts["prepared"] = replace(place_prepared(*where), structures=indices, carried=carried)
    whole = (pair or RegisteredPair(parts={})).extend(**parts)
    return {"status": "ok", **take((m for m in evaluation.taken if m.looks_at_labels), whole)}


def on_grid(labels: Volume, shape: tuple[int, int, int], affine: np.ndarray, threads: int) -> np.ndarray:
    """A label map on its scan's native grid; carried there through the headers where its own grid differs."""
    if labels.shape == shape and np.allclose(labels.affine, affine, atol=1e-3):
        return np.asarray(labels.array)
    return transfer_labels(labels, Transform(), shape, affine, threads=threads)
