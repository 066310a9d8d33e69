"""How much of a sampled transform folds: the non-diffeomorphic volume, as the LUMIR challenge counts it."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.spatial.transforms import Shape, Transform, for_slabs, inverse_affine, mapped_grid

IntArray = npt.NDArray[np.int64]


class NonDiffeomorphic(NamedTuple):
    """What folds, in percent of the voxels looked at; lower is better, 0 is a digital diffeomorphism.

    Attributes
    ----------
    volume_percent : float
        Non-diffeomorphic volume.
    voxels_percent : float
        Voxels where any of the ten determinants is not positive.
    """

    volume_percent: float
    voxels_percent: float


def _tetrahedra() -> tuple[IntArray, npt.NDArray[np.float64]]:
    """Offsets of the ten tetrahedra at a voxel, shape (10, 3, 3), and the signs of their volumes on a regular grid.

    Eight have their edges along the axes, one way or the other. Two fill what four of these leave of the cubes of
    eight voxel centres before and after the voxel.
    """
    corners = [np.diag(signs) for signs in product((1, -1), repeat=3)]
    diagonals = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]])
    offsets = np.array([*corners, diagonals, -diagonals], dtype=np.int64)
    return offsets, np.sign(np.linalg.det(offsets))


def non_diffeomorphic(
    transform: Transform, mask: npt.NDArray[np.generic], affine: npt.ArrayLike, *, threads: int = 1
) -> NonDiffeomorphic:
    """Measure where a transform, taken at voxel centres, turns space inside out, and by how much.

    Every cube of eight neighbouring voxel centres falls into five tetrahedra in two ways; a transform that is linear
    in each keeps the order of space where no tetrahedron's volume becomes negative. The volume that is negative,
    averaged over the two ways, is the non-diffeomorphic volume. Central differences, which `folding_percent` uses,
    cannot see a voxel that has moved out of the order of its neighbours; this does.

    Affine parts of the transform count: one that mirrors folds everywhere. Volumes are relative to the fixed grid's
    voxels, so neither spacing nor obliqueness nor handedness matters. LUMIR masks by the moving image where it is
    above 0; here it is the fixed brain, as for all other measures. Voxels on the rim of the grid are left out.

    Parameters
    ----------
    transform : Transform
        Fixed world to moving world (RAS+, mm).
    mask : array, shape (X, Y, Z)
        Brain mask on the fixed grid; every value but 0 is inside.
    affine : array, shape (4, 4)
        Voxel indices of that grid to world coordinates (RAS+, mm).
    threads : int
        Number of threads.

    Raises
    ------
    BadDataError
        If no voxel of the mask has neighbours on all sides, the affine cannot be inverted, or the transform is not
        finite in the mask.

    References
    ----------
    Liu Y, Chen J, Wei S, Carass A, Prince J (2024). On finite difference Jacobian computation in deformable image
    registration. Int J Comput Vis 132:3678-3688, doi:10.1007/s11263-024-02047-1.
    """
    from lumirage_bids.measures import _kernels

    inverse_affine(affine)
    inside = np.ascontiguousarray(mask != 0).view(np.uint8)
    x, y, z = inside.shape
    shape: Shape = (x, y, z)
    offsets, signs = _tetrahedra()
    voxel = float(np.linalg.det(np.asarray(affine, dtype=np.float64)[:3, :3]))
    sums = []

    def work(start: int, stop: int) -> None:
        before = max(start - 1, 0)
        points = mapped_grid(transform, shape, affine, before, min(stop + 1, x))
        slab = inside[start:stop]
        sums.append(_kernels.folded_volume(points, slab, start - before, offsets, signs * np.sign(voxel)))

    for_slabs(work, shape, threads)
    volume, seen, folded = np.sum(sums, axis=0)
    if not seen:
        raise BadDataError("The mask is empty away from the rim of its grid: there is nothing to be measured.")
    if not np.isfinite(volume):
        raise BadDataError("The transform is not finite everywhere in the mask; the registration has diverged.")
    # Six times the volume of each tetrahedron, and two ways to divide a cube.
    return NonDiffeomorphic(100 * float(volume / (12 * abs(voxel) * seen)), 100 * float(folded / seen))
