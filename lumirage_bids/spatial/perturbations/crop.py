"""A field of view that ends in the brain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.spatial.perturbations.base import Kind
from lumirage_bids.spatial.perturbations.slices import inferior_superior

if TYPE_CHECKING:
    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class Crop(Kind):
    """The lower part of the brain is not in the image: background there, as where a field of view ends.

    Labels are scored in the whole brain all the same: what a method makes of what it does not see counts.
    """

    name: ClassVar[str] = "crop"
    summary: ClassVar[str] = "field of view that lacks the lowest part of the brain"
    unit: ClassVar[str] = "of the brain's height"
    largest: ClassVar[float] = 0.9

    def of(self, image: Volume, mask: Volume, size: float, rng: np.random.Generator) -> Volume:
        """Put background below a height."""
        axis = inferior_superior(image.affine)
        up = np.moveaxis(np.array(image.array, dtype=np.float32), axis, 0)
        inside = np.moveaxis(mask.array > 0, axis, 0)
        if image.affine[2, axis] < 0:
            up, inside = up[::-1], inside[::-1]
        taken = np.flatnonzero(inside.any(axis=(1, 2)))
        height = taken[-1] + 1 - taken[0]
        up[: taken[0] + round(size * height)] = min(0.0, float(image.array.min()))
        up = up[::-1] if image.affine[2, axis] < 0 else up
        return replace(image, array=np.ascontiguousarray(np.moveaxis(up, 0, axis)))
