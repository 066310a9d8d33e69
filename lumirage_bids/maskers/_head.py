"""What a whole head tells of a mask: how deep its border lies, and what is beyond it. Loaded lazily."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from lumirage_bids.maskers._template_fit import COARSE, down_to_the_skin, level, remove_bias
from lumirage_bids.spatial.grids import resample, resample_isotropic
from lumirage_bids.spatial.images import Volume

if TYPE_CHECKING:
    from lumirage_bids.maskers.base import Mask

SPACING = 2.0
"""Spacing at which intensities about a border are compared, mm."""
SKIN_SPACING = 3.0
"""Spacing at which the skin is looked for, mm."""
WITHIN, BEYOND = 4.0, 5.0
"""How far within and beyond a mask's border intensities are looked at, mm."""
REACH = 3.0
"""Standard deviation of the neighbourhood over which they are averaged, mm."""
BRAIN = (5, 95)
"""Percentiles of the intensities deep in the mask between which it looks like brain."""


class Head:
    """A whole head of any contrast."""

    def __init__(self, image: Volume) -> None:
        self.image = image

    @cached_property
    def _fine(self) -> Volume:
        """The head without its bias field, from 0 to 1."""
        coarse = level(resample_isotropic(self.image, COARSE))
        return remove_bias(level(resample_isotropic(self.image, SPACING)), coarse)

    def border_depth(self, mask: Mask) -> float:
        """Median distance of the border of a mask from the outside of the head, mm; 0 where there is no border.

        What the image's edge cuts off counts as inside.
        """
        fine = level(resample_isotropic(self.image, SKIN_SPACING))
        inside = self._carry_to(mask, fine)
        border = inside & ~ndimage.binary_erosion(inside)
        depth = ndimage.distance_transform_edt(down_to_the_skin(fine), sampling=fine.spacing)
        return float(np.median(depth[border])) if border.any() else 0.0

    def alike_beyond(self, mask: Mask) -> float:
        """Share of the border of a mask beyond which it looks like brain: small for right ones, in any contrast.

        A brain ends at CSF and bone, so what is there is seldom as bright as brain. A mask that ends within the brain
        has more of it beyond; one that ends in the scalp has scalp.
        """
        fine = self._fine
        inside = self._carry_to(mask, fine)
        border = inside & ~ndimage.binary_erosion(inside)
        out = ndimage.distance_transform_edt(~inside, sampling=fine.spacing)
        deep = ndimage.distance_transform_edt(inside, sampling=fine.spacing) > WITHIN
        if not border.any() or not deep.any():
            return 0.0
        low, high = np.percentile(fine.array[deep], BRAIN)
        shell = (out > 0) & (out < BEYOND)
        sigma = REACH / fine.spacing
        weight = ndimage.gaussian_filter(shell.astype(np.float64), sigma)
        near = ndimage.gaussian_filter(np.where(shell, fine.array, 0).astype(np.float64), sigma)
        seen = border & (weight > 1e-3)  # not where the image ends
        values = near[seen] / weight[seen]
        return float(((values >= low) & (values <= high)).sum() / border.sum())

    def _carry_to(self, mask: Mask, grid: Volume) -> Mask:
        whole = Volume(array=mask.astype(np.float32), affine=self.image.affine)
        return np.asarray(resample(whole, grid.shape, grid.affine).array >= 0.5, dtype=bool)
