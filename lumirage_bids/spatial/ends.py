"""Where a region ends in a plane, as a brain does that an image shows a part of only: along the grid or oblique."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lumirage_bids.spatial.images import FloatArray, Volume

AT_EDGE = 0.05
"""Share of a brain's largest section from which a section at the edge of the image tells of a brain that goes on."""

PLANE = 0.3
"""The same within the image: what ends in larger planes was cut, and then padded or turned. Of 29 whole brains, human
and macaque, none ends in a plane of more than 0.25 at voxels of up to 4 mm, 0.27 at 5 mm (macaques' half of that) and
0.34 at 6 mm, whichever way it lies."""

POINTS = 40_000
"""About as many voxels of a region are looked at: of 3 mm in a human brain."""

LEAST = 8000
"""Number of voxels of a region from which tilted planes are told from rounded ends."""

DIRECTIONS = 1000
"""Number of directions, evenly spread, in which ends are looked for: about six degrees apart."""

SAMPLE = 10_000
"""Number of points, chosen at random, by which these directions are compared."""

TRIED = 8
"""Number of these that are looked at closely, those in which a region ends most abruptly."""

APART = 15.0
"""Angle, degrees, between the normals of two ends."""

TILTED = 1.25
"""Gain of area by which a tilted plane is taken for one along the grid."""

STEPS = np.tan(np.radians(4.0 / 2.0 ** np.arange(7)))
"""Tangents of the angles by which a normal is turned while its plane is sought."""

NAMED = 0.38
"""Component of a normal from which its side is named: a plane that is tilted by less than 22 degrees faces one side."""


Planes = FloatArray
"""Planes, shape (N, 4): unit vectors of the world that point out of what was seen, and its reach along them, mm."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FlatEnd:
    """A plane in which a region ends.

    Attributes
    ----------
    normal : array, shape (3,)
        Unit vector of the world (RAS+) that points out of the region.
    offset : float
        The region lies where ``normal @ point <= offset``, mm.
    share : float
        Area, as a share of the region's largest section along the normal.
    at_edge : bool
        Whether the plane is the edge of the grid.
    """

    normal: FloatArray
    offset: float
    share: float
    at_edge: bool

    @property
    def side(self) -> str:
        """Sides (R, L, A, P, S, I) that it faces, most first: ``I``, or ``IA`` where it is tilted."""
        order = np.argsort(-np.abs(self.normal))
        faced = [axis for axis in order if abs(self.normal[axis]) >= NAMED]
        return "".join("LPI RAS"[axis + 4 * (self.normal[axis] > 0)] for axis in faced)


def end_shares(region: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """How abruptly a region ends along each axis, and where it does so at the edge of the grid.

    Parameters
    ----------
    region : array of bool, shape (X, Y, Z)

    Returns
    -------
    shares : array, shape (3, 2)
        Area of the first and the last plane that the region enters, as a share of the largest plane's; 0 for an empty
        one.
    at_edge : array of bool, shape (3, 2)
        Whether that plane is the grid's outermost.

    Examples
    --------
    >>> region = np.zeros((6, 6, 6), bool)
    >>> region[2:4, 2:4, 2:] = region[3, 3, 1] = True
    >>> end_shares(region)[0][2].tolist(), end_shares(region)[1][2].tolist()
    ([0.25, 1.0], [False, True])
    """
    shares, at_edge = np.zeros((3, 2)), np.zeros((3, 2), dtype=bool)
    for axis in range(3):
        areas = region.sum(axis=tuple({0, 1, 2} - {axis}))
        entered = np.flatnonzero(areas)
        if entered.size:
            ends = entered[[0, -1]]
            shares[axis] = areas[ends] / areas.max()
            at_edge[axis] = ends == (0, len(areas) - 1)
    return shares, at_edge


def flat_ends(region: Volume) -> list[FlatEnd]:
    """Find the planes in which a region ends.

    Parameters
    ----------
    region : Volume
        Mask, on its image's grid.

    Returns
    -------
    list of FlatEnd
        Planes along the grid with at least `AT_EDGE` at its edge and at least `PLANE` within; and tilted ones with at
        least `PLANE`, of regions of `LEAST` voxels or more.

    Notes
    -----
    A plane that cuts a region supports it: all of the region lies on one side, and a layer one voxel thick beneath the
    plane is as large as the cut. Directions in which that layer is large are tried, and each is turned until it is
    largest: a rounded end has a small one in all directions, and so has a plane that only leans on a few bumps.
    """
    inside = region.array > 0
    if not inside.any():
        return []
    points = _points_of(inside, region.affine)
    found = _straight_ends(region)
    if len(points.places) < LEAST:
        return found
    found = [_tilt(end, points) if end.share >= PLANE else end for end in found]
    for normal in _abrupt_directions(points):
        if all(_angle(normal, end.normal) > APART for end in found):
            end = _climb(points, normal)
            if end.share >= PLANE and all(_angle(end.normal, known.normal) > APART for known in found):
                found.append(end)
    return found


def cut_planes(region: Volume) -> Planes:
    """Planes beyond which a region goes on unseen, as far as its shape tells: those in which much of it ends.

    Within the grid they lie one voxel further in, as voxels there are mixed with what is beyond.
    """
    ends = [end for end in flat_ends(region) if end.share >= PLANE]
    mixed = [0.0 if end.at_edge else np.abs(end.normal @ region.affine[:3, :3]).sum() for end in ends]
    return np.array([[*end.normal, end.offset - less] for end, less in zip(ends, mixed, strict=True)]).reshape(-1, 4)


def _straight_ends(region: Volume) -> list[FlatEnd]:
    """Ends along the grid; the offset is that of the last voxels' outer faces."""
    inside = region.array > 0
    shares, at_edge = end_shares(inside)
    linear, ends = region.affine[:3, :3], []
    for axis, end in np.argwhere(shares >= np.where(at_edge, AT_EDGE, PLANE)):
        sign = 1.0 if end else -1.0
        others = np.delete(linear, axis, axis=1).T
        normal = np.cross(*others) / np.linalg.norm(np.cross(*others))
        normal *= sign * np.sign(normal @ linear[:, axis])
        last = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis})))[[0, -1]][end]
        face = linear[:, axis] * (last + sign / 2) + region.affine[:3, 3]
        ends.append(
            FlatEnd(
                normal=normal, offset=float(normal @ face), share=float(shares[axis, end]), at_edge=at_edge[axis, end]
            )
        )
    return ends


