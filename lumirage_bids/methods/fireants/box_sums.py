"""Running sums over cubic windows, compiled: the statistics of the local cross-correlation on a CPU.

A window's sum moves along z, y and x by adding what enters and subtracting what leaves, so its cost does not depend on
the window's size. Sums are kept in double precision. Loaded only while a method runs, so numba is imported at the top.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lumirage_bids.methods.fireants.compiled import compile_loop, each_slab

Image = npt.NDArray[np.float32]


def loss_and_gradients(
    image: Image, other: Image, *, radius: int, smooth: float, needed: tuple[bool, bool], threads: int
) -> tuple[float, tuple[Image | None, Image | None]]:
    """Negative mean squared local correlation of two images and its gradients; see `lncc` for the formula.

    Parameters
    ----------
    image, other : array, shape (Z, Y, X), float32, C order
    radius : int
        The window has 2 radius + 1 voxels a side.
    smooth : float
        Smallest variance, and what is added to numerator and denominator.
    needed : tuple of bool
        Whether the gradient with respect to each image is wanted.
    threads : int
        Number of threads.
    """
    depth = image.shape[0]
    cross, *rest = (np.empty_like(image) for _ in range(5))
    (var_i, mixed_i), (var_j, mixed_j) = rest[:2], rest[2:]

    def statistics(lo: int, hi: int) -> float:
        maps = (cross, var_i, mixed_i, var_j, mixed_j)
        return float(_statistics(image, other, radius, smooth, lo, hi, *maps))

    def gradient(own: Image, its: Image, by_var: Image, mixed: Image) -> Image:
        out = np.empty_like(own)
        each_slab(depth, threads, lambda lo, hi: _gradient(own, its, cross, by_var, mixed, radius, lo, hi, out))
        return out

    loss = -sum(each_slab(depth, threads, statistics)) / image.size
    first = gradient(image, other, var_i, mixed_i) if needed[0] else None
    second = gradient(other, image, var_j, mixed_j) if needed[1] else None
    return loss, (first, second)


@compile_loop
def _statistics(image, other, radius, smooth, lo, hi, by_cross, by_var_i, mixed_i, by_var_j, mixed_j):  # type: ignore[no-untyped-def]
    """Sum the squared correlation over planes lo to hi and write its derivatives by covariance and variances."""
    depth, height, width = image.shape
    column = np.zeros((5, height, width))
    row = np.empty((5, width))
    mean = np.empty((5, width))
    volume = 1.0 / (2 * radius + 1) ** 3
    total = 0.0
    for z in range(max(lo - radius, 0), min(lo + radius, depth)):
        _add_products(column, image[z], other[z], 1.0)
    for z in range(lo, hi):
        if z + radius < depth:
            _add_products(column, image[z + radius], other[z + radius], 1.0)
        if z - radius - 1 >= max(lo - radius, 0):
            _add_products(column, image[z - radius - 1], other[z - radius - 1], -1.0)
        row[:] = 0.0
        for y in range(-radius, height):
            _move_row(column, row, y, radius)
            if y < 0:
                continue
            _along_row(row, mean, radius, volume)
            for x in range(width):
                mi, mj = mean[0, x], mean[1, x]
                cross = mean[4, x] - mi * mj
                vi, vj = mean[2, x] - mi * mi, mean[3, x] - mj * mj
                gate_i = 1.0 if vi > smooth else 0.0
                gate_j = 1.0 if vj > smooth else 0.0
                vi, vj = max(vi, smooth), max(vj, smooth)
                over = 1.0 / (vi * vj + smooth)
                ncc = (cross * cross + smooth) * over
                a = 2.0 * cross * over
                bi, bj = -gate_i * ncc * vj * over, -gate_j * ncc * vi * over
                total += ncc
                by_cross[z, y, x] = a
                by_var_i[z, y, x] = bi
                by_var_j[z, y, x] = bj
                mixed_i[z, y, x] = a * mj + 2.0 * bi * mi
                mixed_j[z, y, x] = a * mi + 2.0 * bj * mj
    return total


@compile_loop
def _gradient(own, its, by_cross, by_var, mixed, radius, lo, hi, out):  # type: ignore[no-untyped-def]
    """Write the gradient by `own` for planes lo to hi."""
    depth, height, width = own.shape
    column = np.zeros((3, height, width))
    row = np.empty((3, width))
    mean = np.empty((3, width))
    volume = 1.0 / (2 * radius + 1) ** 3
    for z in range(max(lo - radius, 0), min(lo + radius, depth)):
        _add_planes(column, by_cross[z], by_var[z], mixed[z], 1.0)
    for z in range(lo, hi):
        if z + radius < depth:
            _add_planes(column, by_cross[z + radius], by_var[z + radius], mixed[z + radius], 1.0)
        if z - radius - 1 >= max(lo - radius, 0):
            p = z - radius - 1
            _add_planes(column, by_cross[p], by_var[p], mixed[p], -1.0)
        row[:] = 0.0
        for y in range(-radius, height):
            _move_row(column, row, y, radius)
            if y < 0:
                continue
            _along_row(row, mean, radius, volume / own.size)
            for x in range(width):
                out[z, y, x] = mean[2, x] - its[z, y, x] * mean[0, x] - 2.0 * own[z, y, x] * mean[1, x]


@compile_loop
def _add_products(column, image, other, sign):  # type: ignore[no-untyped-def]
    """Add one plane's intensities and their products to the sums along z."""
    height, width = image.shape
    for y in range(height):
        for x in range(width):
            i, j = np.float64(image[y, x]), np.float64(other[y, x])
            column[0, y, x] += sign * i
            column[1, y, x] += sign * j
            column[2, y, x] += sign * i * i
            column[3, y, x] += sign * j * j
            column[4, y, x] += sign * i * j


@compile_loop
def _add_planes(column, first, second, third, sign):  # type: ignore[no-untyped-def]
    """Add one plane of three images to the sums along z."""
    height, width = first.shape
    for y in range(height):
        for x in range(width):
            column[0, y, x] += sign * first[y, x]
            column[1, y, x] += sign * second[y, x]
            column[2, y, x] += sign * third[y, x]


@compile_loop
def _move_row(column, row, y, radius):  # type: ignore[no-untyped-def]
    """Move the sums along y to row y: one row enters, one leaves."""
    kinds, height, width = column.shape
    for k in range(kinds):
        if y + radius < height:
            for x in range(width):
                row[k, x] += column[k, y + radius, x]
        if y - radius - 1 >= 0:
            for x in range(width):
                row[k, x] -= column[k, y - radius - 1, x]


@compile_loop
def _along_row(row, mean, radius, scale):  # type: ignore[no-untyped-def]
    """Sum along x and scale."""
    kinds, width = row.shape
    for k in range(kinds):
        total = 0.0
        for x in range(min(radius, width)):
            total += row[k, x]
        for x in range(width):
            if x + radius < width:
                total += row[k, x + radius]
            if x - radius - 1 >= 0:
                total -= row[k, x - radius - 1]
            mean[k, x] = total * scale
