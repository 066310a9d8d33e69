"""Regions of an image and what tells brains from other ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lumirage_bids.maskers.base import Mask

MIN_SOLID = 0.5
"""Smallest share of its box that a brain fills; an ellipsoid fills 0.52, human brains 0.45 to 0.6 in oblique boxes."""


def largest_piece(region: Mask) -> Mask:
    """Largest connected piece, holes filled."""
    from scipy import ndimage

    pieces, number = ndimage.label(region)
    if number > 1:
        region = pieces == 1 + np.argmax(np.bincount(pieces.reshape(-1))[1:])
    # Much quicker than scipy's binary_fill_holes, to the same end.
    outside, number = ndimage.label(~region)
    reached = np.zeros(number + 1, dtype=bool)
    for axis in range(3):
        for end in (0, -1):
            reached[np.unique(np.take(outside, end, axis))] = True
    reached[0] = False
    return np.asarray(~reached[outside], dtype=bool)


def is_compact(region: Mask, affine: npt.NDArray[np.float64]) -> bool:
    """Whether a region fills an ellipsoid of its own principal axes as a brain does, however it lies in the image."""
    points = np.argwhere(region) @ affine[:3, :3].T
    half = np.sqrt(5 * np.linalg.eigvalsh(np.cov(points.T)))
    return bool(litres(region, affine) * 1e6 / (4 / 3 * np.pi * half.prod()) >= MIN_SOLID)


def litres(region: Mask, affine: npt.NDArray[np.float64]) -> float:
    """Volume of a region, litre."""
    return float(region.sum() * abs(np.linalg.det(affine[:3, :3]))) * 1e-6
