"""Volumes: an array and its place in the world; read from files whatever they hold, written whole."""

from __future__ import annotations

import errno
import gzip
import logging
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError, CannotWriteError, InputOutputError
from lumirage_bids.spatial.headers import (
    check_header,
    check_whole,
    explaining,
    read_affine,
    step_lengths,
    take_one_volume,
)

LOGGER = logging.getLogger("lumirage")

FloatArray = npt.NDArray[np.float64]
Shape = tuple[int, int, int]
CLOSE = 1e-3
"""How far from an integer a label may be."""
MAX_STEP = 0.5
"""Longest step between the values of scaled integers that can be labels."""
MIN_CONTRAST = 1e-3
"""Smallest range of values, in parts of the largest, that float32 resolves well enough."""
FAR_MOVED = 1e6
"""Number of steps by which a header may move integers before float32 rounds these."""


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
        return step_lengths(self.affine)

    def move(self, motion: npt.NDArray[np.floating]) -> Volume:
        """The same voxels elsewhere: `motion`, shape (4, 4), takes its world to the new one (RAS+, mm)."""
        return replace(self, affine=np.asarray(motion @ self.affine, dtype=np.float64))


def read_image(path: Path | str, *, fill: bool = True) -> Volume:
    """Read an image.

    Voxels that are not finite become as dark as the darkest one, and a warning tells how many they are.

    Parameters
    ----------
    path : Path
        A file that nibabel reads, with one volume.
    fill : bool
        False to leave voxels that are not finite as they are, for who asks where they lie.

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
    path = Path(path)
    array, affine, steps = _read(path)
    array = array if steps else _to_single(array)  # integers are kept as they were read
    finite = np.isfinite(array)
    bad = array.size - int(finite.sum())
    if bad == array.size:
        raise BadDataError(
            f"{path}: every voxel is NaN, infinite or too large for float32 (3.4e38); give an image with contrast"
        )
    values = array[finite] if bad else array
    darkest = values.min()
    if bad and fill:
        LOGGER.warning(
            "%s: %d of %d voxels are not finite; they are taken as %g, the darkest value there is",
            path, bad, array.size, darkest,
        )  # fmt: skip
        array = np.where(finite, array, darkest)
    if darkest == values.max():
        raise BadDataError(
            f"{path}: every voxel has the same value, {darkest:g}, or differs by less than float32 can tell; give "
            "an image with contrast"
        )
    return Volume(array=array, affine=affine)


def _to_single(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Values as float32, where that leaves their contrast: small differences of large values stay float64."""
    if array.dtype != np.float64:
        return array
    with np.errstate(over="ignore", under="ignore"):
        single = array.astype(np.float32)
        finite = np.isfinite(single)
        values = array[finite]
        if not values.size or np.ptp(values) > MIN_CONTRAST * np.abs(values).max():
            return single
    return np.where(finite, array, single.astype(np.float64))


def read_grid(path: Path) -> tuple[Shape, FloatArray]:
    """Shape and affine (voxel indices to world coordinates, RAS+, mm) of an image; voxels are not read.

    Raises
    ------
    MissingInputError, BadDataError
        As for `read_image`.
    """
    import nibabel

    with explaining(path):
        image = take_one_volume(nibabel.load(path))
        x, y, z = image.shape[:3]
    return (x, y, z), read_affine(path, image)


