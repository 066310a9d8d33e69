"""Where the brain is: a mask that came with the scan, the region that is not 0, or the template's mask."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from lumirage_bids.errors import BadDataError
from lumirage_bids.images import Volume, mask_on, read_labels, resample

if TYPE_CHECKING:
    from lumirage_bids.registration.base import Context
    from lumirage_bids.scans import Scan

MaskSource = Literal["existing", "skull-stripped", "template"]
Mask = npt.NDArray[np.bool_]

BRAIN_LITRES = (0.02, 2.2)
"""Volumes of primate brains with their CSF; macaques have about 0.1 l, the largest humans about 2 l."""
HUMAN_LITRES = (0.5, 2.2)
"""Volumes that the template's mask may take on: human brains only."""
MIN_ZERO = 0.2
"""Smallest share of exact zeros in a skull-stripped image."""
MAX_FACE = 0.1
"""Largest share of a face of the image's box that a skull-stripped brain may touch; necks take up more."""
MIN_SOLID = 0.5
"""Smallest share of its box that a brain fills; an ellipsoid fills 0.52, human brains 0.45 to 0.6 in oblique boxes."""
MIN_INSIDE = 0.9
"""Smallest share of the template's brain that the image must cover."""
MIN_EXPLAINED = 0.25
"""Smallest correlation ratio of a fit of the template."""


def brain_mask(scan: Scan, image: Volume, context: Context) -> tuple[Volume, MaskSource]:
    """Find the brain.

    Parameters
    ----------
    scan : Scan
        Whose brain; its mask file, if it has one, comes first.
    image : Volume
        Its image as it came.
    context : Context
        Not needed so far: each way is quick and gives the same mask for any number of threads.

    Returns
    -------
    mask : Volume
        uint8, 1 in the brain, on the image's grid.
    source : str
        ``existing``, ``skull-stripped`` or ``template``.

    Raises
    ------
    BadDataError
        There is no plausible mask.
    """
    source: MaskSource
    if scan.mask is not None:
        mask, source = mask_on(read_labels(scan.mask.path), image), "existing"
    elif scan.brain is not None or scan.skull_stripped:
        mask, source = _declared(scan, image), "skull-stripped"
    elif (found := skull_stripped_region(image)) is not None:
        mask, source = found, "skull-stripped"
    else:
        mask, source = template_mask(image, scan.relative), "template"
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


def template_mask(image: Volume, name: str) -> Mask:
    """Carry the MNI152 template's brain mask to a whole head by an affine map, and check it.

    Parameters
    ----------
    image : Volume
        A whole human head.
    name : str
        For messages.

    Raises
    ------
    BadDataError
        The result cannot be the brain.
    """
    from lumirage_bids.segmentation._template import FINE, fit_template, load_template

    matrix, quality = fit_template(image)
    template = load_template(FINE).mask
    moved = replace(template, affine=matrix @ template.affine)
    mask: Mask = resample(moved, image.shape, image.affine).array >= 0.5
    expected = float(moved.array.sum()) * _voxel_litres(moved)
    litres = float(mask.sum()) * _voxel_litres(image)
    problems = []
    if not HUMAN_LITRES[0] <= expected <= HUMAN_LITRES[1]:
        problems.append(f"it has {expected:.2f} l, allowed are {HUMAN_LITRES[0]} to {HUMAN_LITRES[1]} l")
    if litres < MIN_INSIDE * expected:
        problems.append(f"only {litres / expected:.0%} of it lie inside the image")
    if quality < MIN_EXPLAINED:
        problems.append(
            f"the template explains {quality:.2f} of the image's variance, at least {MIN_EXPLAINED} is needed"
        )
    if problems:
        raise BadDataError(
            f"{name}: no plausible brain mask could be made from the template: {'; '.join(problems)}. Give one with "
            "--derivatives NAME=PATH (…_desc-brain_mask.nii.gz), or a skull-stripped image"
        )
    return mask


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
