"""The contract of a masker: a scan and its image in, the brain out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from lumirage_bids.methods.base import Found

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume

__all__ = ["Found", "Mask", "Masker"]

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Masker(ABC):
    """One way to find the brain in a scan.

    A subclass is a frozen dataclass in a file of its own whose fields are its parameters: defaults, the
    ``[masks.NAME]`` table of a protocol and the cache key at once. Label maps are never looked at: what is scored may
    not shape what is registered.

    Attributes
    ----------
    name, summary : str
        How users and sidecars call it, and one line about it.
    references : tuple of str
        Keys of `lumirage_bids.base.publications` that whoever uses its masks should cite.
    human : bool
        Whether it knows human brains only.
    digest_name : str
        Name in digests.
    revision : int or None
        Raised when its masks change, so that those who got one are made again. A masker that does not set it counts by
        its source: whatever is edited there, its masks are made again.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    references: ClassVar[tuple[str, ...]] = ()
    phrase: ClassVar[str] = ""
    """What a methods section says of its masks, after "Brain masks": ``were given``; by default that it made them."""
    human: ClassVar[bool] = False
    seconds: ClassVar[float] = 10.0
    """What a scan takes on one core, s; for estimates."""
    digest_name: ClassVar[str]
    revision: ClassVar[int | None] = None

    def missing(self, context: Context) -> str | None:
        """Say what is missing to run here and how to get it; None when nothing is."""
        return None

    def suits(self, scan: Scan) -> bool:
        """Whether it can be tried on a scan, as far as names and sidecars tell."""
        return True

    def settles(self, scan: Scan) -> bool:
        """Whether a scan that it suits gets no mask of another masker: what it refuses is refused."""
        return False

    @abstractmethod
    def find(self, scan: Scan, image: Volume, context: Context) -> Found | None:
        """Find the brain.

        Parameters
        ----------
        scan : Scan
            Whose brain.
        image : Volume
            Its image as it came, but for fill outside what was seen, which is as dark as the darkest of it
            (`lumirage_bids.spatial.fill`); not changed. An affine change of its intensities changes no mask, nor does
            the order in which its voxels are stored.
        context : Context
            Device, threads and scratch folder; they may not change the mask.

        Returns
        -------
        Found or None
            None where the image is not of the kind that this masker is for.

        Raises
        ------
        BadDataError
            It is of that kind, but the result cannot be the brain; the message says why.
        """
