"""Loops of the self-similarity context, compiled; the steps that are made of them are in `mind_steps`.

Images and fields are single precision, sums over patches double. Each loop works on a slab of planes. Loaded only while
a method runs, so numba is imported at the top. The words are those of `mind`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lumirage_bids.methods.fireants.compiled import compile_loop

Float32 = npt.NDArray[np.float32]


class Features(NamedTuple):
    """What one image's descriptor is made of.

    Attributes
    ----------
    fields : array, shape (6, Z + dilation, Y + dilation, X + dilation), float32
        Distances along the edges of each direction.
    low, high : float32
        Limits of the variance.
    """

    fields: Float32
    low: np.float32
    high: np.float32


class Row(NamedTuple):
    """One row of an image: distances above the least, descriptor, derivatives (12, X); variance, one over it (X)."""

    distance: Float32
    descriptor: Float32
    by_distance: Float32
    variance: Float32
    over: Float32


@compile_loop
def patch_distance(first, second, radius, lo, hi, out):  # type: ignore[no-untyped-def]
    """Write the mean over the patch of the squared difference, planes lo to hi; `out` is smaller by the patch."""
    height = out.shape[1]
    side = 2 * radius + 1
    column = np.zeros(first.shape[1:])
    row, narrow = np.empty(first.shape[2]), np.empty(first.shape[2], np.float32)
    volume = 1.0 / side**3
    for z in range(lo, lo + side - 1):
        _add_squares(column, first[z], second[z], 1.0)
    for z in range(lo, hi):
        _add_squares(column, first[z + side - 1], second[z + side - 1], 1.0)
        row[:] = 0.0
        for y in range(side - 1):
            _add_row(row, column[y], 1.0)
        for y in range(height):
            _add_row(row, column[y + side - 1], 1.0)
            _sum_along(row, narrow, volume, out[z, y])
            _add_row(row, column[y], -1.0)
        _add_squares(column, first[z], second[z], -1.0)


@compile_loop
def _add_squares(column, first, second, sign):  # type: ignore[no-untyped-def]
    """Add one plane's squared differences, or take them away."""
    for y in range(len(column)):
        a, b, out = first[y], second[y], column[y]
        for x in range(out.size):
            difference = np.float64(a[x] - b[x])
            out[x] += sign * difference * difference


@compile_loop
def _add_row(row, other, sign):  # type: ignore[no-untyped-def]
    """Add one row, or take it away."""
    for x in range(other.size):
        row[x] += sign * other[x]


@compile_loop
def _sum_along(row, narrow, scale, out):  # type: ignore[no-untyped-def]
    """Write the scaled sums of as many neighbours as the row is longer, plus one."""
    for x in range(row.size):
        narrow[x] = row[x] * scale
    out[:] = 0
    for k in range(row.size - out.size + 1):
        part = narrow[k : k + out.size]
        for x in range(out.size):
            out[x] += part[x]


