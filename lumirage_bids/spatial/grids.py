"""Grids of volumes: other axes, other voxels, other boxes.

Every function that changes a grid changes the affine with it, so that the world position of what a voxel shows stays
what it was. Nothing here changes its input.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.spatial.headers import step_lengths
from lumirage_bids.spatial.images import FloatArray, Shape, Volume

Box = npt.NDArray[np.int64]
"""First voxel and one past the last one along each axis, shape (3, 2)."""

ROUNDING = 1e-3
"""Fraction of a voxel by which headers may be off without a grid being placed another way."""

NATIVE_TOLERANCE = 0.01
"""Relative difference of spacings below which a grid counts as the wanted one."""


def reorient(volume: Volume, axes: str = "RAS") -> Volume:
    """Swap and flip axes so that they point, as nearly as they can, to where `axes` says; no interpolation.

    Parameters
    ----------
    volume : Volume
    axes : str
        Direction in which each index grows: a letter of each of L/R, A/P and I/S.
    """
    from nibabel import orientations

    current = orientations.io_orientation(volume.affine)
    change = orientations.ornt_transform(current, orientations.axcodes2ornt(axes))
    array = np.ascontiguousarray(orientations.apply_orientation(volume.array, change))
    return Volume(array=array, affine=volume.affine @ orientations.inv_ornt_aff(change, volume.shape))


def grid_for(shape: Shape, affine: FloatArray, spacing: float) -> tuple[Shape, FloatArray]:
    """Isotropic grid that covers the field of view of another one and shares its centre and directions.

    Parameters
    ----------
    shape : tuple of int
    affine : array, shape (4, 4)
        Of the grid to be covered.
    spacing : float
        Wanted distance of voxel centres, mm.

    Returns
    -------
    shape : tuple of int
        Two voxels or more along each axis.
    affine : array, shape (4, 4)
    """
    old = step_lengths(affine)
    # A field of view that is whole but for rounding must not gain a voxel.
    x, y, z = (max(2, int(np.ceil(n * s / spacing - 1e-3))) for n, s in zip(shape, old, strict=True))
    centre = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    new = np.eye(4)
    new[:3, :3] = affine[:3, :3] / old * spacing
    new[:3, 3] = centre - new[:3, :3] @ ((np.array((x, y, z)) - 1) / 2)
    return (x, y, z), new


def resample(volume: Volume, shape: Shape, affine: FloatArray, order: Literal[0, 1] = 1) -> Volume:
    """Resample onto another grid.

    As in ITK, the field of view ends half a voxel beyond the outermost voxel centres, the outermost value holding up
    to there; outside is 0. Before linear interpolation onto a coarser grid the image is smoothed with a Gaussian of
    FWHM sqrt(new² - old²) along each of its axes, which turns the old point spread function into the new one
    (Cardoso et al. 2015, doi:10.1007/978-3-319-24571-3_81).

    Parameters
    ----------
    volume : Volume
        Image. Label maps go through `lumirage_bids.spatial.label_transfer` instead.
    shape : tuple of int
    affine : array, shape (4, 4)
        Of the wanted grid.
    order : {0, 1}
        Nearest neighbour or linear.

    Returns
    -------
    Volume
        Float32 for order 1, the type of the input for order 0.
    """
    from scipy import ndimage

    to_old = np.asarray(np.linalg.solve(volume.affine, affine), dtype=np.float64)
    step = to_old[:3, :3]
    array: npt.NDArray[Any] = volume.array
    if order:
        ratio = np.sqrt((step**2).sum(axis=1))
        sigma = np.sqrt(np.maximum(ratio**2 - 1, 0)) / np.sqrt(8 * np.log(2))
        array = array.astype(np.float32)
        if (ratio > 1 + NATIVE_TOLERANCE).any():
            array = ndimage.gaussian_filter(array, sigma, mode="nearest", truncate=3)
    out = ndimage.affine_transform(array, step, to_old[:3, 3], shape, order=order, mode="nearest")
    _clear_outside(out, to_old, volume.shape)
    return Volume(array=out, affine=np.array(affine, dtype=np.float64))


def _clear_outside(array: npt.NDArray[Any], to_old: FloatArray, shape: Shape) -> None:
    """Set voxels to 0, in place, whose position lies outside the field of view of a grid of this shape."""
    corners = np.array(list(itertools.product(*((0, n - 1) for n in array.shape)))) @ to_old[:3, :3].T + to_old[:3, 3]
    x, y, z = (np.arange(n, dtype=np.float64) for n in array.shape)
    for axis, n in enumerate(shape):
        low, high = -0.5 - 1e-6, n - 0.5 + 1e-6
        if corners[:, axis].min() >= low and corners[:, axis].max() <= high:
            continue
        a, b, c = to_old[axis, :3]
        position = to_old[axis, 3] + a * x[:, None, None] + b * y[:, None] + c * z
        array[(position < low) | (position > high)] = 0


def is_isotropic(affine: FloatArray, spacing: float) -> bool:
    """Whether the voxels of a grid are cubes of this spacing (mm), to 1 %."""
    return bool(np.all(np.abs(step_lengths(affine) / spacing - 1) < NATIVE_TOLERANCE))


def resample_isotropic(volume: Volume, spacing: float) -> Volume:
    """Resample linearly to cubic voxels of this spacing (mm); as it is where that differs by less than 1 %."""
    if is_isotropic(volume.affine, spacing):
        return volume
    return resample(volume, *grid_for(volume.shape, volume.affine, spacing))


def voxel_centres(region: npt.NDArray[Any], affine: FloatArray) -> FloatArray:
    """World points (RAS+, mm) of the centres of a region's voxels, in the order of the array; shape (N, 3)."""
    return np.asarray(np.argwhere(region) @ affine[:3, :3].T + affine[:3, 3], dtype=np.float64)


