"""Compiled loops over points and voxels.

This module exists for numba and imports it at the top, so it is itself only imported inside the functions that use
it. Every loop releases the GIL and runs in one thread: callers share the work out as slabs among Python threads,
which stays safe after a fork and beside other threaded libraries. Arithmetic is float64 in the order written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba
import numpy as np
import numpy.typing as npt

Params = ParamSpec("Params")
Result = TypeVar("Result")
FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]

# Voxel coordinates are rounded to this part of a voxel (1e-9) before labels are looked up. A point half-way between
# two voxels then is half-way whatever rounding the headers brought in, and a tie is a tie however scans are stored.
SNAP = 2.0**30


def compile_loop(function: Callable[Params, Result]) -> Callable[Params, Result]:
    """Compile on first use, keeping the machine code on disk where that is possible."""
    try:
        result: Callable[Params, Result] = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba finds no folder to write to: NUMBA_CACHE_DIR, beside this file, the user's cache
        result = numba.njit(nogil=True)(function)
    return result


@compile_loop
def _transform(matrix: FloatArray, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Apply an affine matrix to one point."""
    return (
        matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z + matrix[0, 3],
        matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z + matrix[1, 3],
        matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + matrix[2, 3],
    )


@compile_loop
def fill_grid(points: FloatArray, matrix: FloatArray, start: int) -> None:
    """Write the world points of a slab of voxels, whose first plane is `start`, into `points` (P, Y, Z, 3)."""
    for i in range(points.shape[0]):
        for j in range(points.shape[1]):
            for k in range(points.shape[2]):
                x, y, z = _transform(matrix, float(start + i), float(j), float(k))
                points[i, j, k, 0] = x
                points[i, j, k, 1] = y
                points[i, j, k, 2] = z


@compile_loop
def map_affine(points: FloatArray, matrix: FloatArray) -> None:
    """Apply an affine matrix to `points` (N, 3) in place."""
    for n in range(points.shape[0]):
        x, y, z = _transform(matrix, points[n, 0], points[n, 1], points[n, 2])
        points[n, 0] = x
        points[n, 1] = y
        points[n, 2] = z


@compile_loop
def map_field(points: FloatArray, vectors: FloatArray, to_voxel: FloatArray) -> None:
    """Add displacements `vectors` (X, Y, Z, 3) to `points` (N, 3) in place.

    As itk::DisplacementFieldTransform: linear between voxel centres, constant from the outermost centres to the rim
    of the buffer half a voxel further, nothing beyond.
    """
    nx, ny, nz, _ = vectors.shape
    for n in range(points.shape[0]):
        x, y, z = _transform(to_voxel, points[n, 0], points[n, 1], points[n, 2])
        # Written so that NaN counts as outside.
        if not (-0.5 <= x < nx - 0.5 and -0.5 <= y < ny - 0.5 and -0.5 <= z < nz - 0.5):
            continue
        x = min(max(x, 0.0), nx - 1.0)
        y = min(max(y, 0.0), ny - 1.0)
        z = min(max(z, 0.0), nz - 1.0)
        i, j, k = int(x), int(y), int(z)
        fx, fy, fz = x - i, y - j, z - k
        i1, j1, k1 = min(i + 1, nx - 1), min(j + 1, ny - 1), min(k + 1, nz - 1)
        for c in range(3):
            v00 = vectors[i, j, k, c] * (1.0 - fz) + vectors[i, j, k1, c] * fz
            v01 = vectors[i, j1, k, c] * (1.0 - fz) + vectors[i, j1, k1, c] * fz
            v10 = vectors[i1, j, k, c] * (1.0 - fz) + vectors[i1, j, k1, c] * fz
            v11 = vectors[i1, j1, k, c] * (1.0 - fz) + vectors[i1, j1, k1, c] * fz
            points[n, c] += (v00 * (1.0 - fy) + v01 * fy) * (1.0 - fx) + (v10 * (1.0 - fy) + v11 * fy) * fx


@compile_loop
def interpolate(points: FloatArray, image: FloatArray, to_voxel: FloatArray, out: FloatArray) -> None:
    """Write the linearly interpolated value of an image (X, Y, Z) at each of `points` (N, 3) into `out` (N,).

    Beyond the outermost voxel centres it is 0.
    """
    nx, ny, nz = image.shape
    for n in range(points.shape[0]):
        x, y, z = _transform(to_voxel, points[n, 0], points[n, 1], points[n, 2])
        # Written so that NaN counts as outside.
        if not (0.0 <= x <= nx - 1.0 and 0.0 <= y <= ny - 1.0 and 0.0 <= z <= nz - 1.0):
            out[n] = 0.0
            continue
        i, j, k = int(x), int(y), int(z)
        fx, fy, fz = x - i, y - j, z - k
        i1, j1, k1 = min(i + 1, nx - 1), min(j + 1, ny - 1), min(k + 1, nz - 1)
        v00 = image[i, j, k] * (1.0 - fz) + image[i, j, k1] * fz
        v01 = image[i, j1, k] * (1.0 - fz) + image[i, j1, k1] * fz
        v10 = image[i1, j, k] * (1.0 - fz) + image[i1, j, k1] * fz
        v11 = image[i1, j1, k] * (1.0 - fz) + image[i1, j1, k1] * fz
        out[n] = (v00 * (1.0 - fy) + v01 * fy) * (1.0 - fx) + (v10 * (1.0 - fy) + v11 * fy) * fx


