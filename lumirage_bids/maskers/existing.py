"""A brain mask that came with the scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.maskers.base import Found, Masker
from lumirage_bids.spatial.grids import mask_on
from lumirage_bids.spatial.images import read_mask

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume

MOST = 0.95
"""Largest share of an image that a mask covers."""
FEWEST = 100
"""Fewest voxels of a brain."""


@dataclass(frozen=True, kw_only=True)
class ExistingMask(Masker):
    """Read the mask that was found for the scan, and carry it to the image's grid through the headers."""

    name: ClassVar[str] = "existing"
    summary: ClassVar[str] = "the mask that is given: …_desc-brain_mask in --derivatives, or by a protocol's pattern"
    phrase: ClassVar[str] = "were given"
    digest_name: ClassVar[str] = "ExistingMask"
    revision: ClassVar[int | None] = 1
    seconds: ClassVar[float] = 0.0

    def suits(self, scan: Scan) -> bool:
        """Whether there is one."""
        return scan.mask is not None

    def settles(self, scan: Scan) -> bool:
        """A mask that is given is never replaced."""
        return True

    def find(self, scan: Scan, image: Volume, context: Context) -> Found | None:
        """Read it; see `Masker.find`."""
        if scan.mask is None:
            return None
        mask = mask_on(read_mask(scan.mask.path), image)
        if mask.mean() > MOST or mask.sum() < FEWEST:
            raise BadDataError(
                f"{scan.mask.path}: the brain mask covers {mask.sum()} voxels, {mask.mean():.3%} of the image; no "
                f"brain does (allowed: at least {FEWEST} voxels, at most {MOST:.0%}). Give another mask with "
                '--derivatives NAME=PATH; a protocol\'s [masks] order = ["none"] registers whole images'
            )
        return Found(mask=mask, masker=self.name)
