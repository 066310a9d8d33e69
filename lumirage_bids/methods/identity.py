"""No registration: the start as it is, which every other method is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lumirage_bids.methods.base import Cost, Method
from lumirage_bids.spatial.transforms import Transform

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class Identity(Method):
    """Leaves the moving scan where its start (baked into its affine) has put it."""

    name: ClassVar[str] = "identity"
    digest_name: ClassVar[str] = "Identity"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "no deformation: the start itself"
    phrase: ClassVar[str] = "the start itself, without any deformation, as the floor of the comparison"

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Return the identity."""
        return Transform(())

    def cost(self, voxels: int, device: str) -> Cost:
        """Nothing beyond the two images."""
        return Cost(seconds=0.01, memory_gb=0.3 + voxels * 8e-9)
