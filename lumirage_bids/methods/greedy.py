"""FireANTs' greedy diffeomorphic registration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lumirage_bids.methods.fireants.deformable import Deformable

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context, Cost
    from lumirage_bids.spatial.images import Volume
    from lumirage_bids.spatial.transforms import Transform


@dataclass(frozen=True, kw_only=True)
class Greedy(Deformable):
    """One warp that carries the moving image to the fixed one, composed of small steps.

    References
    ----------
    Jena R, Chaudhari P, Gee JC. arXiv:2404.01249 (2024). FireANTs 1.5.
    """

    name: ClassVar[str] = "greedy"
    digest_name: ClassVar[str] = "Greedy"
    revision: ClassVar[int | None] = 1
    packages: ClassVar[tuple[str, ...]] = ("fireants", "torch")
    summary: ClassVar[str] = "FireANTs greedy: one diffeomorphic warp, local cross-correlation"
    phrase: ClassVar[str] = "FireANTs' greedy method, which finds one diffeomorphic warp"
    references: ClassVar[tuple[str, ...]] = ("jena2024fireants",)

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Register; see `Method.register`."""
        from lumirage_bids.methods.fireants import register as _run

        return _run.greedy(self, fixed, moving, context)

    def cost(self, voxels: int, device: str) -> Cost:
        """Measured on two CPU cores with images of 5.8 million voxels; a rough guess on CUDA."""
        return self._cost(voxels, device, seconds=0.10, bytes_per_voxel=165)
