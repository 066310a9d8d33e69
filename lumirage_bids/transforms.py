"""Spatial transforms: affine maps and displacement fields in world coordinates (RAS+, mm)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lumirage_bids.errors import BadDataError, CannotWriteError, MissingInputError, UsageError

if TYPE_CHECKING:
    import SimpleITK

    from lumirage_bids.images import Volume

FloatArray = npt.NDArray[np.floating]
Shape = tuple[int, int, int]

# ITK's world is LPS+: its first two axes point the other way.
_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
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

    Examples
    --------
    >>> shift = Transform.affine([[1, 0, 0, 5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    >>> shift.then(shift).apply([1.0, 2.0, 3.0])
    array([11.,  2.,  3.])
    """

    steps: tuple[Step, ...] = ()

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
    from lumirage_bids import _kernels

    flat = points.reshape(-1, 3)
    for step in transform.steps:
        if isinstance(step, DisplacementField):
            _kernels.map_field(flat, step.vectors, inverse_affine(step.affine))
        else:
            _kernels.map_affine(flat, np.ascontiguousarray(step, dtype=np.float64))


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
    from lumirage_bids import _kernels

    points = np.empty((stop - start, *shape[1:], 3))
    _kernels.fill_grid(points, np.ascontiguousarray(affine, dtype=np.float64), start)
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
    from scipy.ndimage import map_coordinates

    to_voxel = inverse_affine(image.affine)
    out = np.empty(grid.shape, np.float32)

    def work(start: int, stop: int) -> None:
        points = mapped_grid(transform, grid.shape, grid.affine, start, stop)
        voxels = np.moveaxis(points @ to_voxel[:3, :3].T + to_voxel[:3, 3], -1, 0)
        map_coordinates(image.array, voxels, out[start:stop], order=1, mode="constant")

    for_slabs(work, grid.shape, threads)
    return replace(grid, array=out)


def write_itk(transform: Transform, path: Path) -> None:
    """Write a transform as ITK does (LPS+, maps fixed points to moving points, as `Transform` does).

    Parameters
    ----------
    transform : Transform
        Chain of affine maps and displacement fields.
    path : Path
        ``.txt``, ``.tfm`` or ``.h5`` for affine maps; ``.h5`` (a composite transform) for anything with a field.

    Raises
    ------
    UsageError
        If the file's extension does not fit the transform.
    CannotWriteError
        If the file cannot be written.
    """
    import SimpleITK

    folded = Transform().then(transform)
    linear = not any(isinstance(step, DisplacementField) for step in folded.steps)
    allowed = (".txt", ".tfm", ".h5") if linear else (".h5",)
    if path.suffix not in allowed:
        kind = "An affine transform" if linear else "A transform with a displacement field"
        raise UsageError(f"{kind} cannot be written to {path}: the name must end with {' or '.join(allowed)}.")
    if linear:
        matrix = folded.steps[0] if folded.steps else np.eye(4)
        itk: SimpleITK.Transform = _to_itk(matrix)
    else:
        # ITK applies the transform added last first.
        itk = SimpleITK.CompositeTransform([_to_itk(step) for step in reversed(folded.steps)])
    try:
        SimpleITK.WriteTransform(itk, str(path))
    except RuntimeError as error:
        raise CannotWriteError(f"The transform could not be written to {path}: {_last_line(error)}") from error


def read_itk(path: Path) -> Transform:
    """Read a transform that ITK, ANTs or `write_itk` wrote.

    Parameters
    ----------
    path : Path
        Linear, displacement field or composite transform (``.txt``, ``.tfm``, ``.mat``, ``.h5``), or a displacement
        field as an ITK vector image (``.nii``, ``.nii.gz``, as ANTs' ``1Warp.nii.gz``).

    Raises
    ------
    MissingInputError
        If there is no such file.
    BadDataError
        If it is not such a transform.
    """
    import SimpleITK

    if not path.exists():
        raise MissingInputError(f"There is no transform file {path}.")
    try:
        if path.name.endswith((".nii", ".nii.gz")):
            image = SimpleITK.ReadImage(str(path), SimpleITK.sitkVectorFloat64)
            itk: SimpleITK.Transform = SimpleITK.DisplacementFieldTransform(image)
        else:
            itk = SimpleITK.ReadTransform(str(path))
    except RuntimeError as error:
        raise BadDataError(f"{path} is not a three-dimensional transform: {_last_line(error)}") from error
    transform = Transform()
    for part in _parts(itk):
        transform = transform.then(_from_itk(part, path))
    return transform


def _last_line(error: RuntimeError) -> str:
    """Keep what SimpleITK has to say, without where in its sources it said it."""
    return str(error).strip().splitlines()[-1]


def _to_itk(step: Step) -> Any:
    """Express one step in LPS+ as an ITK transform."""
    import SimpleITK

    if not isinstance(step, DisplacementField):
        matrix = _LPS @ step @ _LPS
        return SimpleITK.AffineTransform(matrix[:3, :3].ravel().tolist(), matrix[:3, 3].tolist())
    vectors = step.vectors.transpose(2, 1, 0, 3).astype(np.float64)
    vectors *= np.diag(_LPS)[:3]
    image = SimpleITK.GetImageFromArray(vectors, isVector=True)
    affine = _LPS @ step.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    return SimpleITK.DisplacementFieldTransform(image)


def _parts(itk: Any) -> list[Any]:
    """List the elementary parts of an ITK transform in the order in which they apply to a point."""
    import SimpleITK

    itk = itk.Downcast()
    if not isinstance(itk, SimpleITK.CompositeTransform):
        return [itk]
    return [itk.GetNthTransform(n).Downcast() for n in reversed(range(itk.GetNumberOfTransforms()))]


def _from_itk(itk: Any, path: Path) -> Transform:
    """Express one elementary ITK transform in RAS+."""
    import SimpleITK

    if itk.GetDimension() == 3 and isinstance(itk, SimpleITK.DisplacementFieldTransform):
        image = itk.GetDisplacementField()
        vectors = SimpleITK.GetArrayViewFromImage(image).transpose(2, 1, 0, 3) * np.diag(_LPS)[:3]
        affine = np.eye(4)
        affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
        affine[:3, 3] = image.GetOrigin()
        return Transform((DisplacementField(vectors=vectors, affine=_LPS @ affine),))
    if itk.GetDimension() == 3 and itk.IsLinear():
        # Whatever its parameters are, a linear map is known from where it takes the origin and the unit vectors.
        origin, *units = (np.array(itk.TransformPoint(point)) for point in np.eye(4)[[3, 0, 1, 2], :3].tolist())
        matrix = np.eye(4)
        matrix[:3] = np.stack([*(unit - origin for unit in units), origin], axis=1)
        return Transform.affine(_LPS @ matrix @ _LPS)
    raise BadDataError(
        f"{path} holds a {itk.GetName()} in {itk.GetDimension()} dimensions; "
        "only linear maps and displacement fields in three are supported. Write it as a displacement field."
    )
