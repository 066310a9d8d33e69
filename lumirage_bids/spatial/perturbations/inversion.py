"""Contrast that is turned over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.spatial.perturbations.base import Kind

if TYPE_CHECKING:
    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class Inversion(Kind):
    """The brain mixed with its own negative: at 0.5 there is no contrast left, at 1 what was bright is dark."""

    name: ClassVar[str] = "inversion"
    summary: ClassVar[str] = "contrast of the brain turned over"
    unit: ClassVar[str] = "of the negative in the mixture"
    largest: ClassVar[float] = 1.0

    def of(self, image: Volume, mask: Volume, size: float, rng: np.random.Generator) -> Volume:
        """Mix the image with its negative between the 1st and 99th percentile of the brain."""
        inside = mask.array > 0
        low, high = np.percentile(image.array[inside], (1, 99))
        negative = np.clip(low + high - image.array, low, high)
        mixed = (1 - size) * image.array + size * negative
        return replace(image, array=np.where(inside, mixed, image.array).astype(np.float32))