def bounding_box(mask: npt.NDArray[np.generic]) -> Box:
    """Smallest box around all voxels that are not 0.

    Raises
    ------
    BadDataError
        The mask is empty.
    """
    box = np.empty((3, 2), dtype=np.int64)
    for axis in range(3):
        found = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        if not found.size:
            raise BadDataError("the mask is empty; give one that covers the brain")
        box[axis] = found[0], found[-1] + 1
    return box


def crop(volume: Volume, box: Box, margin: float = 0.0) -> Volume:
    """Cut out a box, widened by a margin (mm) on each side as far as the grid goes."""
    extra = np.ceil(margin / volume.spacing - 1e-6).astype(np.int64)
    start = np.maximum(box[:, 0] - extra, 0)
    stop = np.minimum(box[:, 1] + extra, volume.shape)
    i, j, k = (slice(a, b) for a, b in zip(start, stop, strict=True))
    return Volume(array=np.ascontiguousarray(volume.array[i, j, k]), affine=_shift(volume.affine, start))


def pad_to(volume: Volume, target: Shape | int) -> Volume:
    """Pad with 0 on both sides, the odd voxel at the end.

    Parameters
    ----------
    volume : Volume
    target : tuple of int, or int
        Wanted shape; or the number that every axis must be the next multiple of.

    Raises
    ------
    ValueError
        The target is smaller than the volume.
    """
    old = np.array(volume.shape)
    new = -(-old // target) * target if isinstance(target, int) else np.array(target)
    if np.any(new < old):
        raise ValueError(f"cannot pad shape {volume.shape} to {target}: crop first")
    before = (new - old) // 2
    array = np.pad(volume.array, np.stack([before, new - old - before], axis=1))
    return Volume(array=array, affine=_shift(volume.affine, -before))


def centre(volume: Volume, shape: Shape) -> Volume:
    """Cut or pad with 0 to a shape, on both sides of each axis alike; where that is odd, one more at the end.

    Parameters
    ----------
    volume : Volume
    shape : tuple of int

    Examples
    --------
    >>> volume = Volume(array=np.ones((4, 3, 2)), affine=np.eye(4))
    >>> centre(volume, (2, 4, 2)).affine[:3, 3].tolist(), centre(volume, (2, 4, 2)).shape
    ([1.0, 0.0, 0.0], (2, 4, 2))
    """
    old, new = np.array(volume.shape), np.array(shape)
    start = np.maximum(old - new, 0) // 2
    kept = np.minimum(old, new)
    i, j, k = (slice(a, a + n) for a, n in zip(start, kept, strict=True))
    return pad_to(Volume(array=volume.array[i, j, k], affine=_shift(volume.affine, start)), shape)


def outside_share(image: Volume, grid: Volume) -> float:
    """Share of an image's foreground (above 0) that lies outside the field of view of a grid; 0 for no foreground."""
    to_grid = np.linalg.solve(grid.affine, image.affine)
    index = np.nonzero(image.array > 0)
    outside = np.zeros(index[0].shape, dtype=bool)
    for (a, b, c, d), n in zip(to_grid[:3], grid.shape, strict=True):
        position = a * index[0] + b * index[1] + c * index[2] + d
        outside |= (position < -0.5 - ROUNDING) | (position > n - 0.5 + ROUNDING)
    return float(outside.mean()) if outside.size else 0.0


def _shift(affine: FloatArray, start: npt.NDArray[np.int64]) -> FloatArray:
    """Affine of a grid whose first voxel is at index `start` of the old one."""
    new = np.array(affine, dtype=np.float64)
    new[:3, 3] += new[:3, :3] @ start
    return new


def same_grid(a: Volume, b: Volume) -> bool:
    """Whether the voxels of both are at the same places, to a hundredth of a voxel."""
    if a.shape != b.shape:
        return False
    drift = np.abs((b.affine - a.affine)[:3]) @ [*(n - 1 for n in a.shape), 1]
    return bool(drift.max() <= 0.01 * a.spacing.min())


def mask_on(mask: Volume, image: Volume) -> npt.NDArray[np.bool_]:
    """Mask on the grid of an image: at least half of a voxel inside.

    Raises
    ------
    BadDataError
        Nothing of it lies inside the image.
    """
    array = region_on(mask, image)
    if not array.any():
        raise BadDataError("the brain mask and the image do not overlap; check the headers of both")
    return array


def region_on(region: Volume | None, image: Volume) -> npt.NDArray[np.bool_]:
    """Region on the grid of an image: at least half of a voxel inside; nothing where it lies elsewhere, or is none."""
    if region is None:
        return np.zeros(image.shape, dtype=bool)
    array: npt.NDArray[np.bool_] = region.array > 0
    if not same_grid(region, image):
        array = resample(replace(region, array=array), image.shape, image.affine).array >= 0.5
    return array
