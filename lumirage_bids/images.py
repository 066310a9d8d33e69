"""Volumes: an array and its place in the world; reading, writing, regridding, intensities, preparation.

Every function that changes a grid changes the affine with it, so that the world position of what a voxel shows stays
what it was. Nothing here changes its input.
"""

from __future__ import annotations

import errno
import gzip
import itertools
import logging
import math
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from lumirage_bids.annex import has_content
from lumirage_bids.errors import BadDataError, CannotWriteError, InputOutputError, MissingInputError, UsageError

if TYPE_CHECKING:
    import nibabel

LOGGER = logging.getLogger("lumirage")

FloatArray = npt.NDArray[np.float64]
Shape = tuple[int, int, int]
Box = npt.NDArray[np.int64]
"""First voxel and one past the last one along each axis, shape (3, 2)."""

NATIVE_TOLERANCE = 0.01
"""Relative difference of spacings below which a grid counts as the wanted one."""
SLACK = 1 << 20
"""Bytes that a file may hold after its last voxel."""
SLOPPY_SPACING = 3.0
"""Finest spacing of a sloppy preparation, mm."""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A three-dimensional array and its place in the world.

    Attributes
    ----------
    array : array, shape (X, Y, Z)
        Intensities (float32) or labels (integers).
    affine : array, shape (4, 4)
        Voxel indices to world coordinates, RAS+, mm.
    """

    array: npt.NDArray[Any]
    affine: npt.NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along each axis."""
        x, y, z = self.array.shape
        return x, y, z

    @property
    def spacing(self) -> npt.NDArray[np.float64]:
        """Distance between voxel centres along each axis, mm, shape (3,)."""
        return _lengths(self.affine)


def _lengths(affine: FloatArray) -> FloatArray:
    """Length of the step along each voxel axis, mm, shape (3,)."""
    return np.asarray(np.sqrt((np.asarray(affine)[:3, :3] ** 2).sum(axis=0)), dtype=np.float64)


# Reading and writing


def read_image(path: Path) -> Volume:
    """Read an image.

    Voxels that are not finite become 0, and a warning tells how many they are.

    Parameters
    ----------
    path : Path
        A file that nibabel reads, with one volume.

    Returns
    -------
    Volume
        Float32 intensities, scaled as the header says.

    Raises
    ------
    MissingInputError
        The file is absent or a link to nowhere.
    BadDataError
        It cannot be read, is truncated, has several volumes, colours or complex numbers, an axis shorter than two
        voxels, a singular affine, or the same value everywhere.
    """
    array, affine = _read(path)
    finite = np.isfinite(array)
    bad = array.size - int(finite.sum())
    if bad:
        LOGGER.warning("%s: %d of %d voxels are not finite; they are taken as 0", path, bad, array.size)
        array = np.where(finite, array, np.float32(0))
    if bad == finite.size or array.min() == array.max():
        raise BadDataError(f"{path}: every voxel has the same value or none; give an image with contrast")
    return Volume(array=array, affine=affine)


def read_grid(path: Path) -> tuple[Shape, FloatArray]:
    """Shape and affine (voxel indices to world coordinates, RAS+, mm) of an image of ours; voxels are not read."""
    import nibabel

    image = nibabel.load(path)
    x, y, z = image.shape
    return (x, y, z), np.asarray(image.affine, dtype=np.float64)


def read_labels(path: Path) -> Volume:
    """Read a label map.

    Parameters
    ----------
    path : Path
        Label map; integers may be stored as floating point numbers.

    Returns
    -------
    Volume
        Labels, int32.

    Raises
    ------
    MissingInputError
        The file is absent or a link to nowhere.
    BadDataError
        As for `read_image`; or a value is negative or further than 0.001 from an integer; or all labels are 0.
    """
    values, affine = _read(path, as_stored=True)
    labels = values if values.dtype.kind in "biu" else _rounded(values, path)
    if labels.min() < 0 or labels.max() > np.iinfo(np.int32).max:
        raise BadDataError(
            f"{path}: labels from {labels.min():.0f} to {labels.max():.0f}; they must be 0 to 2147483647"
        )
    if not labels.any():
        raise BadDataError(f"{path}: every label is 0; give a map with at least one structure")
    return Volume(array=np.ascontiguousarray(labels, dtype=np.int32), affine=affine)


