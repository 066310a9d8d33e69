"""Volumes: an array and its place in the world; read from files whatever they hold, written whole."""

from __future__ import annotations

import errno
import gzip
import logging
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.annex import has_content, in_place_of_file
from lumirage_bids.base.errors import BadDataError, CannotWriteError, InputOutputError, MissingInputError

if TYPE_CHECKING:
    import nibabel

LOGGER = logging.getLogger("lumirage")

FloatArray = npt.NDArray[np.float64]
Shape = tuple[int, int, int]
MM = {"meter": 1e3, "micron": 1e-3}
"""Units of lengths that a NIfTI header may name, in mm; mm where it names none."""
VOXELS = (0.01, 50.0)
"""Shortest and longest side of a voxel that is believed, mm."""
CLOSE = 1e-3
"""How far from an integer a label may be."""
MAX_STEP = 0.5
"""Longest step between the values of scaled integers that can be labels."""
MIN_CONTRAST = 1e-3
"""Smallest range of values, in parts of the largest, that float32 resolves well enough."""
FAR_MOVED = 1e6
"""Number of steps by which a header may move integers before float32 rounds these."""
SLACK = 1 << 20
"""Bytes that a file may hold after its last voxel."""


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

    def moved(self, motion: npt.NDArray[np.floating]) -> Volume:
        """The same voxels elsewhere: `motion`, shape (4, 4), takes its world to the new one (RAS+, mm)."""
        return replace(self, affine=np.asarray(motion @ self.affine, dtype=np.float64))


def step_lengths(affine: FloatArray) -> FloatArray:
    """Length of the step along each voxel axis, mm, shape (3,)."""
    return np.asarray(np.sqrt((np.asarray(affine)[:3, :3] ** 2).sum(axis=0)), dtype=np.float64)


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

    with _explaining(path):
        image = _one_volume(nibabel.load(path))
        x, y, z = image.shape[:3]
    return (x, y, z), _affine(path, image)


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

    with _explaining(path):
        image = _one_volume(nibabel.load(path))
        _check_header(path, image)
        image = _check_whole(path, image)
        stored, slope = image.get_data_dtype(), getattr(image.dataobj, "slope", None)
        if as_stored and stored.kind in "iu" and slope == 1 and not image.dataobj.inter:
            array = np.asanyarray(image.dataobj)
        else:
            moved = slope is not None and abs(image.dataobj.inter) > FAR_MOVED * abs(slope)
            exact = moved or stored.itemsize > (2 if stored.kind in "iu" else 4)
            array = image.get_fdata(dtype=np.float64 if exact else np.float32, caching="unchanged")
    step = abs(float(slope)) if stored.kind in "iu" and slope is not None else 0.0
    return np.ascontiguousarray(array.reshape(array.shape[:3])), _affine(path, image), step


def _one_volume(image: Any) -> Any:
    """The image; where its header gives 0 for the length of a fourth or later axis, as a single volume."""
    from nibabel.arrayproxy import ArrayProxy

    more = image.shape[3:]
    if 0 not in more or max(more) > 1 or not isinstance(image.dataobj, ArrayProxy):
        return image
    proxy = image.dataobj
    spec = (image.shape[:3], proxy.dtype, proxy.offset, proxy.slope, proxy.inter)
    return type(image)(ArrayProxy(proxy.file_like, spec), image.affine, image.header)


def _affine(path: Path, image: Any) -> FloatArray:
    """Affine in mm, whatever unit the header names."""
    from nibabel.nifti1 import unit_codes

    affine = np.array(image.affine, dtype=np.float64)
    # Lengths are the lowest three bits. NiBabel's own reading fails on codes that NIfTI has none for, of times as well.
    code = int(image.header["xyzt_units"]) % 8 if "xyzt_units" in image.header else unit_codes["mm"]
    unit = unit_codes.label.get(code, "unknown")
    factor = MM.get(unit, 1.0)
    if not (_plausible(affine) or _plausible(affine * factor)):
        lengths = " × ".join(f"{length:.4g}" for length in step_lengths(affine) * factor)
        raise BadDataError(
            f"{path}: voxels of {lengths} mm; allowed: {VOXELS[0]:g} to {VOXELS[1]:g} mm. Repair the header: its "
            "affine, or xyzt_units where lengths are in metres or micrometres"
        )
    if factor == 1:
        return affine
    if _plausible(affine) and not _plausible(affine * factor):
        LOGGER.warning(
            "%s: the header gives lengths in %s, which would make voxels of %.4g mm; they are taken as mm",
            path, unit, step_lengths(affine).max() * factor,
        )  # fmt: skip
        return affine
    LOGGER.warning("%s: the header gives lengths in %s; they are converted to mm", path, unit)
    affine[:3] *= factor
    return affine


