"""Thick slices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.spatial.perturbations.base import Kind

if TYPE_CHECKING:
    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class Slices(Kind):
    """Axial slices of a thickness: means over it, at that distance, and lines in between.

    The grid stays, so that a method sees as many voxels as before; what they hold is that of a scan of thick slices.
    """

    name: ClassVar[str] = "slices"
    summary: ClassVar[str] = "thick axial slices"
    unit: ClassVar[str] = "mm thick"
    largest: ClassVar[float] = 50.0

    def of(self, image: Volume, mask: Volume, size: float, rng: np.random.Generator) -> Volume:
        """Take means over slabs and interpolate between their middles."""
        axis = inferior_superior(image.affine)
        stack = np.moveaxis(np.asarray(image.array, dtype=np.float32), axis, 0)
        n, step = len(stack), size / image.spacing[axis]
        if step <= 1:
            return image
        ends = np.append(np.arange(0, n, step), n)
        sums = np.concatenate([np.zeros_like(stack[:1]), np.cumsum(stack, axis=0, dtype=np.float64)])
        whole = np.minimum(ends.astype(int), n - 1)
        reached = sums[whole] + (ends - whole)[:, None, None] * stack[whole]
        slabs, middles = np.diff(reached, axis=0) / np.diff(ends)[:, None, None], (ends[1:] + ends[:-1]) / 2 - 0.5
        place = np.clip(np.interp(np.arange(n), middles, np.arange(len(middles))), 0, len(middles) - 1)
        low = np.minimum(place.astype(int), max(0, len(middles) - 2))
        share = (place - low)[:, None, None]
        high = np.minimum(low + 1, len(middles) - 1)
        thick = slabs[low] * (1 - share) + slabs[high] * share
        return replace(image, array=np.moveaxis(thick, 0, axis).astype(np.float32))


def inferior_superior(affine: np.ndarray) -> int:
    """Voxel axis that points most up or down."""
    return int(np.argmax(np.abs(affine[2, :3]) / np.linalg.norm(affine[:3, :3], axis=0)))
