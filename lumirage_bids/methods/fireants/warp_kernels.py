"""Compiled steps of the optimisation of a warp on a CPU: smoothing, Adam's direction, composition.

Each works on slabs of planes in several threads; what a voxel gets does not depend on the slabs. Loaded only while a
method runs, so numba is imported at the top.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lumirage_bids.methods.fireants.compiled import compile_loop, each_slab

Float32 = npt.NDArray[np.float32]


def smooth(image: Float32, weights: Sequence[npt.ArrayLike], threads: int) -> Float32:
    """Convolve with a separable kernel, zeros outside.

    Parameters
    ----------
    image : array, shape (Z, Y, X, components), float32, C order
    weights : sequence of three arrays of odd length
        Along z, y and x.
    threads : int
    """
    z, y, x = (np.asarray(w, dtype=np.float32) for w in weights)
    out = np.empty_like(image)
    flat, flat_out = (a.reshape(*a.shape[:2], -1) for a in (image, out))
    each_slab(image.shape[0], threads, lambda lo, hi: _smooth(flat, flat_out, z, y, x, image.shape[3], lo, hi))
    return out


def adam_direction(
    gradient: Float32,
    mean: Float32,
    square: Float32,
    *,
    linear: npt.ArrayLike,
    betas: tuple[float, float],
    step: int,
    threads: int,
) -> float:
    """Update Adam's moments and turn the gradient into Adam's direction, in place.

    Parameters
    ----------
    gradient, mean, square : array, shape (Z, Y, X, 3), float32
        Changed in place. The moments are of the gradient multiplied by the transpose of `linear`.
    linear : array, shape (3, 3)
    betas : tuple of float
        Decay of the two moments.
    step : int
        Number of this step, from 1, for the correction of the moments' start at zero.

    Returns
    -------
    float
        Length of the longest vector.
    """
    matrix = np.asarray(linear, dtype=np.float32)
    corrections = (1 - betas[0] ** step, 1 - betas[1] ** step)
    squares = each_slab(
        gradient.shape[0], threads, lambda lo, hi: _adam(gradient, mean, square, matrix, *betas, *corrections, lo, hi)
    )
    return float(np.sqrt(max(squares)))


def compose(warp: Float32, direction: Float32, scale: float, linear: npt.ArrayLike, threads: int) -> Float32:
    """Return `linear` · d + warp(x + d) with d = scale · direction, all in normalised coordinates; zeros outside."""
    matrix = np.asarray(linear, dtype=np.float32)
    out = np.empty_like(warp)
    each_slab(warp.shape[0], threads, lambda lo, hi: _compose(warp, direction, np.float32(scale), matrix, out, lo, hi))
    return out


@compile_loop
def _smooth(image, out, along_z, along_y, along_x, components, lo, hi):  # type: ignore[no-untyped-def]
    depth, height, width = image.shape
    rz, ry, rx = len(along_z) // 2, len(along_y) // 2, len(along_x) // 2
    by_z = np.empty((height, width), dtype=np.float32)
    by_y = np.zeros(width + 2 * rx * components, dtype=np.float32)  # with zeros at both ends
    middle = by_y[rx * components : rx * components + width]
    for z in range(lo, hi):
        by_z[:] = 0
        for k in range(max(-rz, -z), min(rz + 1, depth - z)):
            for y in range(height):
                _add(by_z[y], along_z[k + rz], image[z + k, y])
        for y in range(height):
            middle[:] = 0
            for k in range(max(-ry, -y), min(ry + 1, height - y)):
                _add(middle, along_y[k + ry], by_z[y + k])
            row = out[z, y]
            row[:] = 0
            for k in range(2 * rx + 1):
                _add(row, along_x[k], by_y[k * components : k * components + width])


@compile_loop
def _add(total, weight, row):  # type: ignore[no-untyped-def]
    """Add a weighted row to another; a function of its own, so that its loop becomes vector instructions."""
    for x in range(len(total)):
        total[x] += weight * row[x]


@compile_loop
def _adam(gradient, mean, square, linear, beta1, beta2, correct1, correct2, lo, hi):  # type: ignore[no-untyped-def]
    _, height, width, _ = gradient.shape
    keep1, keep2 = np.float32(beta1), np.float32(beta2)
    new1, new2 = np.float32(1 - beta1), np.float32(1 - beta2)
    over1, over2 = np.float32(1 / correct1), np.float32(1 / correct2)
    small, longest = np.float32(1e-8), np.float32(0)
    for z in range(lo, hi):
        for y in range(height):
            for x in range(width):
                g0, g1, g2 = gradient[z, y, x, 0], gradient[z, y, x, 1], gradient[z, y, x, 2]
                length = np.float32(0)
                for i in range(3):
                    g = linear[0, i] * g0 + linear[1, i] * g1 + linear[2, i] * g2
                    m = keep1 * mean[z, y, x, i] + new1 * g
                    v = keep2 * square[z, y, x, i] + new2 * g * g
                    mean[z, y, x, i], square[z, y, x, i] = m, v
                    d = m * over1 / (np.sqrt(v * over2) + small)
                    gradient[z, y, x, i] = d
                    length += d * d
                longest = max(longest, length)
    return longest


@compile_loop
def _compose(warp, direction, scale, linear, out, lo, hi):  # type: ignore[no-untyped-def]
    depth, height, width, _ = warp.shape
    half_z, half_y, half_x = (depth - 1) / 2, (height - 1) / 2, (width - 1) / 2
    one = np.float32(1)
    for z in range(lo, hi):
        for y in range(height):
            for x in range(width):
                d0, d1, d2 = scale * direction[z, y, x, 0], scale * direction[z, y, x, 1], scale * direction[z, y, x, 2]
                px, py, pz = x + d0 * half_x, y + d1 * half_y, z + d2 * half_z
                x0, y0, z0 = int(np.floor(px)), int(np.floor(py)), int(np.floor(pz))
                fx, fy, fz = np.float32(px - x0), np.float32(py - y0), np.float32(pz - z0)
                gx, gy, gz = one - fx, one - fy, one - fz
                if x0 >= 0 and y0 >= 0 and z0 >= 0 and x0 + 1 < width and y0 + 1 < height and z0 + 1 < depth:
                    for i in range(3):
                        a = warp[z0, y0, x0, i] * gx + warp[z0, y0, x0 + 1, i] * fx
                        b = warp[z0, y0 + 1, x0, i] * gx + warp[z0, y0 + 1, x0 + 1, i] * fx
                        c = warp[z0 + 1, y0, x0, i] * gx + warp[z0 + 1, y0, x0 + 1, i] * fx
                        d = warp[z0 + 1, y0 + 1, x0, i] * gx + warp[z0 + 1, y0 + 1, x0 + 1, i] * fx
                        moved = linear[i, 0] * d0 + linear[i, 1] * d1 + linear[i, 2] * d2
                        out[z, y, x, i] = moved + (a * gy + b * fy) * gz + (c * gy + d * fy) * fz
                    continue
                s0 = s1 = s2 = np.float32(0)
                for corner in range(8):
                    dx, dy, dz = corner & 1, (corner >> 1) & 1, corner >> 2
                    cx, cy, cz = x0 + dx, y0 + dy, z0 + dz
                    if 0 <= cx < width and 0 <= cy < height and 0 <= cz < depth:
                        weight = (fx if dx else one - fx) * (fy if dy else one - fy) * (fz if dz else one - fz)
                        s0 += weight * warp[cz, cy, cx, 0]
                        s1 += weight * warp[cz, cy, cx, 1]
                        s2 += weight * warp[cz, cy, cx, 2]
                out[z, y, x, 0] = s0 + linear[0, 0] * d0 + linear[0, 1] * d1 + linear[0, 2] * d2
                out[z, y, x, 1] = s1 + linear[1, 0] * d0 + linear[1, 1] * d1 + linear[1, 2] * d2
                out[z, y, x, 2] = s2 + linear[2, 0] * d0 + linear[2, 1] * d1 + linear[2, 2] * d2
