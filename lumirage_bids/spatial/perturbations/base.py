"""The contract of a kind of perturbation: a prepared image in, the image as a method gets to see it out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np

    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class Kind(ABC):
    """One way in which an image can be worse than its scan, in steps that have a size.

    A subclass is a file of its own in this package.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    unit: ClassVar[str]
    """Of the size: ``mm``, ``degrees``, or what it is a share of."""
    largest: ClassVar[float]
    """Largest size that is allowed; the smallest is above 0, which is no perturbation."""
    revision: ClassVar[int] = 1
    """Raised when it makes another image, so that registrations that saw it are made again."""

    @abstractmethod
    def of(self, image: Volume, mask: Volume, size: float, rng: np.random.Generator) -> Volume:
        """Perturb an image.

        Parameters
        ----------
        image : Volume
            Prepared image, float32.
        mask : Volume
            Its brain mask, on the same grid; every value but 0 is inside.
        size : float
            In `unit`.
        rng : Generator
            The same for all sizes, so that a larger perturbation is more of the same.

        Returns
        -------
        Volume
            As many voxels; with another affine where the head is moved.
        """
