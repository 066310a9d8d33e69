"""Preparation: what happens to every scan before alignment, the same for all methods of a variant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.base.parameters import added
from lumirage_bids.spatial.fill import DARKEST, remove_fill, remove_outer_fill
from lumirage_bids.spatial.grids import (
    bounding_box,
    centre,
    crop,
    grid_for,
    is_isotropic,
    mask_on,
    outside_share,
    pad_to,
    reorient,
    resample,
    resample_isotropic,
    same_grid,
)
from lumirage_bids.spatial.images import FloatArray, Shape, Volume
from lumirage_bids.spatial.perturbations import Perturbation
from lumirage_bids.spatial.synthesis import Synthesis

FOREGROUND = 0.1
"""Part of the intensity range above which a voxel of a prepared image counts as foreground."""

SLOPPY_SPACING = 3.0
"""Finest spacing of a sloppy preparation, mm."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What happens to a scan before alignment.

    Attributes
    ----------
    spacing : float or None
        Isotropic voxel size, mm; None keeps the native one.
    skull_strip : bool
        Whether voxels outside the brain mask become 0.
    percentiles : tuple of float
        Limits of winsorising, percentiles of the whole image after masking and before cropping, as published; without
        meaning where nothing is normalised.
    crop : {"brain", "none"}
        Whether the grid is cut to the brain.
    margin_mm : float
        Kept on each side of the brain when cropping, mm.
    orientation : str
        Where the axes point: ``RAS``, ``LPS``, …
    multiple : int
        Every axis is padded with background at both ends to a multiple of so many voxels.
    normalisation : {"percentile", "none"}
        ``percentile``: the darkest becomes 0, then winsorised and scaled to [0, 1]. ``none``: intensities stay what
        they are in the file. Then an affine change of them changes results: similarities hold constants (the 1e-5 that
        FireANTs adds to variances and their products), and 0, which is put outside the brain and the field of view, is
        not the darkest value of every image.
    shape : tuple of int or None
        Voxels along each axis, as `orientation` orders them: after cropping the grid is cut or padded with background
        to this, about its middle. None leaves it.
    grid : {"own", "reference"}
        ``own``: each scan keeps its own grid, and registration sees it there. ``reference``: a scan is prepared at its
        native spacing; for registration all are brought, once, through their alignments, onto one grid: the
        reference's field of view at `spacing`, cut or padded to `shape` and `multiple`.
    synthesis : Synthesis or None
        A program that makes an image of another contrast of some scans, which takes the scan's place. Brain masks and
        label maps stay those of the scan itself.
    perturbation : Perturbation or None
        What is done, after the alignment, to the moving image that a method gets to see: a step of a ladder of
        variants that asks how much a method bears. What is prepared and published is the image without it.
    """

    digest_name: ClassVar[str] = "Preparation"
    revision: ClassVar[int] = 2
    """Raised when preparing gives another result, so that what depends on it is made again."""

    spacing: float | None = None
    skull_strip: bool = True
    percentiles: tuple[float, float] = (1, 99)
    crop: Literal["brain", "none"] = "brain"
    margin_mm: float = 10
    orientation: str = "RAS"
    multiple: int = 1
    normalisation: Literal["percentile", "none"] = added("percentile", since="0.2.0")
    shape: tuple[int, int, int] | None = added(None, since="0.2.0")
    grid: Literal["own", "reference"] = added("own", since="0.2.0")
    synthesis: Synthesis | None = added(None, since="0.2.0")
    perturbation: Perturbation | None = added(None, since="0.2.0")

    def __post_init__(self) -> None:
        """Refuse what no scan can be prepared with."""
        if self.spacing is not None and not 0.05 <= self.spacing <= 50:
            raise UsageError(f"spacing is {self.spacing:g}; allowed: 0.05 to 50 mm, or nothing for the native one.")
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise UsageError(f"percentiles are {low:g} and {high:g}; allowed: 0 to 100, the lower one first.")
        if not 0 <= self.margin_mm <= 1000:
            raise UsageError(f"margin_mm is {self.margin_mm:g}; allowed: 0 to 1000 mm.")
        if len(self.orientation) != 3 or any(len({*self.orientation} & {*axis}) != 1 for axis in ("LR", "AP", "IS")):
            raise UsageError(f"orientation is {self.orientation!r}; allowed: a letter of each of L/R, A/P and I/S.")
        if not 1 <= self.multiple <= 512:
            raise UsageError(f"multiple is {self.multiple}; allowed: 1 to 512 voxels.")
        if self.shape is not None and not all(2 <= n <= 4096 for n in self.shape):
            raise UsageError(f"shape is {list(self.shape)}; allowed: three whole numbers from 2 to 4096 (voxels).")

    def of_contrast(self, suffix: str) -> Self:
        """What a scan of a contrast is prepared with: no synthesis where that is not for it, and no perturbation."""
        concerned = self.synthesis is not None and suffix in self.synthesis.contrasts
        return replace(self, synthesis=self.synthesis if concerned else None, perturbation=None)

    def sloppy(self) -> Self:
        """The same preparation at 3 mm or coarser, for trying things out; a shape covers what it covered."""
        spacing = max(self.spacing or 0.0, SLOPPY_SPACING)
        if self.shape is None or self.spacing is None:
            return replace(self, spacing=spacing, shape=None)
        x, y, z = (max(2, round(n * self.spacing / spacing)) for n in self.shape)
        return replace(self, spacing=spacing, shape=(x, y, z))


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A prepared image (float32; in [0, 1] where it is normalised) and its brain mask (bool), on one grid.

    `lost` is the share of the brain that lies outside a given shape, or outside the grid that all share.
    """

    image: Volume
    mask: Volume
    lost: float = 0.0


