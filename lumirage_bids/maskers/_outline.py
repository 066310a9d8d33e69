"""What lies beneath the outline of an image's foreground: scalp and skull, or brain. Loaded lazily."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lumirage_bids.maskers._regions import litres
from lumirage_bids.maskers.base import Mask
from lumirage_bids.spatial.grids import bounding_box, crop, resample_isotropic
from lumirage_bids.spatial.images import Volume

SPACING, BRAIN = 2.0, 1.2
"""Step of the rays in a region of a human brain's volume, mm and litre; in smaller regions it is smaller. Skulls get
lost in voxels that are coarser along all axes: at 3 and 4 mm, heads have from 0.12 on."""
TOLERANCE = 1.05
RAYS = 3000
"""Number of rays, from places of the outline that are chosen at random."""
STEPS = 16
"""Steps that a ray goes inwards."""
SHALLOW = 10
"""First of its steps beneath which skull is not looked for."""
OUTER = slice(1, 5)
"""Steps that lie in scalp and skull, which are dark together where fat was suppressed."""
DIM = 0.5
"""Part of the median of the foreground that is dark."""
DARK = 0.6
"""Part of what is brighter further out and further in, at most, that a skull has."""
BRIGHT = 0.4
"""Part of the median of the foreground that these have at least."""


def beneath_outline(image: Volume, region: Mask) -> float | None:
    """Share of the outline of a region beneath which it looks like the scalp and skull of a head, not like brain.

    Rays go inwards from the outline, but not from where a plane cuts the region off. Beneath scalp there is skull: a
    dark layer between brighter ones; or, where fat was suppressed, all is dark to the depth of the brain. Beneath the
    outline of a brain there are sulci here and there.

    Parameters
    ----------
    image : Volume
        An affine change of its intensities does not matter.
    region : array of bool, shape of the image
        Without its background.

    Returns
    -------
    float or None
        0 to 1; 1 where there is no outline, None where the voxels are too coarse.
    """
    box = bounding_box(region)
    image = crop(image, box)
    region = crop(Volume(array=region, affine=image.affine), box).array
    step = SPACING * min(1.0, (litres(region, image.affine) / BRAIN) ** (1 / 3))
    if image.spacing.min() > TOLERANCE * step:
        return None
    seen = np.where(region, image.array - np.percentile(image.array[region], 1), 0).astype(np.float32)
    values = resample_isotropic(Volume(array=seen, affine=image.affine), step).array
    inside = resample_isotropic(Volume(array=region.astype(np.float32), affine=image.affine), step).array >= 0.5
    outline = np.argwhere(inside & ~ndimage.binary_erosion(inside, border_value=1))
    if not len(outline):
        return 1.0
    if len(outline) > RAYS:
        outline = outline[np.random.default_rng(0).choice(len(outline), RAYS, replace=False)]
    smooth = ndimage.gaussian_filter(inside.astype(np.float32), 3.0, mode="nearest")
    inwards = np.stack([slope[tuple(outline.T)] for slope in np.gradient(smooth)], axis=1)
    inwards /= np.maximum(np.linalg.norm(inwards, axis=1, keepdims=True), 1e-9)
    points = outline[:, None] + inwards[:, None] * np.arange(STEPS)[:, None]
    values = ndimage.gaussian_filter(np.where(inside, values, 0), 0.5) / np.median(values[inside])
    along = ndimage.map_coordinates(values, points.reshape(-1, 3).T, order=1, mode="nearest").reshape(-1, STEPS)
    further_out = np.maximum.accumulate(along, axis=1)
    further_in = np.maximum.accumulate(along[:, ::-1], axis=1)[:, ::-1]
    around = np.minimum(further_out, further_in)
    skull = ((along < DARK * around) & (around > BRIGHT))[:, :SHALLOW].any(axis=1)
    return float((skull | (along[:, OUTER] < DIM).all(axis=1)).mean())
