"""What a deformation does to the volume of lesions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values
from lumirage_bids.spatial.grids import bounding_box, crop, pad_to
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import Transform, for_slabs, mapped_grid, warp

MOST = 100.0
"""Largest factor that counts, either way: of a lesion that vanishes there is no logarithm."""
MOST_POINTS = 1_000_000
"""Points that a large lesion's volume is counted with; the prepared grid's own where these are more."""


@dataclass(frozen=True, kw_only=True)
class LesionVolume(Measure):
    """Volume of each lesion after the deformation, against that after the alignment alone.

    What is a lesion in one scan has no counterpart in the other, and a method that seeks one shrinks it or blows it up.
    The moving scan's lesion is carried to the fixed scan; the fixed scan's to the moving one, which is the integral
    over it of the deformation's Jacobian determinant.

    References
    ----------
    Brett M, Leff AP, Rorden C, Ashburner J (2001), NeuroImage 14:486-500, doi:10.1006/nimg.2001.0845.
    """

    name: ClassVar[str] = "lesion_volume"
    summary: ClassVar[str] = "how much the deformation changes the volume of lesions, where a scan has a lesion mask"
    digest_name: ClassVar[str] = "LesionVolume"
    revision: ClassVar[int] = 1
    always: ClassVar[bool] = True
    place: ClassVar[int] = 84
    needs: ClassVar[tuple[Need, ...]] = ("field", "lesions")
    references: ClassVar[tuple[str, ...]] = ("brett2001",)
    phrase: ClassVar[str] = "the change of the volume of lesions"
    columns: ClassVar[Mapping[str, Column]] = {
        "moving_lesion_volume_percent": Column(
            description="Change of the volume of the moving scan's lesion by the deformation, carried to the fixed "
            "scan; 0 as the alignment alone carries it, below 0 it has shrunk; n/a where no lesion mask is given",
            title="Moving lesion's volume, %",
            unit="percent",
            better="none",
            lies=(-100.0, float("inf")),
        ),
        "fixed_lesion_volume_percent": Column(
            description="The same of the fixed scan's lesion, carried to the moving scan",
            title="Fixed lesion's volume, %",
            unit="percent",
            better="none",
            lies=(-100.0, float("inf")),
        ),
        "lesion_volume_change": Column(
            description="Absolute natural logarithm of the factor by which the deformation changes a lesion's volume, "
            "mean over the lesions of both scans; factors are held between 1/100 and 100",
            title="Change of lesions' volume",
            unit="1",
            better="lower",
            in_words="closer to the lesion's own",
            reference="https://doi.org/10.1006/nimg.2001.0845",
            margin=0.05,
            lies=(0.0, float(np.log(MOST))),
            tells="deformation",
        ),
    }

    def of(self, pair: RegisteredPair) -> Values:
        """The two changes, and their mean size."""
        factors = np.array([_moving_factor(pair), _fixed_factor(pair)])
        sizes = np.abs(np.log(factors.clip(1 / MOST, MOST)))
        moving, fixed = map(float, 100 * (factors - 1))
        return {
            "moving_lesion_volume_percent": moving,
            "fixed_lesion_volume_percent": fixed,
            "lesion_volume_change": float("nan") if np.isnan(sizes).all() else float(np.nanmean(sizes)),
        }


def _moving_factor(pair: RegisteredPair) -> float:
    """Volume of the moving lesion in the fixed scan after the deformation, over that after the start; NaN for none."""
    if pair.lesions.moving is None:
        return float("nan")
    lesion = _cut_out(pair.lesions.moving)
    after, before = (_carried_volume(lesion, pair, way) for way in (pair.lesions.transform, pair.lesions.start))
    return after / before if before else float("nan")


def _fixed_factor(pair: RegisteredPair) -> float:
    """Mean determinant of the deformation in the fixed lesion, as far as it is known there; NaN for none."""
    if pair.lesions.fixed is None:
        return float("nan")
    field, lesion = pair.field, _cut_out(pair.lesions.fixed)
    determinant, known = (
        warp(Volume(array=array, affine=field.affine), Transform(), lesion, field.threads).array
        for array in (field.determinant, np.ones(field.mask.shape, np.float32))
    )
    inside = lesion.array * known
    return float(np.sum(determinant * lesion.array, dtype=np.float64) / inside.sum()) if inside.any() else float("nan")


def _carried_volume(lesion: Volume, pair: RegisteredPair, way: Transform) -> float:
    """Volume that a lesion of the moving scan has on the fixed scan's prepared grid, mm³.

    Voxels there may be larger than the lesion, and a few points in it make a poor volume: where the lesion is, the grid
    is divided until a step is a quarter of a voxel of the mask, or there are `MOST_POINTS`.
    """
    threads = pair.lesions.threads
    grid = Volume(array=pair.field.mask, affine=pair.field.affine)
    reached = _cells_that_reach(lesion, way, grid, threads)
    if not reached.any():
        return 0.0
    first, stop = bounding_box(reached).T
    voxels = stop + 1 - first  # a cell lies between the centres of two voxels along each axis
    wanted = np.ceil(4 * grid.spacing / lesion.spacing.min())
    parts = np.minimum(wanted, max(1, int(np.cbrt(MOST_POINTS / voxels.prod())))).astype(np.int64)
    divided = np.eye(4)
    divided[:3, :3] = np.diag(1 / parts)
    divided[:3, 3] = first - 0.5 + 0.5 / parts
    fine = Volume(array=np.broadcast_to(np.float32(0), voxels * parts), affine=grid.affine @ divided)
    carried = warp(lesion, way, fine, threads).array.sum(dtype=np.float64)
    return float(carried * abs(np.linalg.det(fine.affine[:3, :3])))


def _cells_that_reach(lesion: Volume, way: Transform, grid: Volume, threads: int) -> npt.NDArray[np.bool_]:
    """Cells of a grid, of eight voxel centres each, whose corners a map takes to the lesion's box or around it."""
    to_voxel = np.linalg.inv(lesion.affine)
    beyond = np.empty(grid.shape, np.uint8)  # a bit for each face of the box that a point lies beyond

    def work(start: int, stop: int) -> None:
        points = mapped_grid(way, grid.shape, grid.affine, start, stop) @ to_voxel[:3, :3].T + to_voxel[:3, 3]
        sides = np.concatenate([points < 0, points > np.array(lesion.shape) - 1], axis=-1)
        beyond[start:stop] = np.packbits(sides, axis=-1)[..., 0]

    for_slabs(work, grid.shape, threads)
    for axis in range(3):
        ahead, behind = (np.take(beyond, np.arange(beyond.shape[axis] - 1) + i, axis) for i in (1, 0))
        beyond = ahead & behind
    return np.asarray(beyond == 0)


def _cut_out(lesion: Volume) -> Volume:
    """A lesion with a voxel of 0 on each side."""
    cut = crop(lesion, bounding_box(lesion.array))
    x, y, z = cut.shape
    return pad_to(cut, (x + 2, y + 2, z + 2))
