"""Planes through a volume, and label maps carried over in these alone: what pictures show."""

from __future__ import annotations

import numpy as np

from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import Transform


def moved_planes(
    labels: Volume, transform: Transform, grid: Volume, index: tuple[int, int, int], threads: int
) -> dict[str, np.ndarray]:
    """Moved labels in the three planes through one voxel of a grid.

    Parameters
    ----------
    labels : Volume
        Labels of the moving scan on their own grid.
    transform : Transform
        Fixed world to moving world.
    grid : Volume
        Volume on the grid that is cut, such as the fixed scan's prepared one.
    index : tuple of int
        The voxel of `grid` that all three planes contain.

    Returns
    -------
    dict
        ``x``, ``y``, ``z`` → 2-D array across that axis, uint16.
    """
    planes = {}
    for axis, place in enumerate(index):
        x, y, z = (1 if a == axis else n for a, n in enumerate(grid.shape))
        affine = grid.affine.copy()
        affine[:3, 3] += grid.affine[:3, axis] * place
        moved = transfer_labels(labels, transform, (x, y, z), affine, threads=threads)
        planes["xyz"[axis]] = moved.squeeze(axis).astype(np.uint16)
    return planes


def middle(mask: Volume) -> tuple[int, int, int]:
    """Voxel at a mask's centre of mass; the middle of its box would lie low where a mask has a piece of the neck."""
    inside = mask.array > 0
    weights = (np.count_nonzero(inside, axis=tuple({0, 1, 2} - {axis})) for axis in range(3))
    x, y, z = (round(float(np.average(np.arange(w.size), weights=w))) for w in weights)
    return x, y, z