def prepare(image: Volume, mask: Volume, preparation: Preparation) -> Prepared:
    """Move the darkest to 0, reorient, resample, mask, winsorise, scale to [0, 1] and crop, in this order.

    The intensities of what is outside the mask end below the brain's, whatever is added to or multiplied with an image;
    not so where nothing is normalised.

    Parameters
    ----------
    image : Volume
        Native image.
    mask : Volume
        Brain mask; where its grid is another one it is carried over through the headers.
    preparation : Preparation

    Returns
    -------
    Prepared

    Raises
    ------
    BadDataError
        The mask does not overlap the image, winsorising leaves no contrast, or a shape cuts the whole brain off.
    """
    brain, as_they_are = mask_on(mask, image), preparation.normalisation == "none"
    values = image.array if as_they_are else ground(remove_fill(remove_outer_fill(image.array), brain))
    image = reorient(replace(image, array=np.asarray(values, dtype=np.float32)), preparation.orientation)
    if preparation.spacing is not None and preparation.grid == "own":
        image = resample_isotropic(image, preparation.spacing)
    inside = mask_on(mask, image)
    values = np.where(inside, image.array, np.float32(0)) if preparation.skull_strip else image.array
    ready = Volume(array=values if as_they_are else _normalise(values, inside, preparation), affine=image.affine)
    region = Volume(array=inside, affine=image.affine)
    if preparation.crop == "brain":
        box = bounding_box(inside)
        ready, region = (crop(v, box, preparation.margin_mm) for v in (ready, region))
    if preparation.grid == "own":
        ready, region = (_fit_shape(v, preparation) for v in (ready, region))
    lost = 1 - region.array.sum() / inside.sum()
    if lost == 1:
        raise BadDataError(
            f"shape = {list(preparation.shape or ())} cuts the whole brain off: it is taken about the middle of the "
            f"image, {' × '.join(map(str, image.shape))} voxels {preparation.orientation}"
        )
    if ready.array.min() == ready.array.max():
        raise BadDataError(f"every voxel of the prepared image is {ready.array.min()}: nothing can be registered")
    return Prepared(image=ready, mask=region, lost=float(lost))


