"""No registration but a control: voxels are matched by their intensities alone, wherever they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.methods.base import Cost, Method
from lumirage_bids.spatial.grids import mask_on
from lumirage_bids.spatial.images import read_image
from lumirage_bids.spatial.transforms import DisplacementField, Transform

if TYPE_CHECKING:
    import numpy.typing as npt

    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class Curt(Method):
    """Sends the brightest voxel of the fixed brain to the brightest of the moving one, and so on down to the darkest.

    It sorts the scans themselves, on their own grids, which labels are scored on: between voxels its map means nothing,
    so a coarser grid would leave nothing to win by. What comes out looks like the fixed image and matches its tissues,
    though no anatomy corresponds: a score by which this wins does not measure registration. It is never ranked, and it
    has nothing to say of a pair whose contrasts differ. The map back is made in the same way. After the control of
    Rohlfing 2012 (doi:10.1109/TMI.2011.2163944).
    """

    name: ClassVar[str] = "curt"
    digest_name: ClassVar[str] = "Curt"
    revision: ClassVar[int | None] = 1
    control: ClassVar[bool] = True
    summary: ClassVar[str] = "no registration but a control: voxels matched by the order of their intensities"
    phrase: ClassVar[str] = "a control that registers nothing and matches voxels by the order of their intensities"
    references: ClassVar[tuple[str, ...]] = ("rohlfing2012",)

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Match the voxels of both brains by the ranks of their intensities; what lies outside stays in place.

        The prepared images give the masks, and are sorted where the scans are not known or lie on one grid.

        Brains of unlike numbers of voxels are matched by the share of the brain that is darker. Where there is no
        mask, a brain is what is brighter than the image's darkest value.

        Raises
        ------
        BadDataError
            A mask holds no voxel of its image.
        """
        if context.pair is not None and context.start is not None:
            fixed = read_image((context.pair.fixed.brain or context.pair.fixed).path)
            moving = read_image((context.pair.moving.brain or context.pair.moving).path)
            moving = moving.move(np.linalg.inv(context.start))
        of_fixed, of_moving = _darkest_first(fixed, context.fixed_mask), _darkest_first(moving, context.moving_mask)
        back = Transform((_match(moving, of_moving, fixed, of_fixed),))
        return Transform((_match(fixed, of_fixed, moving, of_moving),), inverse=back)

    def cost(self, voxels: int, device: str) -> Cost:
        """Two sorts and a field."""
        return Cost(seconds=0.1 + voxels * 5e-7, memory_gb=0.3 + voxels * 100e-9)


def _darkest_first(image: Volume, mask: Volume | None) -> npt.NDArray[np.intp]:
    """Flat places of the brain's voxels in the order of their intensities; among equal ones, of the array."""
    array = image.array
    inside = np.flatnonzero(array > array.min() if mask is None else mask_on(mask, image))
    return inside[np.argsort(array.reshape(-1)[inside], kind="stable")]


def _match(
    image: Volume, places: npt.NDArray[np.intp], other: Volume, targets: npt.NDArray[np.intp]
) -> DisplacementField:
    """Field on the image's grid that sends its places, in their order, along those of the other image."""
    ranks = (2 * np.arange(len(places)) + 1) * len(targets) // (2 * len(places))
    vectors = np.zeros((*image.shape, 3), dtype=np.float32)
    vectors.reshape(-1, 3)[places] = _points(other, targets[ranks]) - _points(image, places)
    return DisplacementField(vectors=vectors, affine=image.affine)


def _points(image: Volume, places: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """World coordinates of voxels, RAS+, mm, shape (N, 3)."""
    voxels = np.stack(np.unravel_index(places, image.shape), axis=-1)
    return voxels @ image.affine[:3, :3].T + image.affine[:3, 3]
