"""Perturbations: what a method gets to see instead of a prepared image, one module a kind, found here."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.parameters import discover
from lumirage_bids.spatial.perturbations.base import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lumirage_bids.spatial.images import Volume

__all__ = ["Kind", "Perturbation", "kinds"]


@cache
def kinds() -> Mapping[str, type[Kind]]:
    """Every kind of perturbation, by name."""
    return MappingProxyType(discover(__name__, Kind))  # type: ignore[type-abstract]


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """How the moving image is made worse before a method sees it. Alignment, masks, labels and scores are not touched.

    Attributes
    ----------
    kind : str
        One of `kinds`.
    size : float
        How much, in the unit of the kind.
    seed : int
        Of what is drawn at random, together with the name of the scan: the same for all methods and sizes.
    """

    digest_name: ClassVar[str] = "Perturbation"

    kind: str
    size: float
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse kinds that there are not, and sizes that they do not have."""
        known = kinds()
        if self.kind not in known:
            raise UsageError(f"kind is {self.kind!r}; allowed: {', '.join(known)}.")
        largest = known[self.kind].largest
        if not 0 < self.size <= largest:
            raise UsageError(
                f"size is {self.size:g}; allowed for {self.kind}: above 0, up to {largest:g} ({known[self.kind].unit})."
            )
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}; allowed: whole numbers from 0.")

    @property
    def revision(self) -> int:
        """Revision of the kind."""
        return kinds()[self.kind].revision

    @property
    def words(self) -> str:
        """In a few words, for the tables.

        Examples
        --------
        >>> Perturbation(kind="rotation", size=20).words
        'rotation 20 degrees'
        """
        return f"{self.kind} {self.size:g} {kinds()[self.kind].unit}"

    def of(self, image: Volume, mask: Volume, scan: str) -> Volume:
        """Perturb the prepared image of a scan, see `Kind.of`."""
        rng = np.random.default_rng([self.seed, zlib.crc32(scan.encode())])
        return kinds()[self.kind]().of(image, mask, self.size, rng)
