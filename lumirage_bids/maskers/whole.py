"""No mask: all of the image counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.maskers.base import Found, Masker

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class Whole(Masker):
    """Take the whole image for the brain: for experiments with whole heads, or with anything else than brains."""

    name: ClassVar[str] = "none"
    summary: ClassVar[str] = "no mask: the whole image is registered; only where a protocol asks for it"
    digest_name: ClassVar[str] = "NoMask"
    revision: ClassVar[int | None] = 1
    seconds: ClassVar[float] = 0.0

    def find(self, scan: Scan, image: Volume, context: Context) -> Found | None:
        """Everything; see `Masker.find`."""
        return Found(mask=np.ones(image.shape, dtype=bool), masker=self.name)
