"""Overlap of label maps on one grid: Dice per structure, volumes, and which structures are scored."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from lumirage_bids.errors import BadDataError

LabelArray = npt.NDArray[np.integer]
Counts = npt.NDArray[np.int64]

# Voxels counted at a time, so that what counting needs beside the maps stays at some ten MB.
_CHUNK = 2**20


def dice(fixed_labels: LabelArray, moved_labels: LabelArray, indices: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Dice coefficient of each structure.

    ``2 |F ∩ M| / (|F| + |M|)``, without unit, from 0 (apart) to 1 (equal); higher is better. A structure that only
    one of the maps has scores 0, one that neither has is NaN: nothing was there to be matched.

    Parameters
    ----------
    fixed_labels, moved_labels : array, same shape
        Labels of the fixed scan, and of the moving scan after transfer to the fixed grid.
    indices : array, shape (n,)
        Indices of the structures.

    Returns
    -------
    array, shape (n,), float64
        Coefficients in the order of `indices`.

    Raises
    ------
    BadDataError
        If the maps differ in shape or hold anything but non-negative integers.

    References
    ----------
    Dice LR (1945), Ecology 26:297-302, doi:10.2307/1932409.
    """
    if fixed_labels.shape != moved_labels.shape:
        raise BadDataError(
            f"The label maps to be compared have shapes {fixed_labels.shape} and {moved_labels.shape}; "
            "both must lie on the fixed scan's grid."
        )
    wanted = _as_indices(indices)
    rest = int(wanted.max(initial=0)) + 1
    both, either = np.zeros(rest + 1, np.int64), np.zeros(rest + 1, np.int64)
    for fixed, moved in zip(_chunks(fixed_labels, rest), _chunks(moved_labels, rest), strict=True):
        both += np.bincount(fixed[fixed == moved], minlength=rest + 1)
        either += np.bincount(fixed, minlength=rest + 1) + np.bincount(moved, minlength=rest + 1)
    total = either[wanted]
    scores = np.full(len(wanted), np.nan)
    np.divide(2.0 * both[wanted], total, out=scores, where=total > 0)
    return scores


def volumes(labels: LabelArray, indices: npt.ArrayLike) -> Counts:
    """Count the voxels of each structure; times the product of the spacing it is the volume in mm³.

    Parameters
    ----------
    labels : array
        Label map.
    indices : array, shape (n,)
        Indices of the structures.

    Returns
    -------
    array, shape (n,), int64
        Numbers of voxels in the order of `indices`.

    Raises
    ------
    BadDataError
        If the map holds anything but non-negative integers.
    """
    wanted = _as_indices(indices)
    rest = int(wanted.max(initial=0)) + 1
    counts = np.zeros(rest + 1, np.int64)
    for chunk in _chunks(labels, rest):
        counts += np.bincount(chunk, minlength=rest + 1)
    return counts[wanted]


def scored_structures(fixed_native: LabelArray, moving_native: LabelArray, lut_indices: npt.ArrayLike) -> Counts:
    """List the structures that are scored: those present in both native label maps.

    The set is known before any method runs and is the same for all of them. Background (0) is never scored.

    Parameters
    ----------
    fixed_native, moving_native : array
        Label maps of the two scans, each on its own grid.
    lut_indices : array, shape (n,)
        Indices of the labelling's look-up table.

    Returns
    -------
    array, shape (m,), int64
        Indices of the scored structures in the order of the look-up table.

    Raises
    ------
    BadDataError
        If a map holds anything but non-negative integers.
    """
    indices = _as_indices(lut_indices)
    indices = indices[indices != 0]
    scored: Counts = indices[(volumes(fixed_native, indices) > 0) & (volumes(moving_native, indices) > 0)]
    return scored


def _as_indices(indices: npt.ArrayLike) -> Counts:
    """Check indices of structures: whole and not negative, which would count from the end."""
    array = np.asarray(indices)
    if array.size and (array.dtype.kind not in "ui" or array.min() < 0):
        raise BadDataError(f"Indices of structures must be non-negative integers, not {array.tolist()}.")
    whole: Counts = array.astype(np.int64)
    return whole


def _chunks(labels: LabelArray, rest: int) -> Iterator[LabelArray]:
    """Go through a map in C order, part by part; labels above those asked for become `rest`."""
    if labels.dtype.kind not in "bui":
        raise BadDataError(f"Labels are of type {labels.dtype}; they must be integers. Round them on reading.")
    planes = max(1, _CHUNK // max(1, labels[:1].size))
    for start in range(0, len(labels), planes):
        chunk = labels[start : start + planes].ravel()
        if chunk.size and chunk.min() < 0:
            raise BadDataError(f"The label map holds the negative label {chunk.min()}; labels must be 0 or more.")
        yield np.minimum(chunk, rest, dtype=np.int64)