def _rounded(values: npt.NDArray[Any], path: Path) -> npt.NDArray[Any]:
    """Labels stored as floating point numbers, which must be close to integers."""
    if not np.isfinite(values).all():
        raise BadDataError(f"{path}: a label map must not hold NaN or infinity")
    labels = np.rint(values)
    off = np.abs(values - labels)
    if off.max() > 1e-3:
        raise BadDataError(
            f"{path}: holds {values.flat[off.argmax()]:.6g}, but labels are integers; "
            "give a label map, neither an image nor a probability map"
        )
    return np.asarray(labels)


def _read(path: Path, *, as_stored: bool = False) -> tuple[npt.NDArray[Any], FloatArray]:
    """Values in C order and affine of a file with one volume.

    Values are float32, float64 where float32 would round integers; `as_stored` leaves integers that the header does
    not scale as they are.
    """
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    if not has_content(path):
        elsewhere = " here (datalad get fetches its content)" if os.path.lexists(path) else ""
        raise MissingInputError(f"{path}: no such file{elsewhere}")
    try:
        image = nibabel.load(path)
        _check_header(path, image)
        image = _whole(path, image)
        stored = image.get_data_dtype()
        if as_stored and stored.kind in "iu" and getattr(image.dataobj, "slope", None) == 1 and not image.dataobj.inter:
            array = np.asanyarray(image.dataobj)
        else:
            exact = stored.kind in "iu" and stored.itemsize > 2
            array = image.get_fdata(dtype=np.float64 if exact else np.float32, caching="unchanged")
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            raise MissingInputError(f"{path}: {error.strerror}; check who may read it") from error
        if error.errno and error.errno not in (errno.EINVAL, errno.ENODATA, errno.EISDIR):
            raise InputOutputError(f"{path}: {error.strerror}") from error
        raise BadDataError(f"{path}: cannot be read, probably truncated ({error})") from error
    except (ImageFileError, HeaderDataError, WrapStructError, EOFError, zlib.error, ValueError) as error:
        raise BadDataError(f"{path}: cannot be read as an image ({error})") from error
    return np.ascontiguousarray(array.reshape(array.shape[:3])), np.asarray(image.affine, dtype=np.float64)


def _whole(path: Path, image: Any) -> Any:
    """The image, packed content checked to its end: no fewer voxels than the header says, and no flood of more.

    A header may claim any shape, and a few packed bytes may unpack to any number, so memory is taken as bytes come.
    """
    if not hasattr(image.dataobj, "offset") or not path.name.endswith((".nii", ".nii.gz")):
        return image
    needed = int(image.dataobj.offset) + math.prod(image.shape) * image.get_data_dtype().itemsize
    content = bytearray()
    if path.name.endswith(".nii"):
        there = path.stat().st_size
    else:
        # The checksum comes after the last voxel, where nibabel does not look: damage would pass for noise.
        with gzip.open(path) as unpacked:
            while (chunk := unpacked.read(1 << 24)) and len(content) <= needed + SLACK:
                content += chunk
        there = len(content)
        image = type(image).from_bytes(bytes(content)) if needed <= there <= needed + SLACK else image
    if not needed <= there <= needed + SLACK:
        raise BadDataError(
            f"{path}: {there if there < needed else f'more than {needed + SLACK}'} bytes, but its header tells of "
            f"{needed} (shape {tuple(image.shape)}); probably truncated or damaged: get the file again"
        )
    return image


