"""Where the brain is: a mask that came with the scan, the region that is not 0, or one carried over."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lumirage_bids.errors import BadDataError
from lumirage_bids.grids import mask_on
from lumirage_bids.images import Volume, read_image, read_labels
from lumirage_bids.segmentation._whole_head import carried_mask, template_mask

if TYPE_CHECKING:
    from lumirage_bids.registration.base import Context
    from lumirage_bids.scans import Scan

logger = logging.getLogger("lumirage")

Mask = npt.NDArray[np.bool_]

BRAIN_LITRES = (0.02, 2.2)
"""Volumes of primate brains with their CSF; macaques have about 0.1 l, the largest humans about 2 l."""
MIN_ZERO = 0.2
"""Smallest share of exact zeros in a skull-stripped image."""
MAX_FACE = 0.1
"""Largest share of a face of the image's box that a skull-stripped brain may touch; necks take up more."""
MIN_SOLID = 0.5
"""Smallest share of its box that a brain fills; an ellipsoid fills 0.52, human brains 0.45 to 0.6 in oblique boxes."""


def brain_mask(scan: Scan, image: Volume, context: Context) -> tuple[Volume, str]:
    """Find the brain.

    Parameters
    ----------
    scan : Scan
        Whose brain; its mask file, if it has one, comes first.
    image : Volume
        Its image as it came.
    context : Context
        Device and threads of an alignment to the session's T1w scan.

    Returns
    -------
    mask : Volume
        uint8, 1 in the brain, on the image's grid.
    source : str
        ``existing``, ``skull-stripped`` or ``template``; with ``T1w-`` before it where that is the mask of the
        session's T1w scan, carried over.

    Raises
    ------
    BadDataError
        There is no plausible mask.
    """
    if scan.mask is not None:
        mask, source = mask_on(read_labels(scan.mask.path), image), "existing"
    elif scan.brain is not None or scan.skull_stripped:
        mask, source = _declared(scan, image), "skull-stripped"
    elif (found := skull_stripped_region(image)) is not None:
        mask, source = found, "skull-stripped"
    else:
        mask, source = _of_whole_head(scan, image, context)
    return Volume(array=mask.astype(np.uint8), affine=image.affine), source


def skull_stripped_region(image: Volume) -> Mask | None:
    """The brain of a skull-stripped image, recognised by its data; None for any other image.

    Exact zeros are many and make up the border, and the largest piece of the rest, holes filled, has the volume of a
    brain and is compact.
    """
    if (image.array == 0).mean() < MIN_ZERO:
        return None
    region = _largest_piece(image.array != 0)
    return region if _brain_like(region, image) else None


def _of_whole_head(scan: Scan, image: Volume, context: Context) -> tuple[Mask, str]:
    """The mask of the session's T1w scan where its content is here and that works out, else the template's."""
    if scan.lender is not None and scan.lends:
        try:
            return _lent(scan.lender, image, context)
        except BadDataError as error:
            logger.warning(
                "%s: the brain mask of its session's T1w scan %s could not be carried over: %s. The template's is "
                "fitted to it instead.", scan.relative, scan.lender.relative, error,
            )  # fmt: skip
    return template_mask(image, scan.relative), "template"


def _lent(lender: Scan, image: Volume, context: Context) -> tuple[Mask, str]:
    """The mask of another scan of the same head."""
    head = read_image(lender.path)
    # A brain alone may end up anywhere in a head.
    if lender.skull_stripped or skull_stripped_region(head) is not None:
        raise BadDataError("that one is skull-stripped, and whole heads are aligned")
    theirs, source = brain_mask(lender, read_image(lender.brain.path) if lender.brain else head, context)
    return carried_mask(image, head, theirs, context), f"T1w-{source}"


def _declared(scan: Scan, image: Volume) -> Mask:
    """Non-zero region of an image that is said to be skull-stripped.

    Raises
    ------
    BadDataError
        It is not: the background is not 0.
    """
    region = _largest_piece(image.array != 0)
    if region.mean() > 0.95:
        raise BadDataError(
            f"{(scan.brain or scan).relative} is said to be skull-stripped, but {region.mean():.0%} of its voxels are "
            "not 0; correct SkullStripped in its sidecar or give a mask with --derivatives NAME=PATH"
        )
    return region


def _largest_piece(region: Mask) -> Mask:
    """Largest connected piece, holes filled."""
    from scipy import ndimage

    pieces, number = ndimage.label(region)
    if number > 1:
        region = pieces == 1 + np.argmax(np.bincount(pieces.reshape(-1))[1:])
    return np.asarray(ndimage.binary_fill_holes(region), dtype=bool)


def _brain_like(region: Mask, image: Volume) -> bool:
    """Whether a region has the volume of a primate brain, is compact, and ends inside the image."""
    litres = float(region.sum()) * _voxel_litres(image)
    if not BRAIN_LITRES[0] <= litres <= BRAIN_LITRES[1]:
        return False
    faces = (np.take(region, end, axis=axis).mean() for axis in range(3) for end in (0, -1))
    if max(faces) > MAX_FACE:
        return False
    # Principal axes make the answer independent of how the head lies in the image.
    points = np.argwhere(region) @ image.affine[:3, :3].T
    half = np.sqrt(5 * np.linalg.eigvalsh(np.cov(points.T)))
    return bool(litres * 1e6 / (4 / 3 * np.pi * half.prod()) >= MIN_SOLID)


def _voxel_litres(volume: Volume) -> float:
    """Volume of a voxel, litre."""
    return float(abs(np.linalg.det(volume.affine[:3, :3]))) * 1e-6
