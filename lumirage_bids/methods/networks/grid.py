"""The grids that networks were trained on: images are brought onto them, displacements back into the world."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.methods.base import OwnInput
from lumirage_bids.spatial.grids import ROUNDING, bounding_box, outside_share, reorient, resample
from lumirage_bids.spatial.images import Shape, Volume
from lumirage_bids.spatial.preparation import rescale, winsorise
from lumirage_bids.spatial.transforms import DisplacementField, Transform

LOGGER = logging.getLogger("lumirage")

FloatArray = npt.NDArray[np.float64]
Normalisation = Literal["minmax", "percentile", "zscore", "none"]


@dataclass(frozen=True, kw_only=True)
class NetworkGrid:
    """The grid a network was trained on.

    Attributes
    ----------
    shape : tuple of int
        Number of voxels along each axis.
    orientation : str
        Direction in which each index grows: a letter of each of L/R, A/P and I/S.
    spacing : float or tuple of float
        Distance of voxel centres, mm; one number for cubic voxels.

    Raises
    ------
    UsageError
        If one of them is not of this form.
    """

    shape: Shape
    orientation: str = "RAS"
    spacing: float | tuple[float, float, float] = 1.0

    def __post_init__(self) -> None:
        """Refuse what is no grid."""
        if len(self.shape) != 3 or min(self.shape) < 2:
            raise UsageError(f"shape is {list(self.shape)}; allowed: three whole numbers of at least 2.")
        if sorted(self.orientation.translate(str.maketrans("LPI", "RAS"))) != ["A", "R", "S"]:
            raise UsageError(f"orientation is {self.orientation!r}; allowed: one each of L/R, A/P and I/S, as 'RAS'.")
        if np.shape(self.spacing) not in {(), (3,)} or not np.all(np.asarray(self.spacing) > 0):
            raise UsageError(f"spacing is {self.spacing!r}; allowed: one number or three, above 0 (mm).")

    def describe_input(self, *more: str) -> OwnInput:
        """What a method sees on this grid; further words on how."""
        spacing = tuple(float(mm) for mm in np.broadcast_to(self.spacing, 3))
        return OwnInput(words=", ".join([str(self), *more]), shape=tuple(self.shape), spacing=spacing)

    def __str__(self) -> str:
        """Words for the column ``input``."""
        spacing = " × ".join(f"{s:g}" for s in np.atleast_1d(self.spacing))
        return f"{' × '.join(map(str, self.shape))} voxels of {spacing} mm, {self.orientation}"


def network_grid(fixed: Volume, grid: NetworkGrid) -> Volume:
    """Place a network's grid over a fixed image.

    The grid lies along the image's own axes, so it turns with an oblique scan, in the order and direction that come
    nearest to the wanted orientation; its axes are at right angles. Its centre is that of the box around the
    foreground to half a voxel of the image: its first voxel is one of the image's, so that equal spacings mean no
    interpolation. A warning tells how much of the foreground does not fit.

    Parameters
    ----------
    fixed : Volume
        Prepared image; its foreground is where it is above 0.
    grid : NetworkGrid

    Returns
    -------
    Volume
        Zeros, float32, of the network's shape.

    Raises
    ------
    BadDataError
        The image has no foreground.
    """
    # Only once it is reoriented, so that the result does not depend on how the image is stored.
    image = reorient(fixed, grid.orientation)
    spacing = np.broadcast_to(np.asarray(grid.spacing, dtype=np.float64), 3)
    middle = bounding_box(image.array > 0).sum(axis=1) / 2 - 0.5
    first = middle - (np.array(grid.shape) - 1) / 2 * spacing / image.spacing
    first = np.floor(first + 0.5 + ROUNDING)
    affine = np.eye(4)
    affine[:3, :3] = _directions(image) * spacing
    affine[:3, 3] = image.affine[:3, :3] @ first + image.affine[:3, 3]
    placed = Volume(array=np.zeros(grid.shape, dtype=np.float32), affine=affine)
    warn_of_cut_off(fixed, placed, "fixed")
    return placed


def _directions(image: Volume) -> FloatArray:
    """Directions of the axes, the nearest ones that are at right angles, as columns of length 1."""
    left, _, right = np.linalg.svd(image.affine[:3, :3] / image.spacing)
    return np.asarray(left @ right, dtype=np.float64)


def padded_grid(fixed: Volume, multiple: int) -> Volume:
    """The fixed image's own grid, lengthened at the ends of its axes to multiples of a number; zeros, float32."""
    x, y, z = (-(-n // multiple) * multiple for n in fixed.shape)
    return Volume(array=np.zeros((x, y, z), dtype=np.float32), affine=fixed.affine)


def network_input(image: Volume, grid: Volume, normalisation: Normalisation, name: str) -> npt.NDArray[np.float32]:
    """Bring an image onto a network's grid, as linear preparation does, and normalise it there.

    Parameters
    ----------
    image : Volume
        Fixed or moving image; it is smoothed where the grid is coarser, see `lumirage_bids.spatial.grids.resample`.
    grid : Volume
        Of `network_grid` or `padded_grid`.
    normalisation : {"minmax", "percentile", "zscore", "none"}
        Onto [0, 1], without or with values clipped at the 1st and 99th percentile before; onto mean 0 and standard
        deviation 1; or not at all.
    name : str
        What it is, for messages.

    Returns
    -------
    array, shape of the grid, float32

    Raises
    ------
    BadDataError
        There is no contrast on the grid.
    """
    array = resample(image, grid.shape, grid.affine).array
    if normalisation != "none" and array.min() == array.max():
        raise BadDataError(f"the {name} image does not reach into the network's grid; check the start of the pair")
    if name != "fixed":
        warn_of_cut_off(image, grid, name)
    return normalise(array, normalisation)


def normalise(array: npt.NDArray[np.generic], normalisation: Normalisation) -> npt.NDArray[np.float32]:
    """Normalise intensities; see `network_input`."""
    values = np.asarray(array, dtype=np.float32)
    if normalisation == "minmax":
        return rescale(values)
    if normalisation == "percentile":
        return rescale(winsorise(values))
    if normalisation == "zscore":
        return np.asarray((values - values.mean()) / values.std(), dtype=np.float32)
    return values


def cut_off_percent(image: Volume, grid: Volume) -> float:
    """Percentage of an image's foreground (above 0) that lies outside the field of view of a grid."""
    return 100 * outside_share(image, grid)


def warn_of_cut_off(image: Volume, grid: Volume, name: str) -> None:
    """Tell how much of an image's foreground a grid does not hold."""
    percent = cut_off_percent(image, grid)
    if percent >= 0.01:
        LOGGER.warning(
            "%.2f %% of the %s image's foreground does not fit into the network's grid of %s voxels of %s mm; the "
            "network does not see it, and where it is the fixed image's it stays at the start",
            percent, name, " × ".join(map(str, grid.shape)), " × ".join(f"{s:g}" for s in grid.spacing),
        )  # fmt: skip


def field_on(grid: Volume, voxels: npt.NDArray[Any]) -> Transform:
    """Turn displacements in voxels of a grid into a transform.

    Parameters
    ----------
    grid : Volume
        Gives the affine; its array is not looked at.
    voxels : array, shape (X, Y, Z, 3)
        The point at voxel i goes to where voxel i + voxels[i] would be.

    Returns
    -------
    Transform
        One displacement field (mm), fixed world to moving world; zero outside the grid.

    Raises
    ------
    BadDataError
        The shape does not fit the grid, or a displacement is not finite.
    """
    if voxels.shape != (*grid.shape, 3):
        raise BadDataError(f"displacements have shape {voxels.shape}; the grid needs {(*grid.shape, 3)}")
    if not np.isfinite(voxels).all():
        raise BadDataError("the displacements are not finite: the images are unlike those the network was trained on")
    vectors = voxels @ grid.affine[:3, :3].T.astype(np.float32)
    return Transform((DisplacementField(vectors=vectors, affine=grid.affine),))
