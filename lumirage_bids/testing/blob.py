"""Images of one smooth function of space, so that the true map between any two of them is known exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lumirage_bids.spatial.grids import voxel_centres
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import DisplacementField, Transform

Array = npt.NDArray[np.float64]
Map = Callable[[Array], Array]
"""Points of the fixed world, mm, shape (..., 3), to where the moving image shows the same."""

SPACING = 2.0
"""Distance of voxel centres where nothing else is said, mm."""


def intensity(points: Array) -> Array:
    """A soft-edged, textured, asymmetric ellipsoid around the origin; points in mm, shape (..., 3)."""
    random = np.random.default_rng(7)
    radii = np.array([34.0, 40.0, 30.0])
    centres = random.uniform(-0.85, 0.85, (50, 3)) * radii
    widths, heights = random.uniform(5, 9, 50), random.uniform(-1, 1, 50)
    texture = np.zeros(points.shape[:-1])
    for c, w, h in zip(centres, widths, heights, strict=True):
        texture += h * np.exp(-((points - c) ** 2).sum(-1) / (2 * w**2))
    inside = 1 / (1 + np.exp(12 * (np.sqrt(((points / radii) ** 2).sum(-1)) - 1)))
    return np.asarray(inside * np.clip(0.5 + 0.35 * texture, 0.05, 1))


def grid(shape: tuple[int, int, int] = (44, 48, 42), spacing: Any = SPACING, turned: Any = None) -> Volume:
    """An empty grid around the origin.

    Parameters
    ----------
    shape : tuple of int
    spacing : float or sequence of float
        mm.
    turned : array, shape (3, 3), optional
        Rotation of its axes.
    """
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if turned is None else np.asarray(turned)) @ np.diag(np.broadcast_to(spacing, 3))
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return Volume(array=np.zeros(shape, dtype=np.float32), affine=affine)


def world(volume: Volume) -> Array:
    """World points of all voxel centres, shape (X, Y, Z, 3)."""
    return voxel_centres(np.ones(volume.shape), volume.affine).reshape(*volume.shape, 3)


def image(where: Volume, true_map: Map = lambda points: points) -> Volume:
    """The blob on a grid, seen through a map."""
    return Volume(array=intensity(true_map(world(where))).astype(np.float32), affine=where.affine)


def shifted(points: Array) -> Array:
    """A map by a shift of 7 mm."""
    return np.asarray(points + np.array([5.0, -4.0, 3.0]))


def bent(points: Array) -> Array:
    """A smooth map of up to 6 mm that differs from place to place."""
    waves = np.sin(points[..., [1, 2, 0]] / 14.0)
    return np.asarray(points + 3.5 * waves)


def rotation(degrees: float) -> Array:
    """A rotation around an axis that is none of the grid's, shape (3, 3)."""
    axis = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)
    cross = np.cross(np.eye(3), axis)
    angle = np.deg2rad(degrees)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def mirrored(volume: Volume, axis: int) -> Volume:
    """The same image, stored the other way round along an axis."""
    flip = np.eye(4)
    flip[axis, axis], flip[axis, 3] = -1, volume.shape[axis] - 1
    return Volume(array=np.flip(volume.array, axis), affine=volume.affine @ flip)


def inside(fixed: Volume) -> Array:
    """World points of an image's foreground, shape (N, 3)."""
    return voxel_centres(fixed.array > 0.2, fixed.affine)


def error(transform: Transform, true_map: Map, fixed: Volume) -> float:
    """Mean distance of found and true points in the foreground, mm."""
    points = inside(fixed)
    return float(np.linalg.norm(transform.apply(points) - true_map(points), axis=-1).mean())


def dissimilarity(transform: Transform, fixed: Volume) -> float:
    """Mean squared difference of fixed and warped moving image in the foreground."""
    points = inside(fixed)
    return float(np.mean((intensity(transform.apply(points)) - fixed.array[fixed.array > 0.2]) ** 2))


def true_field(fixed: Volume) -> Transform:
    """The bend as a method would have found it."""
    return Transform((DisplacementField(vectors=bent(world(fixed)) - world(fixed), affine=fixed.affine),))
