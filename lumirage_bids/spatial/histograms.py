"""Intensity histograms of prepared images, kept in their sidecars."""

from __future__ import annotations

import numpy as np

from lumirage_bids.spatial.images import Volume

BINS = 64
"""Bins of equal width, from 0 to 1, or between `LIMITS`."""

LIMITS = (0.5, 99.5)
"""Percentiles of a brain's intensities between which the bins of an image lie that is not normalised."""


def histogram(image: Volume, mask: Volume, *, normalised: bool = True) -> list[int]:
    """Count the voxels of the brain by intensity.

    Parameters
    ----------
    image : Volume
        Prepared image, from 0 to 1 where it is normalised; what lies beyond the bins counts to the outermost.
    mask : Volume
        Brain mask on the same grid.

    Returns
    -------
    list of int
        `BINS` numbers that sum up to the voxels of the mask.
    """
    values = image.array[mask.array > 0]
    low, high = (0, 1) if normalised else np.percentile(values, LIMITS)
    return [int(n) for n in np.histogram(np.clip(values, low, high), bins=BINS, range=(low, high))[0]]
