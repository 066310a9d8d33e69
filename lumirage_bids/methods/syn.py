"""FireANTs' symmetric diffeomorphic registration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lumirage_bids.methods.fireants.deformable import Deformable

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context, Cost
    from lumirage_bids.spatial.images import Volume
    from lumirage_bids.spatial.transforms import Transform


@dataclass(frozen=True, kw_only=True)
class Syn(Deformable):
    """Two warps that carry both images to each other half-way, each with half of greedy's step.

    The result is the fixed image's warp, inverted, followed by the moving image's.

    References
    ----------
    Jena R, Chaudhari P, Gee JC. arXiv:2404.01249 (2024). FireANTs 1.5.
    Avants BB, Epstein CL, Grossman M, Gee JC. Med Image Anal 12:26-41 (2008). doi:10.1016/j.media.2007.06.004
    """

    name: ClassVar[str] = "syn"
    digest_name: ClassVar[str] = "Syn"
    revision: ClassVar[int | None] = 1
    packages: ClassVar[tuple[str, ...]] = ("fireants", "torch")
    summary: ClassVar[str] = "FireANTs SyN: two diffeomorphic warps that meet half-way, local cross-correlation"
    phrase: ClassVar[str] = "FireANTs' SyN, which finds two diffeomorphic warps that meet half-way"
    references: ClassVar[tuple[str, ...]] = ("jena2024fireants", "avants2008")

    step: float = 0.375

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Register; see `Method.register`."""
        from lumirage_bids.methods.fireants import register as _run

        return _run.syn(self, fixed, moving, context)

    def cost(self, voxels: int, device: str) -> Cost:
        """Measured on two CPU cores with images of 5.8 million voxels; a rough guess on CUDA."""
        return self._cost(voxels, device, seconds=0.17, bytes_per_voxel=245)