@compile_loop
def _snap(matrix: FloatArray, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Give the voxel coordinates of one point, rounded to multiples of ``1 / SNAP``."""
    x, y, z = _transform(matrix, x, y, z)
    return np.floor(x * SNAP + 0.5) / SNAP, np.floor(y * SNAP + 0.5) / SNAP, np.floor(z * SNAP + 0.5) / SNAP


@compile_loop
def _elect(
    labels: IntArray,
    cell: tuple[int, int, int],
    part: tuple[float, float, float],
    candidates: IntArray,
    weights: FloatArray,
) -> int:
    """Find the label with the most trilinear weight among a cell's eight corners; the smallest one on a tie."""
    nx, ny, nz = labels.shape
    fx, fy, fz = part
    for corner in range(8):
        di, dj, dk = corner >> 2, (corner >> 1) & 1, corner & 1
        ci, cj, ck = cell[0] + di, cell[1] + dj, cell[2] + dk
        inside = 0 <= ci < nx and 0 <= cj < ny and 0 <= ck < nz
        candidates[corner] = labels[ci, cj, ck] if inside else 0
        weights[corner] = (fx if di else 1.0 - fx) * (fy if dj else 1.0 - fy) * (fz if dk else 1.0 - fz)
    best: int = candidates[0]
    most = -1.0
    for corner in range(8):
        votes = 0.0
        for other in range(8):
            if candidates[other] == candidates[corner]:
                votes += weights[other]
        if votes > most or (votes == most and candidates[corner] < best):
            best, most = candidates[corner], votes
    return best


@compile_loop
def vote(points: FloatArray, labels: IntArray, to_voxel: FloatArray, out: IntArray) -> None:
    """Write the label that trilinear votes elect at each of `points` (N, 3) into `out` (N,)."""
    nx, ny, nz = labels.shape
    candidates, weights = np.empty(8, labels.dtype), np.empty(8, np.float64)
    for n in range(points.shape[0]):
        x, y, z = _snap(to_voxel, points[n, 0], points[n, 1], points[n, 2])
        if not (-1.0 < x < nx and -1.0 < y < ny and -1.0 < z < nz):
            out[n] = 0
            continue
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        if 0 <= i < nx - 1 and 0 <= j < ny - 1 and 0 <= k < nz - 1:
            first = labels[i, j, k]
            if (
                labels[i, j, k + 1] == first
                and labels[i, j + 1, k] == first
                and labels[i, j + 1, k + 1] == first
                and labels[i + 1, j, k] == first
                and labels[i + 1, j, k + 1] == first
                and labels[i + 1, j + 1, k] == first
                and labels[i + 1, j + 1, k + 1] == first
            ):
                out[n] = first
                continue
        out[n] = _elect(labels, (i, j, k), (x - i, y - j, z - k), candidates, weights)


@compile_loop
def look_up(points: FloatArray, labels: IntArray, to_voxel: FloatArray, out: IntArray) -> None:
    """Write the label of the voxel nearest to each of `points` (N, 3) into `out` (N,); half-way goes up."""
    nx, ny, nz = labels.shape
    for n in range(points.shape[0]):
        x, y, z = _snap(to_voxel, points[n, 0], points[n, 1], points[n, 2])
        if -0.5 <= x < nx - 0.5 and -0.5 <= y < ny - 0.5 and -0.5 <= z < nz - 0.5:
            out[n] = labels[int(x + 0.5), int(y + 0.5), int(z + 0.5)]
        else:
            out[n] = 0


@compile_loop
def count(labels: IntArray, counts: IntArray) -> None:
    """Add the number of voxels of each label in `labels` (N,) to `counts`; labels beyond its end are left out."""
    for n in range(labels.size):
        if labels[n] < counts.size:
            counts[labels[n]] += 1


@compile_loop
def count_overlap(fixed: IntArray, moved: IntArray, both: IntArray, either: IntArray) -> None:
    """Add each label's voxels in both maps (N,) to `both` and the sum of its voxels in the two to `either`."""
    for n in range(fixed.size):
        one, other = fixed[n], moved[n]
        if one < either.size:
            either[one] += 1
            if one == other:
                both[one] += 1
        if other < either.size:
            either[other] += 1


@compile_loop
def determinants(points: FloatArray, first: int, voxel_volume: float, out: FloatArray) -> None:
    """Write the Jacobian determinants of a map sampled on a grid into `out` (P, Y, Z).

    `points` (Q, Y, Z, 3) are the mapped voxel centres of the planes of `out`, from plane `first` on, and of the
    neighbouring planes where there are any. Differences are central, one-sided at the border of the grid.
    `voxel_volume` is the signed determinant of the grid's affine.
    """
    planes, ny, nz, _ = points.shape
    for p in range(out.shape[0]):
        i0, i1 = max(first + p - 1, 0), min(first + p + 1, planes - 1)
        for j in range(ny):
            j0, j1 = max(j - 1, 0), min(j + 1, ny - 1)
            for k in range(nz):
                k0, k1 = max(k - 1, 0), min(k + 1, nz - 1)
                ax = points[i1, j, k, 0] - points[i0, j, k, 0]
                ay = points[i1, j, k, 1] - points[i0, j, k, 1]
                az = points[i1, j, k, 2] - points[i0, j, k, 2]
                bx = points[first + p, j1, k, 0] - points[first + p, j0, k, 0]
                by = points[first + p, j1, k, 1] - points[first + p, j0, k, 1]
                bz = points[first + p, j1, k, 2] - points[first + p, j0, k, 2]
                cx = points[first + p, j, k1, 0] - points[first + p, j, k0, 0]
                cy = points[first + p, j, k1, 1] - points[first + p, j, k0, 1]
                cz = points[first + p, j, k1, 2] - points[first + p, j, k0, 2]
                product = ax * (by * cz - bz * cy) - ay * (bx * cz - bz * cx) + az * (bx * cy - by * cx)
                out[p, j, k] = product / ((i1 - i0) * (j1 - j0) * (k1 - k0) * voxel_volume)
