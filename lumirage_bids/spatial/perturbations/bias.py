"""A bias field."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.spatial.perturbations.base import Kind

if TYPE_CHECKING:
    from lumirage_bids.spatial.images import Volume

_WAVES = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1))
"""Half waves along the three axes of the brain's box: as smooth as a coil's sensitivity."""


@dataclass(frozen=True, kw_only=True)
class Bias(Kind):
    """A smooth factor on the intensities, as receive coils leave it, between 1/(1 + size) and 1 + size in the brain."""

    name: ClassVar[str] = "bias"
    summary: ClassVar[str] = "a smooth field that the intensities are multiplied by"
    unit: ClassVar[str] = "brighter at most"
    largest: ClassVar[float] = 9.0

    def of(self, image: Volume, mask: Volume, size: float, rng: np.random.Generator) -> Volume:
        """Multiply by a random mixture of half cosine waves over the brain's box."""
        inside = mask.array > 0
        weights, phases = rng.standard_normal(len(_WAVES)), rng.uniform(0, np.pi, len(_WAVES))
        along = [_place_along(inside, axis) for axis in range(3)]
        x, y, z = np.ix_(*along)
        field = np.zeros(image.shape)
        for weight, phase, (i, j, k) in zip(weights, phases, _WAVES, strict=True):
            field += weight * np.cos(np.pi * (i * x + j * y + k * z) + phase)
        low, high = field[inside].min(), field[inside].max()
        evened = (2 * field - low - high) / (high - low)
        factor = np.exp(np.log1p(size) * np.clip(evened, -1, 1))
        return replace(image, array=np.asarray(image.array * factor, dtype=np.float32))


def _place_along(inside: np.ndarray, axis: int) -> np.ndarray:
    """Place of each voxel along an axis, 0 to 1 within the brain's box."""
    taken = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
    first, last = int(taken[0]), int(taken[-1])
    return (np.arange(inside.shape[axis]) - first) / max(1, last - first)