@compile_loop
def _distances(fields, places, z, y, distance, least):  # type: ignore[no-untyped-def]
    """Collect one row's distances along all edges, above the least of them."""
    width = least.size
    for k in range(2 * len(places)):
        dz, dy, dx = places[k // 2, k % 2]
        row, out = fields[k // 2, z + dz, y + dy, dx : dx + width], distance[k]
        if k == 0:
            least[:] = row
        for x in range(width):
            out[x] = row[x]
            least[x] = min(least[x], row[x])
    for k in range(len(distance)):
        out = distance[k]
        for x in range(width):
            out[x] -= least[x]


@compile_loop
def _mean_distance(distance, mean):  # type: ignore[no-untyped-def]
    """Write one row's mean over the edges."""
    mean[:] = 0
    for k in range(len(distance)):
        row = distance[k]
        for x in range(mean.size):
            mean[x] += row[x]
    part = np.float32(1 / len(distance))
    for x in range(mean.size):
        mean[x] *= part


@compile_loop
def sum_variance(fields, places, lo, hi):  # type: ignore[no-untyped-def]
    """Sum the variance over planes lo to hi of the image."""
    reach = places.max()
    height, width = fields.shape[2] - reach, fields.shape[3] - reach
    row, least = _new_row(places.size // 3, width), np.empty(width, np.float32)
    total = 0.0
    for z in range(lo, hi):
        for y in range(height):
            _distances(fields, places, z, y, row.distance, least)
            _mean_distance(row.distance, row.variance)
            for x in range(width):
                total += row.variance[x]
    return total


@compile_loop
def _new_row(edges, width):  # type: ignore[no-untyped-def]
    """Make room for one row."""
    shape = (edges, width)
    one, two, three = np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.float32)
    return Row(one, two, three, np.empty(width, np.float32), np.empty(width, np.float32))


@compile_loop
def compare(one, two, places, scale, lo, hi, by_one, by_two):  # type: ignore[no-untyped-def]
    """Sum the squared differences of planes lo to hi and add their derivatives, those of half the sum times `scale`."""
    edges, reach = places.size // 3, places.max()
    height, width = one.fields.shape[2] - reach, one.fields.shape[3] - reach
    first, second = _new_row(edges, width), _new_row(edges, width)
    spare, power = np.empty((3, width), np.float32), np.empty(width, np.int32)
    total = 0.0
    for z in range(lo, hi):
        for y in range(height):
            _describe(one, places, z, y, first, spare[0], power)
            _describe(two, places, z, y, second, spare[0], power)
            total += _sum_squares(first.descriptor, second.descriptor, spare[0])
            if by_one.size:
                _derive(first, second.descriptor, one, scale, spare, places, z, y, by_one)
            if by_two.size:
                _derive(second, first.descriptor, two, scale, spare, places, z, y, by_two)
    return total


@compile_loop
def describe(features, places, lo, hi, out):  # type: ignore[no-untyped-def]
    """Write the descriptor of planes lo to hi."""
    edges, _, height, width = out.shape
    row, least, power = _new_row(edges, width), np.empty(width, np.float32), np.empty(width, np.int32)
    for z in range(lo, hi):
        for y in range(height):
            _describe(features, places, z, y, row, least, power)
            out[:, z, y] = row.descriptor


@compile_loop
def _describe(features, places, z, y, row, least, power):  # type: ignore[no-untyped-def]
    """Fill in one row of an image."""
    one = np.float32(1)
    _distances(features.fields, places, z, y, row.distance, least)
    _mean_distance(row.distance, row.variance)
    variance, over = row.variance, row.over
    for x in range(over.size):
        over[x] = one / min(max(variance[x], features.low), features.high)
    for k in range(len(row.distance)):
        _exp_of_minus(row.distance[k], over, power, row.descriptor[k])


@compile_loop
def _exp_of_minus(first, second, power, out):  # type: ignore[no-untyped-def]
    """Write exp(−first · second), for products of at least 0, to a unit of the last place or two.

    The library's exponential, one number a call, would take most of the time. Here t = n + f with n whole and |f| at
    most a half, 2⁻ⁿ is written into a float's exponent, and a series of 2⁻ᶠ does the rest.
    """
    log2_e, ln_2 = np.float32(1.4426950408889634), np.float32(0.6931471805599453)
    largest, half, one = np.float32(126), np.float32(1 / 2), np.float32(1)
    c3, c4, c5, c6 = np.float32(1 / 6), np.float32(1 / 24), np.float32(1 / 120), np.float32(1 / 720)
    scale = power.view(np.float32)
    for x in range(out.size):
        t = min(first[x] * second[x] * log2_e, largest)
        n = np.int32(t + half)
        power[x] = (127 - n) << 23
        e = (np.float32(n) - t) * ln_2
        out[x] = one + e * (one + e * (half + e * (c3 + e * (c4 + e * (c5 + e * c6)))))
    for x in range(out.size):
        out[x] *= scale[x]


@compile_loop
def _sum_squares(first, second, spare):  # type: ignore[no-untyped-def]
    """Sum the squared differences of two rows of descriptors."""
    spare[:] = 0
    for k in range(len(first)):
        a, b = first[k], second[k]
        for x in range(spare.size):
            difference = a[x] - b[x]
            spare[x] += difference * difference
    total = 0.0
    for x in range(spare.size):
        total += spare[x]
    return total


@compile_loop
def _derive(row, other, features, scale, spare, places, z, y, out):  # type: ignore[no-untyped-def]
    """Add one row's derivatives by its distances to those by the fields."""
    edges, width = row.distance.shape
    by_variance, by_least, ties = spare
    spare[:] = 0
    zero, one = np.float32(0), np.float32(1)
    over, variance = row.over, row.variance
    for k in range(edges):
        distance, own, its, by_distance = row.distance[k], row.descriptor[k], other[k], row.by_distance[k]
        for x in range(width):
            by_distance[x] = scale * (its[x] - own[x]) * own[x] * over[x]
        for x in range(width):
            by_variance[x] -= by_distance[x] * distance[x]
        for x in range(width):
            by_least[x] += by_distance[x]
        for x in range(width):
            ties[x] += one if distance[x] == zero else zero
    part, all_edges = np.float32(1 / edges), np.float32(edges)
    for x in range(width):
        free = features.low <= variance[x] <= features.high
        by_variance[x] = by_variance[x] * over[x] * part if free else zero
        by_least[x] = (by_least[x] + all_edges * by_variance[x]) / ties[x]
    for k in range(edges):
        dz, dy, dx = places[k // 2, k % 2]
        distance, by_distance = row.distance[k], row.by_distance[k]
        by_field = out[k // 2, z + dz, y + dy, dx : dx + width]
        for x in range(width):
            by_field[x] += by_distance[x] + by_variance[x] - (by_least[x] if distance[x] == zero else zero)


@compile_loop
def spread(by_field, first, second, radius, lo, hi, out_first, out_second):  # type: ignore[no-untyped-def]
    """Add the derivatives by the ends of the edges, planes lo to hi: the adjoint of `_patch_distance`."""
    depth, height, width = by_field.shape
    side = 2 * radius + 1
    column = np.zeros((height, width))
    row = np.zeros(width + 2 * (side - 1))
    narrow = np.empty(row.size, np.float32)
    inner = row[side - 1 : side - 1 + width]
    mean = np.empty(first.shape[2], dtype=np.float32)
    volume = 2.0 / side**3
    for z in range(max(lo - side + 1, 0), min(lo, depth)):
        _add_plane(column, by_field[z], 1.0)
    for z in range(lo, hi):
        if z < depth:
            _add_plane(column, by_field[z], 1.0)
        inner[:] = 0.0
        for y in range(first.shape[1]):
            if y < height:
                _add_row(inner, column[y], 1.0)
            _sum_along(row, narrow, volume, mean)
            a, b = first[z, y], second[z, y]
            for x in range(mean.size):
                mean[x] *= a[x] - b[x]
            _add_row(out_first[z, y], mean, np.float32(1))
            _add_row(out_second[z, y], mean, np.float32(-1))
            if y - side + 1 >= 0:
                _add_row(inner, column[y - side + 1], -1.0)
        if z - side + 1 >= 0:
            _add_plane(column, by_field[z - side + 1], -1.0)


@compile_loop
def _add_plane(column, plane, sign):  # type: ignore[no-untyped-def]
    """Add one plane, or take it away."""
    for y in range(len(plane)):
        _add_row(column[y], plane[y], sign)
