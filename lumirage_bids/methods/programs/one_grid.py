"""Methods that want both images as arrays on one grid, and find displacements in mm along its axes."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import MissingInputError
from lumirage_bids.methods.base import Method, OwnInput
from lumirage_bids.methods.networks.grid import field_on, padded_grid
from lumirage_bids.methods.programs.call import made_file, run_program, scratch
from lumirage_bids.spatial.grids import reorient, resample

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume
    from lumirage_bids.spatial.transforms import Transform

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class ImagesOnGrid:
    """Both images on one RAS+ grid, after the start.

    Attributes
    ----------
    fixed, moving : array, shape (X, Y, Z), float32
    spacing : array, shape (3,)
        Size of the voxels, mm.
    """

    fixed: Array
    moving: Array
    spacing: npt.NDArray[np.float64]


class Displacements(NamedTuple):
    """Where points go, mm along the axes of the grid, shape (X, Y, Z, 3): from fixed to moving, and back if known."""

    there: Array
    back: Array | None = None


@dataclass(frozen=True, kw_only=True)
class OnOneGrid(Method):
    """A method that is told arrays and spacing alone, so that no program's idea of headers comes in.

    The moving image is resampled once, linearly, to the fixed image's own grid, or what `place` makes of it.
    """

    @property
    def own_input(self) -> OwnInput | None:
        """What the method sees."""
        return OwnInput(words="moving image resampled to the fixed grid")

    def place(self, fixed: Volume) -> Volume:
        """The grid for a fixed image whose axes are in RAS+ order; only its shape and affine are looked at."""
        return padded_grid(fixed, 1)

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Register; see `Method.register`."""
        if complaint := self.missing(context):
            raise MissingInputError(f"The method '{self.name}' cannot run: {complaint}.")
        fixed = reorient(fixed)
        grid = self.place(fixed)
        here, there = (resample(image, grid.shape, grid.affine).array for image in (fixed, moving))
        found = self.displace(ImagesOnGrid(fixed=here, moving=there, spacing=grid.spacing), context)
        voxel = grid.spacing.astype(np.float32)
        transform = field_on(grid, found.there / voxel)
        return transform if found.back is None else replace(transform, inverse=field_on(grid, found.back / voxel))

    @abstractmethod
    def displace(self, images: ImagesOnGrid, context: Context) -> Displacements:
        """Find how far the point of the moving image lies from each voxel of the fixed one that shows the same."""


def run_child(
    script: str,
    images: ImagesOnGrid,
    told: Sequence[object],
    context: Context,
    environment: Mapping[str, str] | None = None,
) -> Array:
    """Let a script beside the methods find displacements, in a process of its own; what it saves, whatever its shape.

    Parameters
    ----------
    script : str
        Its name; it is called with the file of the images, that to save to, and what it is `told`.
    images : ImagesOnGrid
    told : sequence
    context : Context
    environment : mapping, optional
        Variables besides the caller's.
    """
    child = str(Path(__file__).parents[1] / script)
    with scratch(context) as folder:
        np.savez(folder / "images.npz", **vars(images))
        argv = [sys.executable, child, "images.npz", "field.npy", *map(str, told)]
        run_program(argv, context, folder, environment or {})
        return np.asarray(np.load(made_file(folder / "field.npy", argv)), dtype=np.float32)


def tell_absent(package: str, extra: str) -> str | None:
    """Say that a package is not installed; None where it is."""
    with suppress(PackageNotFoundError):
        version(package)
        return None
    return f"{package} is not installed; pip install 'lumirage-bids[{extra}]'"
