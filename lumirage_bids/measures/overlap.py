"""Overlap of label maps on one grid: Dice per structure, volumes, and which structures are scored."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError

LabelArray = npt.NDArray[np.integer]
Counts = npt.NDArray[np.int64]


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
    from lumirage_bids.spatial import kernels

    wanted = _check_indices(indices)
    both, either = (np.zeros(int(wanted.max(initial=0)) + 1, np.int64) for _ in range(2))
    kernels.count_overlap(_flatten(fixed_labels), _flatten(moved_labels), both, either)
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
    from lumirage_bids.spatial import kernels

    wanted = _check_indices(indices)
    counts = np.zeros(int(wanted.max(initial=0)) + 1, np.int64)
    kernels.count(_flatten(labels), counts)
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
    indices = _check_indices(lut_indices)
    indices = indices[indices != 0]
    scored: Counts = indices[(volumes(fixed_native, indices) > 0) & (volumes(moving_native, indices) > 0)]
    return scored


def _check_indices(indices: npt.ArrayLike) -> Counts:
    """Check indices of structures: whole and not negative, which would count from the end."""
    array = np.asarray(indices)
    if array.size and (array.dtype.kind not in "ui" or array.min() < 0):
        raise BadDataError(f"Indices of structures must be non-negative integers, not {array.tolist()}.")
    whole: Counts = array.astype(np.int64)
    return whole


def _flatten(labels: LabelArray) -> LabelArray:
    """Check a label map and lay it out in C order, one voxel after the other, in one of two types to compile for."""
    if labels.dtype.kind not in "bui":
        raise BadDataError(f"Labels are of type {labels.dtype}; they must be integers. Round them on reading.")
    if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
        raise BadDataError(f"The label map holds the negative label {labels.min()}; labels must be 0 or more.")
    kind = np.int32 if np.can_cast(labels.dtype, np.int32) else np.int64
    whole: LabelArray = labels.astype(kind, copy=False)
    return np.ravel(whole)
