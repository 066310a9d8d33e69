"""Noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.spatial.perturbations.base import Kind

if TYPE_CHECKING:
    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class Noise(Kind):
    """Gaussian noise in the brain, independent from voxel to voxel; outside the mask the image stays as it is."""

    name: ClassVar[str] = "noise"
    summary: ClassVar[str] = "Gaussian noise in the brain"
    unit: ClassVar[str] = "of the brain's intensity range"
    largest: ClassVar[float] = 2.0

    def of(self, image: Volume, mask: Volume, size: float, rng: np.random.Generator) -> Volume:
        """Add noise with a standard deviation of `size` times the range."""
        inside = mask.array > 0
        low, high = np.percentile(image.array[inside], (1, 99))
        noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(size * (high - low))
        return replace(image, array=np.where(inside, image.array + noise, image.array))
