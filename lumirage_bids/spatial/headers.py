"""What the file of an image says of it, checked: packing, length, shape, place in the world, size of the voxels."""

from __future__ import annotations

import errno
import gzip
import logging
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.annex import has_content, in_place_of_file
from lumirage_bids.base.errors import BadDataError, InputOutputError, MissingInputError

if TYPE_CHECKING:
    import nibabel

LOGGER = logging.getLogger("lumirage")

FloatArray = npt.NDArray[np.float64]
MM = {"meter": 1e3, "micron": 1e-3}
"""Units of lengths that a NIfTI header may name, in mm; mm where it names none."""
VOXELS = (0.01, 50.0)
"""Shortest and longest side of a voxel that is believed, mm."""
SLACK = 1 << 20
"""Bytes that a file may hold after its last voxel."""


def step_lengths(affine: FloatArray) -> FloatArray:
    """Length of the step along each voxel axis, mm, shape (3,)."""
    return np.asarray(np.sqrt((np.asarray(affine)[:3, :3] ** 2).sum(axis=0)), dtype=np.float64)


def take_one_volume(image: Any) -> Any:
    """The image; where its header gives 0 for the length of a fourth or later axis, as a single volume."""
    from nibabel.arrayproxy import ArrayProxy

    more = image.shape[3:]
    if 0 not in more or max(more) > 1 or not isinstance(image.dataobj, ArrayProxy):
        return image
    proxy = image.dataobj
    spec = (image.shape[:3], proxy.dtype, proxy.offset, proxy.slope, proxy.inter)
    return type(image)(ArrayProxy(proxy.file_like, spec), image.affine, image.header)


def read_affine(path: Path, image: Any) -> FloatArray:
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
def explaining(path: Path) -> Iterator[None]:
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


def check_whole(path: Path, image: Any) -> Any:
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
        image = take_one_volume(type(image).from_bytes(bytes(content))) if needed <= there <= needed + SLACK else image
    if not needed <= there <= needed + SLACK:
        raise BadDataError(
            f"{path}: {there if there < needed else f'more than {needed + SLACK}'} bytes, but its header tells of "
            f"{needed} (shape {tuple(image.shape)}); probably truncated or damaged: get the file again"
        )
    return image


def check_header(path: Path, image: nibabel.spatialimages.SpatialImage) -> None:
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
