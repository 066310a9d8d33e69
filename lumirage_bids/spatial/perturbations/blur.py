"""Blur."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.spatial.perturbations.base import Kind

if TYPE_CHECKING:
    from lumirage_bids.spatial.images import Volume

FWHM = float(np.sqrt(8 * np.log(2)))
"""Full width at half maximum of a Gaussian with a standard deviation of 1."""


@dataclass(frozen=True, kw_only=True)
class Blur(Kind):
    """A Gaussian of a full width at half maximum, the same along all axes."""

    name: ClassVar[str] = "blur"
    summary: ClassVar[str] = "Gaussian blur"
    unit: ClassVar[str] = "mm full width at half maximum"
    largest: ClassVar[float] = 50.0

    def of(self, image: Volume, mask: Volume, size: float, rng: np.random.Generator) -> Volume:
        """Blur the image."""
        from scipy.ndimage import gaussian_filter

        blurred = gaussian_filter(
            np.asarray(image.array, dtype=np.float32), size / FWHM / image.spacing, mode="nearest"
        )
        return replace(image, array=blurred)
