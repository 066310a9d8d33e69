"""LUMirage: evaluate deformable image registration on BIDS datasets under identical conditions."""

from __future__ import annotations

__version__ = "0.2.0"
