"""FireANTs as a library: a quiet import, true headers in, displacements in mm out.

FireANTs works in normalised coordinates: -1 to 1 between the outermost voxel centres of a grid, components in the order
x, y, z, arrays in the order z, y, x. Loaded only while a method runs, so torch is imported at the top.

References
----------
Jena R, Chaudhari P, Gee JC. FireANTs: adaptive Riemannian optimization for multi-scale diffeomorphic matching.
arXiv:2404.01249 (2024).
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from lumirage_bids.base.errors import BadDataError, LumirageError

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume

log = logging.getLogger(__name__)

MINIMUM_SIZE = 32
"""Voxels along an axis below which FireANTs enlarges an image instead of halving it; smaller images are padded."""


class _Relay(logging.Handler):
    """Passes FireANTs' log records on to ours, for ``--verbose`` only."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the message at the lowest level."""
        log.debug("FireANTs: %s", record.getMessage())


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send what FireANTs prints and logs to our debug log, and undo what its import does to the root logger."""
    root, theirs = logging.getLogger(), logging.getLogger("fireants")
    level, handlers = root.level, list(root.handlers)
    theirs.propagate, theirs.handlers = False, [_Relay()]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
        for line in printed.getvalue().splitlines():
            log.debug("FireANTs: %s", line)


def prepare_torch(context: Context) -> torch.device:
    """Set the number of threads and return the device to work on.

    Raises
    ------
    LumirageError
        When CUDA is asked for and there is none.
    """
    device = torch.device(context.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise LumirageError(f"Device {context.device!r} was asked for, but torch sees no CUDA device. Use cpu.")
    torch.set_num_threads(context.threads)
    return device


def fits_kernels(tensor: torch.Tensor) -> bool:
    """Whether our compiled loops can work on a tensor: they are for single precision on a CPU."""
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32


def to_world(affine: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Matrix (4, 4) from the normalised coordinates of a grid to its world coordinates (RAS+, mm)."""
    half = (np.array(shape, dtype=np.float64) - 1) / 2
    voxel = np.eye(4)
    voxel[:3, :3] = np.diag(half)
    voxel[:3, 3] = half
    return np.asarray(affine, dtype=np.float64) @ voxel


def padded_shape(volume: Volume) -> tuple[int, ...]:
    """Shape of the volume when zeros at the far ends make every axis long enough for FireANTs."""
    return tuple(max(n, MINIMUM_SIZE) for n in volume.shape)


def batch(*channels: Volume, origin: npt.ArrayLike, device: torch.device, unit: float = 1.0, copies: int = 1) -> Any:
    """Hand a volume to FireANTs with its true affine, shear included.

    Parameters
    ----------
    *channels : Volume
        One volume, or several on one grid that are the channels of an image. Not changed; zeros are added at the far
        ends of axes shorter than `MINIMUM_SIZE`.
    origin : array, shape (3,)
        World point (mm) to work around: FireANTs keeps matrices in single precision.
    unit : float
        Length of FireANTs' unit of length, mm.
    copies : int
        How many times the batch holds the image.

    Returns
    -------
    fireants.io.image.BatchedImages
    """
    from fireants.io.image import BatchedImages

    first, *others = (_image(v, origin=origin, device=device, unit=unit) for v in channels)
    if others:
        first.concatenate(*others)
    return BatchedImages([first] * copies)


def check_finite(volume: Volume) -> npt.NDArray[np.float32]:
    """Intensities of an image to be registered.

    Raises
    ------
    BadDataError
        When some are not finite.
    """
    array = np.asarray(volume.array, dtype=np.float32)
    if not np.isfinite(array).all():
        raise BadDataError("An image to be registered has values that are not finite. Prepare it first.")
    return array


def _image(volume: Volume, *, origin: npt.ArrayLike, device: torch.device, unit: float) -> Any:
    """One channel as FireANTs has images."""
    import SimpleITK
    from fireants.io.image import Image

    array = check_finite(volume)
    array = np.pad(array, [(0, p - n) for p, n in zip(padded_shape(volume), array.shape, strict=True)])
    affine = np.asarray(volume.affine, dtype=np.float64)
    return Image(
        SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T)),
        device=str(device),
        spacing=np.ones(3),
        direction=affine[:3, :3] / unit,
        origin=(affine[:3, 3] - np.asarray(origin, dtype=np.float64)) / unit,
    )


def centre(volume: Volume) -> npt.NDArray[np.float64]:
    """World point (mm) in the middle of the grid, shape (3,)."""
    return to_world(volume.affine, volume.shape)[:3, 3]
