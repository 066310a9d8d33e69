"""Intensity histograms of prepared images, kept in their sidecars."""

from __future__ import annotations

import numpy as np

from lumirage_bids.spatial.images import Volume

BINS = 64
"""Bins of equal width, from 0 to 1."""


def histogram(image: Volume, mask: Volume) -> list[int]:
    """Count the voxels of the brain by intensity.

    Parameters
    ----------
    image : Volume
        Prepared image, from 0 to 1.
    mask : Volume
        Brain mask on the same grid.

    Returns
    -------
    list of int
        `BINS` numbers that sum up to the voxels of the mask.
    """
    values = np.clip(image.array[mask.array > 0], 0, 1)
    return [int(n) for n in np.histogram(values, bins=BINS, range=(0, 1))[0]]
