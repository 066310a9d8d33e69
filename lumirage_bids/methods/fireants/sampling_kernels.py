"""Sampling of images through a warp on a CPU, and its derivative by the warp, compiled.

What a voxel gets does not depend on the slabs that threads share. Loaded only while a method runs, so numba is imported
at the top.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lumirage_bids.methods.fireants.compiled import compile_loop, each_slab

Float32 = npt.NDArray[np.float32]


def sample(channels: Float32, displacement: Float32, matrix: npt.ArrayLike, threads: int) -> Float32:
    """Every channel at A x + u(x) for every voxel x of a grid, linear in between, zero outside.

    Parameters
    ----------
    channels : array, shape (channels, Z', Y', X')
    displacement : array, shape (Z, Y, X, 3)
        u, in normalised coordinates of the image's grid, components in the order x, y, z.
    matrix : array, shape (3, 4)
        A, from normalised coordinates of the displacement's grid to the image's.
    threads : int

    Returns
    -------
    array, shape (channels, Z, Y, X)
    """
    grid = displacement.shape[:3]
    base, half = _in_voxels(matrix, grid, channels.shape[1:])
    out = np.empty((len(channels), *grid), dtype=np.float32)

    def fill(lo: int, hi: int) -> None:
        for image, its in zip(channels, out, strict=True):
            _sample(image, displacement, base, half, its, lo, hi)

    each_slab(grid[0], threads, fill)
    return out


def sample_gradient(
    channels: Float32, displacement: Float32, matrix: npt.ArrayLike, upstream: Float32, threads: int
) -> Float32:
    """Derivative of a function of `sample`'s result by the displacement.

    Parameters
    ----------
    upstream : array, shape (channels, Z, Y, X)
        Derivative of the function by `sample`'s result.
    channels, displacement, matrix, threads
        As `sample`.

    Returns
    -------
    array, shape (Z, Y, X, 3)
    """
    grid = displacement.shape[:3]
    base, half = _in_voxels(matrix, grid, channels.shape[1:])
    out = np.zeros_like(displacement)

    def fill(lo: int, hi: int) -> None:
        for image, its in zip(channels, upstream, strict=True):
            _sample_gradient(image, displacement, base, half, its, out, lo, hi)

    each_slab(grid[0], threads, fill)
    return out


def _in_voxels(
    matrix: npt.ArrayLike, grid: tuple[int, ...], image: tuple[int, ...]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Map between voxels, (3, 4), from one between normalised coordinates; and voxels a normalised unit, (3,)."""
    to_voxels = (np.array(image[::-1], dtype=np.float64) - 1) / 2
    of_grid = (np.array(grid[::-1], dtype=np.float64) - 1) / 2
    a = np.asarray(matrix, dtype=np.float64)
    base = np.empty((3, 4))
    base[:, :3] = to_voxels[:, None] * a[:, :3] / of_grid
    base[:, 3] = to_voxels * (a[:, 3] - a[:, :3].sum(axis=1) + 1)
    return base, to_voxels


@compile_loop
def _sample(image, displacement, base, half, out, lo, hi):  # type: ignore[no-untyped-def]
    depth, height, width = image.shape
    _, rows, columns, _ = displacement.shape
    one = np.float32(1)
    for z in range(lo, hi):
        for y in range(rows):
            bx = base[0, 1] * y + base[0, 2] * z + base[0, 3]
            by = base[1, 1] * y + base[1, 2] * z + base[1, 3]
            bz = base[2, 1] * y + base[2, 2] * z + base[2, 3]
            for x in range(columns):
                px = bx + base[0, 0] * x + half[0] * displacement[z, y, x, 0]
                py = by + base[1, 0] * x + half[1] * displacement[z, y, x, 1]
                pz = bz + base[2, 0] * x + half[2] * displacement[z, y, x, 2]
                if not (-1 < px < width and -1 < py < height and -1 < pz < depth):
                    out[z, y, x] = 0
                    continue
                x0, y0, z0 = int(np.floor(px)), int(np.floor(py)), int(np.floor(pz))
                fx, fy, fz = np.float32(px - x0), np.float32(py - y0), np.float32(pz - z0)
                if x0 >= 0 and y0 >= 0 and z0 >= 0 and x0 + 1 < width and y0 + 1 < height and z0 + 1 < depth:
                    a = image[z0, y0, x0] * (one - fx) + image[z0, y0, x0 + 1] * fx
                    b = image[z0, y0 + 1, x0] * (one - fx) + image[z0, y0 + 1, x0 + 1] * fx
                    c = image[z0 + 1, y0, x0] * (one - fx) + image[z0 + 1, y0, x0 + 1] * fx
                    d = image[z0 + 1, y0 + 1, x0] * (one - fx) + image[z0 + 1, y0 + 1, x0 + 1] * fx
                    out[z, y, x] = (a * (one - fy) + b * fy) * (one - fz) + (c * (one - fy) + d * fy) * fz
                    continue
                total = np.float32(0)
                for corner in range(8):
                    dx, dy, dz = corner & 1, (corner >> 1) & 1, corner >> 2
                    cx, cy, cz = x0 + dx, y0 + dy, z0 + dz
                    if 0 <= cx < width and 0 <= cy < height and 0 <= cz < depth:
                        weight = (fx if dx else one - fx) * (fy if dy else one - fy) * (fz if dz else one - fz)
                        total += weight * image[cz, cy, cx]
                out[z, y, x] = total


@compile_loop
def _sample_gradient(image, displacement, base, half, upstream, out, lo, hi):  # type: ignore[no-untyped-def]
    """Add one channel's part."""
    depth, height, width = image.shape
    _, rows, columns, _ = displacement.shape
    one, zero = np.float32(1), np.float32(0)
    hx, hy, hz = np.float32(half[0]), np.float32(half[1]), np.float32(half[2])
    corners = np.empty(8, dtype=np.float32)
    for z in range(lo, hi):
        for y in range(rows):
            bx = base[0, 1] * y + base[0, 2] * z + base[0, 3]
            by = base[1, 1] * y + base[1, 2] * z + base[1, 3]
            bz = base[2, 1] * y + base[2, 2] * z + base[2, 3]
            for x in range(columns):
                up = upstream[z, y, x]
                px = bx + base[0, 0] * x + half[0] * displacement[z, y, x, 0]
                py = by + base[1, 0] * x + half[1] * displacement[z, y, x, 1]
                pz = bz + base[2, 0] * x + half[2] * displacement[z, y, x, 2]
                if up == zero or not (-1 < px < width and -1 < py < height and -1 < pz < depth):
                    continue
                x0, y0, z0 = int(np.floor(px)), int(np.floor(py)), int(np.floor(pz))
                fx, fy, fz = np.float32(px - x0), np.float32(py - y0), np.float32(pz - z0)
                if x0 >= 0 and y0 >= 0 and z0 >= 0 and x0 + 1 < width and y0 + 1 < height and z0 + 1 < depth:
                    i000, i001 = image[z0, y0, x0], image[z0, y0, x0 + 1]
                    i010, i011 = image[z0, y0 + 1, x0], image[z0, y0 + 1, x0 + 1]
                    i100, i101 = image[z0 + 1, y0, x0], image[z0 + 1, y0, x0 + 1]
                    i110, i111 = image[z0 + 1, y0 + 1, x0], image[z0 + 1, y0 + 1, x0 + 1]
                else:
                    for corner in range(8):
                        cx, cy, cz = x0 + (corner & 1), y0 + ((corner >> 1) & 1), z0 + (corner >> 2)
                        inside = 0 <= cx < width and 0 <= cy < height and 0 <= cz < depth
                        corners[corner] = image[cz, cy, cx] if inside else zero
                    i000, i001, i010, i011 = corners[0], corners[1], corners[2], corners[3]
                    i100, i101, i110, i111 = corners[4], corners[5], corners[6], corners[7]
                gx, gy, gz = one - fx, one - fy, one - fz
                a, b = i000 * gx + i001 * fx, i010 * gx + i011 * fx
                c, d = i100 * gx + i101 * fx, i110 * gx + i111 * fx
                near, far = (i001 - i000) * gy + (i011 - i010) * fy, (i101 - i100) * gy + (i111 - i110) * fy
                out[z, y, x, 0] += up * hx * (near * gz + far * fz)
                out[z, y, x, 1] += up * hy * ((b - a) * gz + (d - c) * fz)
                out[z, y, x, 2] += up * hz * ((c * gy + d * fy) - (a * gy + b * fy))