def _plausible(affine: FloatArray) -> bool:
    """Whether voxels have a size that images of heads and brains have."""
    lengths = step_lengths(affine)
    return bool(lengths.min() >= VOXELS[0] and lengths.max() <= VOXELS[1])


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    """Turn what goes wrong with reading an image into errors that say what to do."""
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    try:
        if not has_content(path):
            elsewhere = " here (datalad get fetches its content)" if os.path.lexists(path) else ""
            raise MissingInputError(f"{path}: no such file{elsewhere}")
        check_packing(path)  # nibabel calls it a bad image when a file cannot be opened
        yield
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            raise MissingInputError(f"{path}: {error.strerror}; check who may read it") from error
        if error.errno and error.errno not in (errno.EINVAL, errno.ENODATA, errno.EISDIR):
            raise InputOutputError(f"{path}: {error.strerror}") from error
        raise BadDataError(f"{path}: cannot be read, probably truncated ({error})") from error
    except (ImageFileError, HeaderDataError, WrapStructError, EOFError, zlib.error, ValueError) as error:
        raise BadDataError(f"{path}: cannot be read as an image ({error})") from error


def check_packing(path: Path) -> None:
    """Look at the first four bytes of a file: whether it is packed by gzip, as its name says.

    Raises
    ------
    BadDataError
        It is though its name does not say so, or the reverse; or it is no file at all but a folder or a named pipe.
    OSError
        It cannot be opened.
    """
    if other := in_place_of_file(path):
        raise BadDataError(f"{path}: is {other}, not a file; put the image there, or remove it")
    with path.open("rb", buffering=0) as file:
        first = file.read(4)
    if path.name.endswith(".nii") and first.startswith(b"\x1f\x8b"):
        raise BadDataError(f"{path}: is packed by gzip; rename it to {path.name}.gz")
    header = {n.to_bytes(4, order) for n in (348, 540) for order in ("little", "big")}
    if path.name.endswith(".nii.gz") and first in header:
        raise BadDataError(f"{path}: is not packed by gzip; rename it to {path.name.removesuffix('.gz')}")


def _check_whole(path: Path, image: Any) -> Any:
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
        image = _one_volume(type(image).from_bytes(bytes(content))) if needed <= there <= needed + SLACK else image
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
    first = getattr(image.header, "single_vox_offset", 0) if getattr(image.header, "is_single", False) else 0
    if getattr(image.dataobj, "offset", first) < first:
        raise BadDataError(
            f"{path}: voxels begin at byte {image.dataobj.offset}, which is in the header itself; repair its "
            f"vox_offset: {first} or more"
        )
    linear = np.asarray(image.affine, dtype=np.float64)[:3, :3]
    lengths = step_lengths(linear)
    if not np.isfinite(image.affine).all() or abs(np.linalg.det(linear)) < 1e-6 * max(lengths.prod(), 1e-12):
        raise BadDataError(f"{path}: the affine {np.round(linear, 4).tolist()} is singular; repair the header")
    if "sform_code" in image.header and image.header["sform_code"] == image.header["qform_code"] == 0:
        LOGGER.warning("%s: the header does not place it in the world; its orientation is a guess of nibabel's", path)
    if (apart := _places_apart(image)) > lengths.min() / 2:
        LOGGER.warning(
            "%s: sform and qform of the header place it up to %.3g mm apart; the sform counts. A label map by a "
            "program that goes by the qform lies elsewhere: look at them together", path, apart,
        )  # fmt: skip


def _places_apart(image: Any) -> float:
    """How far apart the two affines of a NIfTI header place a corner of the image, mm; 0 where there are not two."""
    from nibabel.spatialimages import HeaderDataError

    if "sform_code" not in image.header or not (image.header["sform_code"] > 0 and image.header["qform_code"] > 0):
        return 0.0
    try:
        qform = image.header.get_qform()
    except HeaderDataError:  # no rotation: nobody can go by it
        return 0.0
    corners = np.array([*product(*((0, n - 1) for n in image.shape[:3]))])
    apart = (image.header.get_sform() - qform)[:3]
    return float(np.linalg.norm(corners @ apart[:, :3].T + apart[:, 3], axis=1).max())


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
