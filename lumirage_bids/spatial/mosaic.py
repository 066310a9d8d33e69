"""A sheet of slices through a brain: where its pixels lie in the world, whatever is then looked up there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lumirage_bids.spatial.grids import reorient
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import Transform

WIDTH = 516
"""Pixels of a sheet from left to right: about 1 mm each for a human brain, whatever its voxels are."""
_MARGIN = 0.03  # of the brain's extent, at either end


class _Plane(NamedTuple):
    """Axes in RAS+, the one that is cut, the one from left to right and the one upwards; and where it is cut.

    `shares` of the brain lie below the slices. No sagittal one is a half: on the midline the side of a voxel decides
    whether its label is the left or the right one, and slices there show stripes.
    """

    cut: int
    right: int
    up: int
    shares: tuple[float, float, float]


_PLANES = {
    "axial": _Plane(2, 0, 1, (0.25, 0.5, 0.75)),
    "coronal": _Plane(1, 0, 2, (0.25, 0.5, 0.75)),
    "sagittal": _Plane(0, 1, 2, (0.2, 0.4, 0.7)),
}


SIDES = {"axial": ("L", "R"), "coronal": ("L", "R"), "sagittal": ("P", "A")}
"""What is on the left and on the right of a slice: neurological convention, the subject's left is on the left."""


class Tile(NamedTuple):
    """One slice's place on the sheet, in pixels from its top left.

    The front of axial slices, and the top of others, is above; `SIDES` says what is on the left and on the right.
    """

    plane: str
    top: int
    left: int
    height: int
    width: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the sheet."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True, kw_only=True, eq=False)
class Mosaic:
    """Slices of all three planes through a brain.

    Attributes
    ----------
    tiles : tuple of Tile
        A plane a row; heights and widths are even.
    pixel : float
        Distance of pixels, mm, the same along all axes, whatever the voxels are.
    frame : array, shape (4, 4)
        Millimetres along the brain's axes, which point about to the right, front and top, to world coordinates.
    points : array, shape (N, 3)
        World coordinates (RAS+, mm) of the pixels, tile after tile, row after row.
    shape : tuple of int
        Rows and columns of the sheet, even.
    """

    tiles: tuple[Tile, ...]
    pixel: float
    frame: npt.NDArray[np.float64]
    points: npt.NDArray[np.float64]
    shape: tuple[int, int]

    def lay_out(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Lay values at the points, shape (N,), onto the sheet; what no slice covers is 0."""
        out = np.zeros(self.shape, values.dtype)
        for tile, of in self._split(values):
            out[tile.place] = of.reshape(tile.height, tile.width)
        return out

    def number_cells(self, points: npt.NDArray[np.float64], step: int) -> npt.NDArray[np.uint16]:
        """Number the cells of a square grid that points lie in, as far as each pixel's slice shows where they are.

        Parameters
        ----------
        points : array, shape (N, 3)
            World coordinates of what is shown at each pixel.
        step : int
            Side of a cell, pixels.

        Returns
        -------
        array, shape (N,)
            Neighbouring cells have different numbers, none has 0.
        """
        side = np.diag([*[step * self.pixel] * 3, 1.0])
        places = np.floor(Transform((np.linalg.inv(self.frame @ side),)).apply(points))
        cells = np.nan_to_num(places, nan=0, posinf=0, neginf=0).astype(np.int16) & 0x7F
        found = [
            1 + of[:, _PLANES[tile.plane].right] + (of[:, _PLANES[tile.plane].up] << 7)
            for tile, of in self._split(cells)
        ]
        numbers: npt.NDArray[np.uint16] = np.concatenate(found).astype(np.uint16)
        return numbers

    def _split(self, values: npt.NDArray[Any]) -> Iterator[tuple[Tile, npt.NDArray[Any]]]:
        ends = np.cumsum([tile.height * tile.width for tile in self.tiles])
        yield from zip(self.tiles, np.split(values, ends[:-1]), strict=True)


def choose_slices(mask: Volume, width: int = WIDTH) -> Mosaic:
    """Choose slices through a brain.

    Parameters
    ----------
    mask : Volume
        1 in the brain, on a grid of any orientation and spacing.
    width : int
        Pixels of the sheet from left to right, even.
    """
    mask = reorient(mask)
    spacing, frame = mask.spacing, mask.affine.copy()
    frame[:3, :3] /= spacing
    counts = _count_voxels(mask.array > 0)
    ends = np.array([np.flatnonzero(of)[[0, -1]] for of in counts])
    extent = (ends[:, 1] - ends[:, 0] + 1) * spacing
    begin, size = (ends[:, 0] - 0.5) * spacing - _MARGIN * extent, (1 + 2 * _MARGIN) * extent
    pixel = float(max(3 * size[plane.right] for plane in _PLANES.values()) / width)
    tiles, points, top = [], [], 0
    for name, plane in _PLANES.items():
        columns, rows = (2 * int(size[axis] / pixel / 2) for axis in (plane.right, plane.up))
        below = np.cumsum(counts[plane.cut])
        left = (width - 3 * columns) // 4 * 2
        for share in plane.shares:
            at = np.empty((rows, columns, 3))
            at[..., plane.cut] = np.searchsorted(below, share * below[-1]) * spacing[plane.cut]
            at[..., plane.right] = begin[plane.right] + (np.arange(columns) + 0.5) * pixel
            at[..., plane.up] = (begin[plane.up] + (np.arange(rows) + 0.5) * pixel)[::-1, None]
            tiles.append(Tile(name, top, left, rows, columns))
            points.append(at.reshape(-1, 3))
            left += columns
        top += rows
    world = Transform((frame,)).apply(np.concatenate(points))
    return Mosaic(tiles=tuple(tiles), pixel=pixel, frame=frame, points=world, shape=(top, width))


def _count_voxels(inside: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], ...]:
    """How many voxels of a brain each plane across each axis has."""
    by_rows = np.count_nonzero(inside, axis=2)
    return by_rows.sum(axis=1), by_rows.sum(axis=0), np.count_nonzero(inside, axis=(0, 1))
