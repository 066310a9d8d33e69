"""One pair's labels: read from what was prepared, carried over, compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from lumirage_bids.base.errors import LumirageError
from lumirage_bids.base.failures import Failure
from lumirage_bids.bids.scans import Scan
from lumirage_bids.execution.damage import disown_damaged
from lumirage_bids.experiment.evaluation import Evaluation
from lumirage_bids.experiment.labels_of_run import LabellingOfRun
from lumirage_bids.experiment.plan import Batch
from lumirage_bids.measures.overlap import dice, scored_structures, volumes
from lumirage_bids.measures.surface import surface_distances
from lumirage_bids.output import paths, score_table
from lumirage_bids.output.folder import Output
from lumirage_bids.output.read_prepared import (
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
from lumirage_bids.spatial.transforms import Transform


@dataclass(frozen=True, kw_only=True)
class Side:
    """One scan of a pair, read: prepared image and mask, label maps, alignment, native grid.

    `at_reference` holds the label maps on the reference's prepared grid, where they are compared there, by labelling
    and way of transfer. `at_edge` is the largest share of the brain's largest section on a face of its image,
    NaN where it was not looked for.
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
    at_reference: dict[tuple[str, str], Volume] = {}
    if transfers := {a.evaluation.transfer for a in batch.arms if a.evaluation.grid == "reference"}:
        shape, affine = prepared_grid(output, batch.reference, variant, wanted)
        for how, (name, volume) in product(sorted(transfers), labels.items()):
            array = transfer_labels(volume, Transform((alignment,)), shape, affine, threads=threads, method=how)
            at_reference[name, how] = Volume(array=array, affine=affine)
    at_edge = output.read_sidecar(paths.prepared_image(scan, variant)).get("AtEdge")
    return Side(
        scan=scan,
        image=read_prepared(output, scan, variant, wanted),
        mask=read_prepared_mask(output, scan, variant, wanted),
        labels=labels,
        at_reference=at_reference,
        grids=grids,
        structures={name: read_structures(output, scan, name) for name in labels},
        failures=failures,
        alignment=alignment,
        at_edge=float("nan") if at_edge is None else max(at_edge.values(), default=0.0),
    )


@dataclass(frozen=True, kw_only=True)
class PlacedLabels:
    """The two label maps of a pair, and the way from the grid that they are compared on to the moving one.

    Attributes
    ----------
    fixed : Volume
        Labels of the fixed scan on the grid of the comparison.
    moving : Volume
        Labels of the moving scan before they are carried over.
    transform, initial : Transform
        World of the grid to the world of `moving`: as registered, and as the headers alone place the scans.
    """

    fixed: Volume
    moving: Volume
    transform: Transform
    initial: Transform


def place_labels(
    labelling: str, moving: Side, fixed: Side, transform: Transform, evaluation: Evaluation, threads: int
) -> PlacedLabels:
    """Where the labels of a pair are compared: on the fixed scan's native grid, or on the reference's prepared one.

    Parameters
    ----------
    transform : Transform
        Fixed world to moving world, alignments included.
    """
    if evaluation.grid == "reference":
        out, back = Transform((fixed.alignment,)), Transform((np.linalg.inv(moving.alignment),))
        return PlacedLabels(
            fixed=fixed.at_reference[labelling, evaluation.transfer],
            moving=moving.at_reference[labelling, evaluation.transfer],
            transform=out.then(transform).then(back),
            initial=out.then(back),
        )
    shape, affine = fixed.grids[labelling]
    native = on_grid(fixed.labels[labelling], shape, affine, threads)
    return PlacedLabels(
        fixed=Volume(array=native, affine=affine),
        moving=moving.labels[labelling],
        transform=transform,
        initial=Transform(),
    )


def score(
    labels: LabellingOfRun, moving: Side, fixed: Side, transform: Transform, evaluation: Evaluation, threads: int
) -> score_table.Row:
    """Dice of every structure after and before, and the measures that the evaluation asks for besides."""
    name, how = labels.name, evaluation.transfer
    maps = place_labels(name, moving, fixed, transform, evaluation, threads)
    target, grid = maps.fixed.array, (maps.fixed.shape, maps.fixed.affine)
    # A small structure may vanish where a map is carried to a coarser grid: not scored then.
    table = labels.structures[0] if labels.structures else fixed.structures[name]
    known = [index for index in table if labels.structures or index in moving.structures[name]]
    indices = scored_structures(target, maps.moving.array, known)
    if indices.size == 0:
        why = Failure("bad data", "no structure is present in both label maps")
        return {**score_table.failed_row(why), "n_structures": 0}
    moved, initial = (
        transfer_labels(maps.moving, way, *grid, threads=threads, method=how) for way in (maps.transform, maps.initial)
    )
    values = dice(target, moved, indices)
    row = {
        "status": "ok",
        "dice_mean": float(values.mean()),
        "n_structures": int(indices.size),
        "dice_initial": float(dice(target, initial, indices).mean()),
        **{f"{score_table.PREFIX}{i}": float(v) for i, v in zip(indices, values, strict=True)},
    }
    if evaluation.surface:
        distances = surface_distances(target, moved, indices, maps.fixed.spacing)
        row["hd95_mm"], row["assd_mm"] = (mean_of_finite(d) for d in (distances.hd95, distances.average))
    if evaluation.grid == "prepared":
        row["dice_prepared"] = dice_prepared(name, moving, fixed, transform, indices, how, threads)
    return row


def mean_of_finite(values: np.ndarray) -> float:
    """Mean of the values that are there; NaN where none is."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def dice_prepared(
    labelling: str,
    moving: Side,
    fixed: Side,
    transform: Transform,
    indices: np.ndarray,
    how: Literal["linear", "nearest"],
    threads: int,
) -> float:
    """Mean Dice as published: both label maps are resampled to the prepared grids before one is carried over."""
    on_moving, on_fixed = (
        Volume(
            array=transfer_labels(
                side.labels[labelling], Transform(), side.image.shape, side.image.affine, threads=threads, method=how
            ),
            affine=side.image.affine,
        )
        for side in (moving, fixed)
    )
    moved = transfer_labels(on_moving, transform, on_fixed.shape, on_fixed.affine, threads=threads, method=how)
    kept = indices[volumes(on_fixed.array, indices) > 0]
    return float(dice(on_fixed.array, moved, kept).mean()) if kept.size else float("nan")


def on_grid(labels: Volume, shape: tuple[int, int, int], affine: np.ndarray, threads: int) -> np.ndarray:
    """A label map on its scan's native grid; carried there through the headers where its own grid differs."""
    if labels.shape == shape and np.allclose(labels.affine, affine, atol=1e-3):
        return np.asarray(labels.array)
    return transfer_labels(labels, Transform(), shape, affine, threads=threads)
