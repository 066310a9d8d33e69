"""Regularity of a transform: the Jacobian determinant of the whole point map, and what it says about folding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.spatial.grids import voxel_centres
from lumirage_bids.spatial.transforms import Shape, Transform, for_slabs, inverse_affine, mapped_grid

DeterminantArray = npt.NDArray[np.float32]
MaskArray = npt.NDArray[np.generic]

#: Positive determinants are clipped to this range before their logarithm is taken.
LOG_RANGE = (1e-9, 1e9)


def jacobian_determinant(
    transform: Transform, shape: Shape, affine: npt.ArrayLike, *, threads: int = 1
) -> DeterminantArray:
    """Compute the determinant of the Jacobian of the map from the fixed to the moving world, in physical units.

    The map, affine parts included, is taken at the voxel centres; derivatives are central differences of these
    (one-sided at the border of the grid), in float64. Because they are related to world coordinates, the result does
    not depend on the grid's spacing, obliqueness or handedness: an affine map gives the determinant of its matrix.

    Parameters
    ----------
    transform : Transform
        Fixed world to moving world (RAS+, mm).
    shape : tuple of int
        Number of voxels of the fixed grid along each axis, at least 2 each.
    affine : array, shape (4, 4)
        Voxel indices of the fixed grid to world coordinates (RAS+, mm).
    threads : int
        Number of threads; no influence on the result.

    Returns
    -------
    array, shape `shape`, float32
        Local change of volume: 1 keeps it, above 1 is larger in the moving world, 0 and below folds.

    Raises
    ------
    BadDataError
        If the grid has fewer than 2 voxels along an axis or its affine cannot be inverted.
    """
    from lumirage_bids.spatial import kernels

    if min(shape) < 2:
        raise BadDataError(f"A grid of shape {shape} has no derivatives; it needs at least 2 voxels along each axis.")
    inverse_affine(affine)
    voxel_volume = float(np.linalg.det(np.asarray(affine, dtype=np.float64)[:3, :3]))
    out = np.empty(shape, np.float32)

    def work(start: int, stop: int) -> None:
        before = max(start - 1, 0)
        points = mapped_grid(transform, shape, affine, before, min(stop + 1, shape[0]))
        kernels.determinants(points, start - before, voxel_volume, out[start:stop])

    for_slabs(work, shape, threads)
    return out


def inverse_consistency(transform: Transform, mask: MaskArray, affine: npt.ArrayLike) -> float:
    """Compute how far points of the mask end, on average, from where they began when they go there and back; mm.

    Parameters
    ----------
    transform : Transform
        Fixed world to moving world, with its `inverse`.
    mask : array, shape (X, Y, Z)
        Brain mask on the fixed grid; every value but 0 is inside.
    affine : array, shape (4, 4)
        Voxel indices of that grid to world coordinates (RAS+, mm).

    Returns
    -------
    float
        Mean distance, mm; 0 for an exact inverse, NaN where the method has none.

    References
    ----------
    Christensen GE, Johnson HJ (2001), IEEE Trans Med Imaging 20:568-582, doi:10.1109/42.932742.
    """
    if transform.inverse is None:
        return float("nan")
    matrix = np.asarray(affine, dtype=np.float64)
    points = voxel_centres(mask, matrix)
    back = transform.inverse.apply(transform.apply(points))
    return float(np.linalg.norm(back - points, axis=1).mean())


def folding_percent(determinant: DeterminantArray, mask: MaskArray) -> float:
    """Compute the percent of voxels in the mask whose Jacobian determinant is not positive; lower is better.

    Parameters
    ----------
    determinant : array, shape (X, Y, Z)
        From `jacobian_determinant`.
    mask : array, shape (X, Y, Z)
        Brain mask on the same grid; every value but 0 is inside.

    Raises
    ------
    BadDataError
        If the mask is empty or has another shape, or a determinant in it is not finite.
    """
    inside = _inside(determinant, mask)
    return 100.0 * float(np.count_nonzero(inside <= 0)) / inside.size


def sdlogj(determinant: DeterminantArray, mask: MaskArray) -> float:
    """Compute the standard deviation of the log Jacobian determinant in the mask; lower is smoother.

    Natural logarithm, population standard deviation, without unit. Voxels that fold (determinant not positive) have
    no logarithm and are left out: `folding_percent` counts them. The others are clipped to [1e-9, 1e9], the range of
    the Learn2Reg challenge, which however adds 3 to every determinant first, so that its numbers are smaller.

    Parameters
    ----------
    determinant : array, shape (X, Y, Z)
        From `jacobian_determinant`.
    mask : array, shape (X, Y, Z)
        Brain mask on the same grid; every value but 0 is inside.

    Returns
    -------
    float
        NaN where every voxel of the mask folds.

    Raises
    ------
    BadDataError
        If the mask is empty or has another shape, or a determinant in it is not finite.

    References
    ----------
    Leow AD et al. (2007), IEEE Trans Med Imaging 26:822-832, doi:10.1109/TMI.2007.892646.
    Hering A et al. (2023), IEEE Trans Med Imaging 42:697-712, doi:10.1109/TMI.2022.3213983.
    """
    inside = _inside(determinant, mask)
    positive = inside[inside > 0]
    if not positive.size:
        return float("nan")
    return float(np.log(positive.clip(*LOG_RANGE)).std(dtype=np.float64))


def _inside(determinant: DeterminantArray, mask: MaskArray) -> DeterminantArray:
    """Select the determinants of the voxels in the mask."""
    if determinant.shape != mask.shape:
        raise BadDataError(f"The mask has shape {mask.shape}, the fixed grid {determinant.shape}; they must be equal.")
    inside: DeterminantArray = determinant[mask != 0]
    if not inside.size:
        raise BadDataError("The mask is empty: there is no voxel in which the transform could be measured.")
    if not np.isfinite(inside).all():
        raise BadDataError("The transform is not finite everywhere in the mask; the registration has diverged.")
    return inside