def _check_header(path: Path, image: nibabel.spatialimages.SpatialImage) -> None:
    """Refuse what is not one three-dimensional volume of real numbers with a place in the world."""
    shape, dtype = image.shape, image.get_data_dtype()
    if dtype.kind not in "biuf":
        raise BadDataError(f"{path}: voxels are {dtype}; colours and complex numbers cannot be used")
    if len(shape) < 3 or any(n != 1 for n in shape[3:]):
        raise BadDataError(f"{path}: shape {tuple(shape)}; one three-dimensional volume is needed")
    if min(shape[:3]) < 2:
        raise BadDataError(f"{path}: shape {tuple(shape)}; every axis needs two voxels or more")
    linear = np.asarray(image.affine, dtype=np.float64)[:3, :3]
    lengths = _lengths(linear)
    if not np.isfinite(image.affine).all() or abs(np.linalg.det(linear)) < 1e-6 * max(lengths.prod(), 1e-12):
        raise BadDataError(f"{path}: the affine {np.round(linear, 4).tolist()} is singular; repair the header")
    if "sform_code" in image.header and image.header["sform_code"] == image.header["qform_code"] == 0:
        LOGGER.warning("%s: the header does not place it in the world; its orientation is a guess of nibabel's", path)


def write_image(volume: Volume, path: Path, dtype: npt.DTypeLike = np.float32) -> None:
    """Write a NIfTI file atomically: readers see the old file or the whole new one.

    The same volume gives the same bytes. Both qform and sform are set; a shearing affine, which a qform cannot hold,
    sets the sform only. Units are mm.

    Parameters
    ----------
    volume : Volume
    path : Path
        Ends in ``.nii`` or ``.nii.gz``; its folder is made where it does not exist.
    dtype : data-type
        Stored type. Values are stored as they are, without a scale.

    Raises
    ------
    ValueError
        Values do not fit the type.
    CannotWriteError, InputOutputError
        No permission; the file system failed.
    """
    content = _nifti_bytes(volume, np.dtype(dtype))
    # Not tempfile, whose files only their owner can read.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as raw:
            if path.name.endswith(".gz"):
                with gzip.GzipFile("", "wb", 1, raw, mtime=0) as packed:
                    packed.write(content)
            else:
                raw.write(content)
        temporary.replace(path)
    except OSError as error:
        refused = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST)
        raise (CannotWriteError if refused else InputOutputError)(f"{path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _nifti_bytes(volume: Volume, dtype: np.dtype[Any]) -> bytes:
    """Header and data of a NIfTI-1 file."""
    import nibabel

    array = volume.array
    if dtype.kind in "iu" and array.dtype != bool:
        limits, rounded = np.iinfo(dtype), np.rint(array.astype(np.float64))
        if rounded.min() < limits.min or rounded.max() > limits.max or not np.array_equal(rounded, array):
            raise ValueError(f"values from {array.min()} to {array.max()} are not all integers that {dtype} can hold")
    image = nibabel.Nifti1Image(array.astype(dtype), volume.affine)
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(volume.affine, code=1)
    image.set_qform(volume.affine, code=0 if _shears(volume.affine) else 1)
    content: bytes = image.to_bytes()
    return content


def _shears(affine: FloatArray) -> bool:
    """Whether the voxel axes are not at right angles."""
    axes = affine[:3, :3] / _lengths(affine)
    return not np.allclose(axes.T @ axes, np.eye(3), atol=1e-4)


# Grids


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
    old = _lengths(affine)
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
        Image. Label maps go through `lumirage_bids.label_transfer` instead.
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


def resample_isotropic(volume: Volume, spacing: float) -> Volume:
    """Resample linearly to cubic voxels of this spacing (mm); as it is where that differs by less than 1 %."""
    if np.all(np.abs(volume.spacing / spacing - 1) < NATIVE_TOLERANCE):
        return volume
    return resample(volume, *grid_for(volume.shape, volume.affine, spacing))


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
    return Volume(array=np.ascontiguousarray(volume.array[i, j, k]), affine=_shifted(volume.affine, start))


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
    return Volume(array=array, affine=_shifted(volume.affine, -before))


def _shifted(affine: FloatArray, start: npt.NDArray[np.int64]) -> FloatArray:
    """Affine of a grid whose first voxel is at index `start` of the old one."""
    new = np.array(affine, dtype=np.float64)
    new[:3, 3] += new[:3, :3] @ start
    return new


# Intensities


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


# Preparation


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
        Limits of winsorising, percentiles of the whole image after masking and before cropping, as published.
    crop : {"brain", "none"}
        Whether the grid is cut to the brain.
    margin_mm : float
        Kept on each side of the brain when cropping, mm.
    orientation : str
        Where the axes point: ``RAS``, ``LPS``, …
    multiple : int
        Every axis is padded with background at both ends to a multiple of so many voxels.
    """

    spacing: float | None = None
    skull_strip: bool = True
    percentiles: tuple[float, float] = (1, 99)
    crop: Literal["brain", "none"] = "brain"
    margin_mm: float = 10
    orientation: str = "RAS"
    multiple: int = 1

    def __post_init__(self) -> None:
        """Refuse what no scan can be prepared with."""
        if self.spacing is not None and not 0.05 <= self.spacing <= 50:
            raise UsageError(f"spacing is {self.spacing:g}; allowed: 0.05 to 50 mm, or nothing for the native one.")
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise UsageError(f"percentiles are {low:g} and {high:g}; allowed: 0 to 100, the lower one first.")
        if self.margin_mm < 0:
            raise UsageError(f"margin_mm is {self.margin_mm:g}; allowed: at least 0.")
        if len(self.orientation) != 3 or any(len({*self.orientation} & {*axis}) != 1 for axis in ("LR", "AP", "IS")):
            raise UsageError(f"orientation is {self.orientation!r}; allowed: a letter of each of L/R, A/P and I/S.")
        if not 1 <= self.multiple <= 512:
            raise UsageError(f"multiple is {self.multiple}; allowed: 1 to 512 voxels.")

    def sloppy(self) -> Self:
        """The same preparation at 3 mm or coarser, for trying things out."""
        return replace(self, spacing=max(self.spacing or 0.0, SLOPPY_SPACING))


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A prepared image (float32, in [0, 1]) and its brain mask (bool), on one grid."""

    image: Volume
    mask: Volume


def prepare(image: Volume, mask: Volume, preparation: Preparation) -> Prepared:
    """Reorient, resample, mask, winsorise over the whole image, scale to [0, 1] and crop, in this order.

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
        The mask does not overlap the image, or winsorising leaves no contrast.
    """
    image = reorient(image, preparation.orientation)
    if preparation.spacing is not None:
        image = resample_isotropic(image, preparation.spacing)
    inside = mask_on(mask, image)
    values = np.where(inside, image.array, 0) if preparation.skull_strip else image.array
    share, tail = inside.mean(), 1 - preparation.percentiles[1] / 100
    if preparation.skull_strip and share < 2 * tail:
        raise BadDataError(
            f"the brain fills {share:.2%} of the image, so winsorising at percentile {preparation.percentiles[1]:g} "
            "of the whole image would flatten it; crop the image's field of view or set percentiles = [0, 100]"
        )
    ready = Volume(array=rescale(winsorise(values, *preparation.percentiles)), affine=image.affine)
    region = Volume(array=inside, affine=image.affine)
    if preparation.crop == "brain":
        box = bounding_box(inside)
        ready, region = (crop(v, box, preparation.margin_mm) for v in (ready, region))
    return Prepared(image=pad_to(ready, preparation.multiple), mask=pad_to(region, preparation.multiple))


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
    array = mask.array > 0
    if not same_grid(mask, image):
        array = resample(replace(mask, array=array), image.shape, image.affine).array >= 0.5
    if not array.any():
        raise BadDataError("the brain mask and the image do not overlap; check the headers of both")
    return array