def _tilt(end: FlatEnd, points: _Points) -> FlatEnd:
    """A plane that is tilted from the grid where that shows much more of the cut, as thick slices end in steps."""
    tilted = _climb(points, end.normal)
    return tilted if tilted.share > TILTED * max(end.share, points.end_share(end.normal)) else end


@dataclass(frozen=True, eq=False)
class _Points:
    """World points of a region's voxels, shape (N, 3), and the steps from voxel to voxel, columns of shape (3, 3)."""

    places: FloatArray
    steps: FloatArray

    def areas(self, normal: FloatArray) -> npt.NDArray[np.int64]:
        """Number of points in layers from the end on, each as thick as a voxel is along the normal.

        So a layer has as many planes of voxels as it is thick, however these lie.
        """
        along = self.places @ normal
        thickness = np.abs(normal @ self.steps).sum() * (1 - 1e-6)
        return np.bincount(((along.max() - along) / thickness).astype(np.int64))

    def end_share(self, normal: FloatArray) -> float:
        """Area of the outermost layer as a share of the largest one's."""
        areas = self.areas(normal)
        return float(areas[0] / areas.max())


def _points_of(inside: npt.NDArray[np.bool_], affine: FloatArray) -> _Points:
    """Points of a region, of which voxels are first joined to about `POINTS`."""
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    size = (inside.sum() * np.prod(spacing) / POINTS) ** (1 / 3)
    factors = np.maximum(1, np.rint(size / spacing)).astype(int)
    array = np.pad(inside, [(0, -n % f) for n, f in zip(inside.shape, factors, strict=True)])
    blocks = [n for length, f in zip(array.shape, factors, strict=True) for n in (length // f, f)]
    index = np.argwhere(array.reshape(blocks).mean(axis=(1, 3, 5)) >= 0.5) * factors + (factors - 1) / 2
    return _Points(index @ affine[:3, :3].T + affine[:3, 3], affine[:3, :3] * factors)


def _abrupt_directions(points: _Points) -> list[FloatArray]:
    """Directions in which a region ends most abruptly, far enough apart: by two layers, as none is met exactly."""
    directions = _sphere(DIRECTIONS)
    if len(points.places) > SAMPLE:
        some = np.random.default_rng(0).choice(len(points.places), SAMPLE, replace=False)
        points = _Points(points.places[some], points.steps)
    areas = [points.areas(direction) for direction in directions]
    first_two = np.array([a[:2].sum() / a.max() for a in areas])
    chosen: list[FloatArray] = []
    for i in np.argsort(-first_two):
        if len(chosen) < TRIED and all(_angle(directions[i], known) > APART for known in chosen):
            chosen.append(directions[i])
    return chosen


def _sphere(number: int) -> FloatArray:
    """Unit vectors, evenly spread on a spiral, shape (number, 3)."""
    z = 1 - (2 * np.arange(number) + 1) / number
    turn = np.pi * (1 + np.sqrt(5)) * (np.arange(number) + 0.5)
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)


def _climb(points: _Points, normal: FloatArray) -> FlatEnd:
    """Turn a normal until the layer beneath its plane is as large as it can be."""
    best = points.end_share(normal)
    for step in STEPS:
        better = True
        while better:
            better = False
            across = np.linalg.svd(normal[None])[2][1:]
            for angle in np.arange(8) * np.pi / 4:
                turned = normal + step * (np.cos(angle) * across[0] + np.sin(angle) * across[1])
                turned /= np.linalg.norm(turned)
                share = points.end_share(turned)
                if share > best:
                    best, normal, better = share, turned, True
    return FlatEnd(normal=normal, offset=float((points.places @ normal).max()), share=best, at_edge=False)


def _angle(a: FloatArray, b: FloatArray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))
