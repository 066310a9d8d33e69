"""Inverse and composition of warps on a CPU, compiled, a voxel at a time so that no further field is needed.

Loaded only while a method runs, so numba is imported at the top.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lumirage_bids.methods.fireants.compiled import compile_loop, each_slab

Float32 = npt.NDArray[np.float32]


def invert(warp: Float32, *, tolerance: float, iterations: int, full_steps: int, threads: int) -> Float32:
    """Invert x + warp(x); see `_run.inverted` for the iteration and its source.

    Parameters
    ----------
    warp : array, shape (Z, Y, X, 3)
        Displacements in normalised coordinates; linear in between, held at the border outside.
    tolerance : float
        Residual at which a voxel is done, voxels.
    iterations, full_steps : int
        Largest number of iterations, and the number after which steps are halved, and halved again.
    threads : int
    """
    out = np.empty_like(warp)

    def slab(lo: int, hi: int) -> None:
        _invert(warp, np.float32(tolerance**2), iterations, full_steps, out, lo, hi)

    each_slab(warp.shape[0], threads, slab)
    return out


def follow(field: Float32, displacement: Float32, threads: int) -> Float32:
    """Field at x + displacement(x), both (Z, Y, X, 3) in normalised coordinates; its border value outside."""
    out = np.empty_like(field)
    each_slab(field.shape[0], threads, lambda lo, hi: _follow(field, displacement, out, lo, hi))
    return out


@compile_loop
def _sample(field, x, y, z):  # type: ignore[no-untyped-def]
    """Field at a point in voxel coordinates, linear in between, its border value outside."""
    depth, height, width, _ = field.shape
    x, y, z = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0), min(max(z, 0.0), depth - 1.0)
    x0, y0, z0 = int(x), int(y), int(z)
    x1, y1, z1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1), min(z0 + 1, depth - 1)
    fx, fy, fz = np.float32(x - x0), np.float32(y - y0), np.float32(z - z0)
    gx, gy, gz = np.float32(1) - fx, np.float32(1) - fy, np.float32(1) - fz
    w00, w01, w10, w11 = gy * gz, fy * gz, gy * fz, fy * fz
    u = (field[z0, y0, x0, 0] * gx + field[z0, y0, x1, 0] * fx) * w00
    v = (field[z0, y0, x0, 1] * gx + field[z0, y0, x1, 1] * fx) * w00
    w = (field[z0, y0, x0, 2] * gx + field[z0, y0, x1, 2] * fx) * w00
    for zc, yc, weight in ((z0, y1, w01), (z1, y0, w10), (z1, y1, w11)):
        u += (field[zc, yc, x0, 0] * gx + field[zc, yc, x1, 0] * fx) * weight
        v += (field[zc, yc, x0, 1] * gx + field[zc, yc, x1, 1] * fx) * weight
        w += (field[zc, yc, x0, 2] * gx + field[zc, yc, x1, 2] * fx) * weight
    return u, v, w


@compile_loop
def _invert(warp, tolerance, iterations, full_steps, out, lo, hi):  # type: ignore[no-untyped-def]
    depth, height, width, _ = warp.shape
    hx, hy, hz = (width - 1) / 2, (height - 1) / 2, (depth - 1) / 2
    for z in range(lo, hi):
        for y in range(height):
            for x in range(width):
                u, v, w = -warp[z, y, x, 0], -warp[z, y, x, 1], -warp[z, y, x, 2]
                step = np.float32(1)
                for iteration in range(iterations):
                    if iteration and iteration % full_steps == 0:
                        step *= np.float32(0.5)
                    a, b, c = _sample(warp, x + hx * u, y + hy * v, z + hz * w)
                    a, b, c = a + u, b + v, c + w
                    if (a * hx) ** 2 + (b * hy) ** 2 + (c * hz) ** 2 < tolerance:
                        break
                    u, v, w = u - step * a, v - step * b, w - step * c
                out[z, y, x, 0], out[z, y, x, 1], out[z, y, x, 2] = u, v, w


@compile_loop
def _follow(field, displacement, out, lo, hi):  # type: ignore[no-untyped-def]
    depth, height, width, _ = field.shape
    hx, hy, hz = (width - 1) / 2, (height - 1) / 2, (depth - 1) / 2
    for z in range(lo, hi):
        for y in range(height):
            for x in range(width):
                d0, d1, d2 = displacement[z, y, x, 0], displacement[z, y, x, 1], displacement[z, y, x, 2]
                u, v, w = _sample(field, x + hx * d0, y + hy * d1, z + hz * d2)
                out[z, y, x, 0], out[z, y, x, 1], out[z, y, x, 2] = u, v, w
