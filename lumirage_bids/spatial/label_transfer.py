"""Label transfer: the moving scan's labels on the fixed scan's grid, interpolated once and exactly.

Trilinear interpolation of every label's binary mask followed by arg-max needs no binary masks: at an output voxel
only the labels of the eight voxels around the mapped point have any weight. So time and memory do not depend on the
number of labels, and where the eight agree, as they mostly do, there is nothing to compute.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import Shape, Transform, for_slabs, inverse_affine, mapped_grid


def transfer_labels(
    labels: Volume,
    transform: Transform,
    shape: Shape,
    affine: npt.ArrayLike,
    *,
    threads: int = 1,
    method: Literal["linear", "nearest"] = "linear",
) -> npt.NDArray[np.integer]:
    """Carry the labels of the moving grid to the fixed grid.

    Each output voxel centre goes through the transform to a point of the moving grid, whose eight surrounding voxels
    vote for their label with their trilinear weights; the label with most votes wins, the smallest one on a tie.
    Background votes like any label, and voxels outside the moving grid are background. This equals, bit for bit, the
    arg-max of the trilinearly interpolated binary masks of all labels in float64. Voxel coordinates are rounded to a
    billionth of a voxel first, lest the rounding of headers decide ties: how a scan is stored does not matter.

    Parameters
    ----------
    labels : Volume
        Integer labels of the moving scan on its native grid, from 0 (background) to 2^32 - 1.
    transform : Transform
        Fixed world to moving world (RAS+, mm), alignment included.
    shape : tuple of int
        Number of voxels of the fixed grid along each axis.
    affine : array, shape (4, 4)
        Voxel indices of the fixed grid to world coordinates (RAS+, mm).
    threads : int
        Number of threads; no influence on the result.
    method : {"linear", "nearest"}
        ``nearest`` takes the label of the nearest voxel; for comparison only.

    Returns
    -------
    array, shape `shape`, dtype of `labels`
        Labels on the fixed grid.

    Raises
    ------
    BadDataError
        If the labels are not integers or some are negative, or an affine cannot be inverted.
    """
    from lumirage_bids.spatial import kernels

    array = _as_unsigned(labels.array)
    to_voxel = inverse_affine(labels.affine)
    inverse_affine(affine)
    out = np.empty(shape, array.dtype)
    kernel = {"linear": kernels.vote, "nearest": kernels.look_up}[method]

    def work(start: int, stop: int) -> None:
        points = mapped_grid(transform, shape, affine, start, stop)
        kernel(points.reshape(-1, 3), array, to_voxel, out[start:stop].reshape(-1))

    for_slabs(work, shape, threads)
    return out.astype(labels.array.dtype, copy=False)


def elect_labels(labels: Volume, points: npt.NDArray[np.float64]) -> npt.NDArray[np.integer]:
    """Elect the labels at points of a label map's world, shape (N, 3), as `transfer_labels` does; shape (N,)."""
    from lumirage_bids.spatial import kernels

    array = _as_unsigned(labels.array)
    out = np.empty(len(points), array.dtype)
    kernels.vote(np.ascontiguousarray(points), array, inverse_affine(labels.affine), out)
    return out


def _as_unsigned(labels: npt.NDArray[np.generic]) -> npt.NDArray[np.integer]:
    """Check labels and give them C-contiguous as uint16 or uint32: two types to compile for, and little to copy."""
    if labels.dtype.kind not in "bui":
        raise BadDataError(f"Labels are of type {labels.dtype}; they must be integers. Round them on reading.")
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= 2**32:
        raise BadDataError(
            f"Labels go from {lowest} to {highest}; they must lie between 0 (background) and {2**32 - 1}. "
            "Give the label map non-negative indices."
        )
    return np.ascontiguousarray(labels, dtype=np.uint16 if highest < 2**16 else np.uint32)