def _normalise(
    values: npt.NDArray[np.float32], inside: npt.NDArray[np.bool_], preparation: Preparation
) -> npt.NDArray[np.float32]:
    """Winsorise and scale to [0, 1]."""
    share, tail = inside.mean(), 1 - preparation.percentiles[1] / 100
    if preparation.skull_strip and share < 2 * tail:
        raise BadDataError(
            f"the brain mask fills {share:.2%} of the image, so winsorising at percentile "
            f"{preparation.percentiles[1]:g} of the whole image would flatten it; if the mask is "
            "right, crop the image's field of view or set "
            "percentiles = [0, 100]"
        )
    return rescale(winsorise(values, *preparation.percentiles))


def _fit_shape(volume: Volume, preparation: Preparation) -> Volume:
    """Cut or pad to the shape that is asked for, then to the multiple."""
    shaped = volume if preparation.shape is None else centre(volume, preparation.shape)
    return pad_to(shaped, preparation.multiple)


def common_grid(shape: Shape, affine: FloatArray, preparation: Preparation) -> tuple[Shape, FloatArray]:
    """Grid that all scans are brought onto for registration, from that of the reference's prepared image.

    Parameters
    ----------
    shape : tuple of int
    affine : array, shape (4, 4)
        Of the reference's prepared image.
    preparation : Preparation

    Returns
    -------
    shape : tuple of int
    affine : array, shape (4, 4)
        The same grid where each scan keeps its own.

    Examples
    --------
    >>> given = Preparation(grid="reference", spacing=1, multiple=32)
    >>> common_grid((352, 352, 256), np.diag([0.6, 0.6, 0.6, 1]), given)[0]
    (224, 224, 160)
    """
    if preparation.grid == "own":
        return shape, affine
    spacing = preparation.spacing
    if spacing is not None and not is_isotropic(affine, spacing):
        shape, affine = grid_for(shape, affine, spacing)
    grid = _fit_shape(Volume(array=np.zeros(shape, dtype=bool), affine=affine), preparation)
    return grid.shape, grid.affine


def bring_to_common_grid(prepared: Prepared, alignment: FloatArray, shape: Shape, affine: FloatArray) -> Prepared:
    """Bring a prepared scan onto the grid that all share, in the reference's world.

    Parameters
    ----------
    prepared : Prepared
    alignment : array, shape (4, 4)
        Reference world to the scan's (RAS+, mm).
    shape, affine
        Of `common_grid`.
    """
    back = np.linalg.inv(alignment)
    image, mask = (v.move(back) for v in (prepared.image, prepared.mask))
    seen = image if same_grid(image, Volume(array=np.broadcast_to(False, shape), affine=affine)) else None
    if seen is None:
        seen = resample(image, shape, affine)
    brain = mask_on(mask, seen)
    lost = outside_share(mask, seen)
    return Prepared(image=seen, mask=replace(seen, array=brain.astype(np.float32)), lost=lost)


def ground(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Intensities minus the darkest, so that 0, which is put where nothing is seen, is as dark as anything seen.

    The darkest is a low percentile (`DARKEST`), not the minimum, as interpolation leaves a few voxels far below. Images
    from 0 up stay what they are.
    """
    ground = np.percentile(array, DARKEST)
    return np.asarray(array - ground if ground else array, dtype=np.float32)


def winsorise(array: npt.NDArray[np.generic], lower: float = 1, upper: float = 99) -> npt.NDArray[np.float32]:
    """Replace values beyond two percentiles of the whole array by those percentiles."""
    values = np.asarray(array, dtype=np.float32)
    low, high = np.percentile(values, (lower, upper))
    return np.clip(values, np.float32(low), np.float32(high))


def rescale(array: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Map the range of values linearly onto [0, 1].

    Raises
    ------
    BadDataError
        All values are the same.
    """
    low, high = array.min(), array.max()
    if low == high:
        raise BadDataError(f"every voxel is {low}: there is no contrast to scale")
    return np.asarray((np.asarray(array, dtype=np.float32) - low) / np.float32(high - low), dtype=np.float32)
