"""Compiled loops of the measures; imports numba at the top, so it is itself only imported inside functions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lumirage_bids.spatial.kernels import compile_loop

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]


@compile_loop
def _volume(points: FloatArray, at: tuple[int, int, int], ends: IntArray) -> float:
    """Six times the signed volume of the tetrahedron from one voxel centre to those at three offsets, once mapped."""
    i, j, k = at
    edges = np.empty((3, 3))
    for row in range(3):
        for c in range(3):
            there = points[i + ends[row, 0], j + ends[row, 1], k + ends[row, 2], c]
            edges[row, c] = there - points[i, j, k, c]
    a, b, c3 = edges[0], edges[1], edges[2]
    return float(
        a[0] * (b[1] * c3[2] - b[2] * c3[1])
        - a[1] * (b[0] * c3[2] - b[2] * c3[0])
        + a[2] * (b[0] * c3[1] - b[1] * c3[0])
    )


@compile_loop
def folded_volume(
    points: FloatArray, mask: IntArray, first: int, tetrahedra: IntArray, signs: FloatArray
) -> FloatArray:
    """Sum what tetrahedra at the voxels of a mask fold.

    `points` (Q, Y, Z, 3) are mapped voxel centres, one plane more than the slab on each side, the slab beginning at
    plane `first` of `points` and of the same length as `mask` (P, Y, Z). `tetrahedra` (T, 3, 3) holds three offsets
    each, `signs` (T,) what makes their volumes positive where nothing folds. Returns the folded volume, twelve times
    too large, the number of voxels looked at, and of those where any tetrahedron folds.
    """
    out = np.zeros(3)
    planes, ny, nz = mask.shape
    for p in range(planes):
        if first + p == 0 or first + p == points.shape[0] - 1:
            continue
        for j in range(1, ny - 1):
            for k in range(1, nz - 1):
                if mask[p, j, k] == 0:
                    continue
                out[1] += 1
                bad = False
                for t in range(len(signs)):
                    volume = signs[t] * _volume(points, (first + p, j, k), tetrahedra[t])
                    # Written so that NaN counts, and shows in the sum.
                    if not volume > 0:
                        bad = True
                        out[0] -= volume
                if bad:
                    out[2] += 1
    return out


@compile_loop
def joint_counts(values: IntArray, labels: IntArray, counts: IntArray) -> None:
    """Count how often each value goes with each label: `values` and `labels` (N,), `counts` (L, V)."""
    for n in range(labels.size):
        counts[labels[n], values[n]] += 1


@compile_loop
def count_faces(labels: IntArray, faces: IntArray) -> None:
    """Count the voxel faces between each two labels of a map (X, Y, Z) into `faces` (3, L, L), by axis; both ways."""
    nx, ny, nz = labels.shape
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                here = labels[i, j, k]
                for axis in range(3):
                    a, b, c = i + (axis == 0), j + (axis == 1), k + (axis == 2)
                    if a < nx and b < ny and c < nz:
                        there = labels[a, b, c]
                        if here != there:
                            faces[axis, here, there] += 1
                            faces[axis, there, here] += 1


@compile_loop
def face_values(labels: IntArray, values: IntArray, slots: IntArray, counts: IntArray) -> None:
    """Count the values on both sides of the faces between labels.

    `labels` and `values` are maps (X, Y, Z); `slots` (L, L) says which row of `counts` (S, V) belongs to the side of
    the first label where it meets the second, -1 for none.
    """
    nx, ny, nz = labels.shape
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                here = labels[i, j, k]
                for axis in range(3):
                    a, b, c = i + (axis == 0), j + (axis == 1), k + (axis == 2)
                    if a < nx and b < ny and c < nz:
                        there = labels[a, b, c]
                        if here != there:
                            if slots[here, there] >= 0:
                                counts[slots[here, there], values[i, j, k]] += 1
                            if slots[there, here] >= 0:
                                counts[slots[there, here], values[a, b, c]] += 1
