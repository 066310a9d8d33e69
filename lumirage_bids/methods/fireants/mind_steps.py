"""Self-similarity context on a CPU: its fields, their comparison, and the way back to the image.

Each step works on slabs of planes in several threads. A step that adds to planes beyond its slab takes every other slab
first and the rest afterwards, so that no two threads meet and what a voxel gets does not depend on the threads. The
words are those of `mind`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lumirage_bids.methods.fireants import mind_kernels as kernels
from lumirage_bids.methods.fireants.compiled import SLAB, each_slab

if TYPE_CHECKING:
    from lumirage_bids.methods.fireants.mind import Direction

Float32 = npt.NDArray[np.float32]
Gradients = tuple[Float32 | None, Float32 | None]


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The steps for one shape of image and one choice of patch and edges.

    Attributes
    ----------
    shape : tuple of int
        Z, Y, X of the image.
    radius, dilation : int
        Of the patch and of the neighbourhood, voxels; the latter at most `SLAB`.
    directions : sequence of Direction
    threads : int
    """

    shape: tuple[int, ...]
    radius: int
    dilation: int
    directions: Sequence[Direction]
    threads: int

    def loss_and_gradients(
        self, images: tuple[Float32, Float32], limits: tuple[float, float], needed: tuple[bool, bool]
    ) -> tuple[float, Gradients]:
        """Mean squared difference of two images' descriptors, and its derivatives by those images that need one."""
        one, two = (self.features(image, limits) for image in images)
        # An array without voxels stands for derivatives that nobody wants.
        by_one, by_two = (np.zeros(one.fields.shape if n else (0, 0, 0, 0), np.float32) for n in needed)
        loss = self.compare(one, two, by_one, by_two)
        del one, two
        first = self.gradient(images[0], by_one) if needed[0] else None
        second = self.gradient(images[1], by_two) if needed[1] else None
        return loss, (first, second)

    def describe(self, image: Float32, limits: tuple[float, float]) -> Float32:
        """Describe an image; shape (edges, Z, Y, X)."""
        features, places = self.features(image, limits), self._places()
        out = np.empty((places[..., 0].size, *self.shape), dtype=np.float32)
        each_slab(self.shape[0], self.threads, lambda lo, hi: kernels.describe(features, places, lo, hi, out))
        return out

    def features(self, image: Float32, limits: tuple[float, float]) -> kernels.Features:
        """Fields of an image, and the limits of its variance, which are given as multiples of the mean variance."""
        padded = np.pad(image, self.radius + self.dilation, mode="edge")
        ends = [self._ends(padded, d) for d in self.directions]
        fields = np.empty((len(ends), *(n + self.dilation for n in image.shape)), dtype=np.float32)
        places = self._places()

        def fill(lo: int, hi: int) -> None:
            for (first, second), field in zip(ends, fields, strict=True):
                kernels.patch_distance(first, second, self.radius, lo, hi, field)

        each_slab(fields.shape[1], self.threads, fill)
        variances = each_slab(image.shape[0], self.threads, lambda lo, hi: kernels.sum_variance(fields, places, lo, hi))
        mean = sum(variances) / image.size
        # Without contrast distances are zero, and so is what they are divided by: any number will do.
        unit = mean if mean * limits[0] > np.finfo(np.float32).tiny else 1.0
        return kernels.Features(fields, np.float32(unit * limits[0]), np.float32(unit * limits[1]))

    def compare(self, one: kernels.Features, two: kernels.Features, by_one: Float32, by_two: Float32) -> float:
        """Mean squared difference of two descriptors; adds its derivatives by the fields of both, where not empty."""
        places = self._places()
        scale = 1 / (places[..., 0].size * math.prod(self.shape))
        total = self._each_other_slab(
            self.shape[0],
            lambda lo, hi: float(kernels.compare(one, two, places, np.float32(2 * scale), lo, hi, by_one, by_two)),
        )
        return total * scale

    def gradient(self, image: Float32, by_field: Float32) -> Float32:
        """Derivatives by the image, shape (Z, Y, X), from the derivatives by its fields."""
        margin = self.radius + self.dilation
        padded = np.pad(image, margin, mode="edge")
        out = np.zeros_like(padded)
        ends = [(*self._ends(padded, d), *self._ends(out, d)) for d in self.directions]

        def spread(lo: int, hi: int) -> float:
            for field, (first, second, by_first, by_second) in zip(by_field, ends, strict=True):
                kernels.spread(field, first, second, self.radius, lo, hi, by_first, by_second)
            return 0.0

        self._each_other_slab(ends[0][0].shape[0], spread)
        return fold(out, margin)

    def _places(self) -> npt.NDArray[np.intp]:
        """Where the first voxel finds its two edges of each direction in the field, shape (6, 2, 3)."""
        return np.array([d.places for d in self.directions], dtype=np.intp)

    def _ends(self, padded: Float32, direction: Direction) -> tuple[Float32, Float32]:
        """Parts of the padded image where the edges of a direction begin and end."""
        size = [n + self.dilation + 2 * self.radius for n in self.shape]
        first, second = (
            padded[tuple(slice(start, start + n) for start, n in zip(corner, size, strict=True))]
            for corner in (direction.tail, direction.head)
        )
        return first, second

    def _each_other_slab(self, planes: int, work: Callable[[int, int], float]) -> float:
        """Sum what `work` gives for every slab, neighbouring slabs never at the same time."""
        even = each_slab(planes, self.threads, lambda lo, hi: 0.0 if lo // SLAB % 2 else work(lo, hi))
        odd = each_slab(planes, self.threads, lambda lo, hi: work(lo, hi) if lo // SLAB % 2 else 0.0)
        return float(sum(even) + sum(odd))


def fold(padded: Float32, margin: int) -> Float32:
    """Add what lies beyond the border to the voxel that was replicated there: the adjoint of padding by replication.

    Examples
    --------
    >>> fold(np.ones((3, 3, 4), np.float32), 1)
    array([[[18., 18.]]], dtype=float32)
    """
    for _ in range(padded.ndim):
        padded[margin] += padded[:margin].sum(axis=0)
        padded[-margin - 1] += padded[-margin:].sum(axis=0)
        padded = np.moveaxis(padded[margin:-margin], 0, -1)
    return np.ascontiguousarray(padded)