def read_labels(path: Path | str) -> Volume:
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
        As for `read_image`; or a value is negative or further from an integer than 0.001 and half of the step of
        scaled integers; or all labels are 0.
    """
    path = Path(path)
    values, affine, steps = _read(path, as_stored=True)
    labels = values if values.dtype.kind in "biu" else _round(values, path, steps)
    if labels.min() < 0 or labels.max() > np.iinfo(np.int32).max:
        raise BadDataError(
            f"{path}: labels from {labels.min():.0f} to {labels.max():.0f}; they must be 0 to 2147483647"
        )
    if not labels.any():
        raise BadDataError(f"{path}: every label is 0; give a map with at least one structure")
    return Volume(array=np.ascontiguousarray(labels, dtype=np.int32), affine=affine)


def read_mask(path: Path | str, of: str = "brain", *, may_be_empty: bool = False) -> Volume:
    """Read a mask: a map as `read_labels` reads, of which all that is not 0 is brain, or what else it is of.

    Raises
    ------
    MissingInputError, BadDataError
        As for `read_labels`; the message speaks of a mask.
    """
    path = Path(path)
    try:
        return read_labels(path)
    except BadDataError:
        values, affine, _ = _read(path, as_stored=True)
    if may_be_empty and not values.any():
        return Volume(array=np.zeros(values.shape, np.int32), affine=affine)
    wrong = ~np.isfinite(values) | (values < 0) | (np.abs(values - np.rint(values)) > CLOSE)
    held = f"holds {values[wrong][0]:.6g}" if wrong.any() else "is 0 everywhere, or holds too large values"
    raise BadDataError(
        f"{path}: the {of} mask {held}; allowed: 0 outside the {of}, 1 inside. Threshold it, or give another one"
    )


def _round(values: npt.NDArray[Any], path: Path, step: float) -> npt.NDArray[Any]:
    """Labels stored as floating point numbers, or as integers times `step`, which must be close to integers."""
    if np.isinf(values).any():
        raise BadDataError(f"{path}: a label map must not hold infinity")
    if (empty := np.isnan(values)).any():
        if empty.all():
            raise BadDataError(f"{path}: the label map holds nothing but NaN")
        LOGGER.warning("%s: %d voxels are NaN; they are taken for background", path, empty.sum())
        values = np.where(empty, 0, values)
    labels = np.rint(values)
    off = np.abs(values - labels)
    # Labels that were saved with an integer header come back as multiples of a step, half of one off at most.
    allowed = CLOSE + (step / 2 if step <= MAX_STEP else 0)
    if off.max() > allowed:
        held = f"{path}: holds {values.flat[off.argmax()]:.6g}, but labels are integers; "
        if step:
            raise BadDataError(
                f"{held}the header scales what is stored by steps of {step:.6g}. If it was a label map, it was saved "
                "with the type of another image, and labels were lost: save it again from the original, as integers "
                "that are not scaled. Images and probability maps are no label maps"
            )
        raise BadDataError(f"{held}give a label map, neither an image nor a probability map")
    if off.max() > CLOSE:
        LOGGER.warning(
            "%s: labels are stored in steps of %.3g and up to %.3g off; the nearest integers are taken. Save label "
            "maps as integers.", path, step, off.max(),
        )  # fmt: skip
    return np.asarray(labels)


def _read(path: Path, *, as_stored: bool = False) -> tuple[npt.NDArray[Any], FloatArray, float]:
    """Values in C order, affine, and the step between neighbouring values (0: none) of a file with one volume.

    Values are float32, float64 where float32 would round integers; `as_stored` leaves integers that the header does
    not scale as they are.
    """
    import nibabel

    with explaining(path):
        image = take_one_volume(nibabel.load(path))
        check_header(path, image)
        image = check_whole(path, image)
        stored, slope = image.get_data_dtype(), getattr(image.dataobj, "slope", None)
        if as_stored and stored.kind in "iu" and slope == 1 and not image.dataobj.inter:
            array = np.asanyarray(image.dataobj)
        else:
            moved = slope is not None and abs(image.dataobj.inter) > FAR_MOVED * abs(slope)
            exact = moved or stored.itemsize > (2 if stored.kind in "iu" else 4)
            array = image.get_fdata(dtype=np.float64 if exact else np.float32, caching="unchanged")
    step = abs(float(slope)) if stored.kind in "iu" and slope is not None else 0.0
    return np.ascontiguousarray(array.reshape(array.shape[:3])), read_affine(path, image), step


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
            raw.flush()
            os.fsync(raw.fileno())  # some file systems put the new name on the disk before the content
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
    axes = affine[:3, :3] / step_lengths(affine)
    return not np.allclose(axes.T @ axes, np.eye(3), atol=1e-4)
