"""Spatial transforms: affine maps and displacement fields in world coordinates (RAS+, mm)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError

if TYPE_CHECKING:
    from lumirage_bids.spatial.images import Volume

FloatArray = npt.NDArray[np.floating]
Shape = tuple[int, int, int]

# Points held at a time by a thread that works through a grid: 1.5 MB, so that they stay in the cache.
_SLAB_POINTS = 65536


@dataclass(frozen=True, kw_only=True, eq=False)
class DisplacementField:
    """Displacements on a grid; linear in between, zero outside (as in ITK).

    As in ITK the field reaches half a voxel beyond the outermost voxel centres and is constant on that rim.

    Attributes
    ----------
    vectors : array, shape (X, Y, Z, 3), float32
        Displacement of each voxel centre, mm, RAS+: a point x goes to x + u(x). Kept C-contiguous; copied only
        where it is not.
    affine : array, shape (4, 4)
        Voxel indices to world coordinates (RAS+, mm) of the grid.

    Raises
    ------
    BadDataError
        If the vectors are not of shape (X, Y, Z, 3) or the affine cannot be inverted.
    """

    vectors: FloatArray
    affine: FloatArray

    def __post_init__(self) -> None:
        vectors = np.ascontiguousarray(self.vectors, dtype=np.float32)
        if vectors.ndim != 4 or vectors.shape[-1] != 3 or not vectors.size:
            raise BadDataError(
                f"A displacement field has shape {vectors.shape}; it must be (X, Y, Z, 3). "
                "NIfTI vector images of shape (X, Y, Z, 1, 3) must be squeezed."
            )
        affine = np.asarray(self.affine, dtype=np.float64)
        inverse_affine(affine)
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "affine", affine)


Step = FloatArray | DisplacementField


@dataclass(frozen=True, eq=False)
class Transform:
    """A chain of maps applied in order to points of the fixed world, giving points of the moving world.

    Attributes
    ----------
    steps : tuple
        Affine matrices (4 × 4, RAS+ mm) and `DisplacementField` objects; empty for the identity.
    inverse : Transform or None
        The map back, moving world to fixed world, where the method has found that too; a chain (`then`) has none.

    Examples
    --------
    >>> shift = Transform.affine([[1, 0, 0, 5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    >>> shift.then(shift).apply([1.0, 2.0, 3.0])
    array([11.,  2.,  3.])
    """

    steps: tuple[Step, ...] = ()
    inverse: Transform | None = None

    @classmethod
    def affine(cls, matrix: npt.ArrayLike) -> Transform:
        """Make a transform of one affine matrix, shape (4, 4), fixed world to moving world (RAS+, mm).

        Raises
        ------
        BadDataError
            If the matrix is not 4 × 4, finite and invertible.
        """
        array = np.array(matrix, dtype=np.float64)
        inverse_affine(array)
        return cls((array,))

    def then(self, other: Transform) -> Transform:
        """Chain two transforms: `self` is applied to a point first, `other` to the result.

        Adjacent affine matrices become one, so chains stay short and points are rounded less often.
        """
        steps = list(self.steps)
        for step in other.steps:
            if steps and isinstance(step, np.ndarray) and isinstance(steps[-1], np.ndarray):
                steps[-1] = step @ steps[-1]
            else:
                steps.append(step)
        return Transform(tuple(steps))

    def apply(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Map points of the fixed world to the moving world.

        Parameters
        ----------
        points : array, shape (..., 3)
            World coordinates, RAS+, mm.

        Returns
        -------
        array, shape (..., 3), float64
            World coordinates, RAS+, mm; equal to what ITK's TransformPoint gives for the same chain.

        Raises
        ------
        BadDataError
            If the last axis does not have length 3.
        """
        mapped: npt.NDArray[np.float64] = np.array(points, dtype=np.float64, order="C")
        if not mapped.ndim or mapped.shape[-1] != 3:
            raise BadDataError(f"Points have shape {mapped.shape}; the last axis must hold x, y, z.")
        _map_in_place(self, mapped)
        return mapped


def inverse_affine(affine: npt.ArrayLike) -> FloatArray:
    """Invert an affine matrix, shape (4, 4).

    Raises
    ------
    BadDataError
        If it is not 4 × 4, not finite, singular, or has a last row other than 0 0 0 1.
    """
    matrix = np.asarray(affine, dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise BadDataError(f"Not an affine matrix (4 × 4, finite, last row 0 0 0 1): {matrix.tolist()}.")
    if np.linalg.matrix_rank(matrix[:3, :3]) < 3:
        raise BadDataError(f"The affine matrix cannot be inverted: {matrix.tolist()}. Check the image's header.")
    return np.linalg.inv(matrix)


def _map_in_place(transform: Transform, points: npt.NDArray[np.float64]) -> None:
    """Replace C-contiguous points, shape (..., 3), by where the transform takes them."""
    from lumirage_bids.spatial import kernels

    flat = points.reshape(-1, 3)
    for step in transform.steps:
        if isinstance(step, DisplacementField):
            kernels.map_field(flat, step.vectors, inverse_affine(step.affine))
        else:
            kernels.map_affine(flat, np.ascontiguousarray(step, dtype=np.float64))


def for_slabs(work: Callable[[int, int], None], shape: Shape, threads: int) -> None:
    """Call ``work(start, stop)`` for slabs of planes along the first axis of a grid, in `threads` threads."""
    planes = max(1, _SLAB_POINTS // (shape[1] * shape[2]))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda start: work(start, min(start + planes, shape[0])), range(0, shape[0], planes)))


def mapped_grid(
    transform: Transform, shape: Shape, affine: npt.ArrayLike, start: int, stop: int
) -> npt.NDArray[np.float64]:
    """Map the voxel centres of a slab of a grid.

    Parameters
    ----------
    transform : Transform
        Fixed world to moving world.
    shape, affine
        Number of voxels along each axis; voxel indices to world coordinates (RAS+, mm), shape (4, 4).
    start, stop : int
        Planes of the slab along the first axis.

    Returns
    -------
    array, shape (stop - start, Y, Z, 3), float64
        Moving world coordinates, RAS+, mm.
    """
    from lumirage_bids.spatial import kernels

    points = np.empty((stop - start, *shape[1:], 3))
    kernels.fill_grid(points, np.ascontiguousarray(affine, dtype=np.float64), start)
    _map_in_place(transform, points)
    return points


def displacement_on(
    transform: Transform, shape: Shape, affine: npt.ArrayLike, *, threads: int = 1
) -> DisplacementField:
    """Sample a whole chain as one displacement field on a grid.

    Exact at the voxel centres up to float32; in between it is the linear interpolation of these samples.

    Parameters
    ----------
    transform : Transform
        Fixed world to moving world.
    shape, affine
        Number of voxels along each axis; voxel indices to world coordinates (RAS+, mm), shape (4, 4).
    threads : int
        Number of threads.
    """
    vectors = np.empty((*shape, 3), np.float32)

    def work(start: int, stop: int) -> None:
        world = mapped_grid(Transform(), shape, affine, start, stop)
        vectors[start:stop] = transform.apply(world) - world

    for_slabs(work, shape, threads)
    return DisplacementField(vectors=vectors, affine=np.asarray(affine, dtype=np.float64))


def sample(image: Volume, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Interpolate an image linearly at points of its world; beyond its outermost voxel centres it is 0.

    Parameters
    ----------
    image : Volume
        Intensities.
    points : array, shape (..., 3)
        World coordinates (RAS+, mm).

    Returns
    -------
    array, shape (...), float32
    """
    from lumirage_bids.spatial import kernels

    array = image.array if image.array.dtype == np.float64 else image.array.astype(np.float32, copy=False)
    out = np.empty(points.shape[:-1], np.float32)
    flat = np.ascontiguousarray(points).reshape(-1, 3)
    kernels.interpolate(flat, np.ascontiguousarray(array), inverse_affine(image.affine), out.reshape(-1))
    return out


def warp(image: Volume, transform: Transform, grid: Volume, threads: int = 1) -> Volume:
    """Resample a moving image on a fixed grid by linear interpolation; outside the moving grid it is 0.

    Parameters
    ----------
    image : Volume
        Intensities on the moving grid.
    transform : Transform
        Fixed world to moving world.
    grid : Volume
        Gives the shape and affine of the result; its array is not looked at.
    threads : int
        Number of threads.
    """
    out = np.empty(grid.shape, np.float32)

    def work(start: int, stop: int) -> None:
        out[start:stop] = sample(image, mapped_grid(transform, grid.shape, grid.affine, start, stop))

    for_slabs(work, grid.shape, threads)
    return replace(grid, array=out)
