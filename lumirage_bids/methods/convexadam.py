"""ConvexAdam: MIND, a discrete search, then gradient descent."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from math import lcm
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from lumirage_bids.methods.base import Cost
from lumirage_bids.methods.networks.grid import padded_grid
from lumirage_bids.methods.programs.one_grid import Displacements, ImagesOnGrid, OnOneGrid, tell_absent
from lumirage_bids.methods.programs.pyramid import check_values

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class ConvexAdam(OnOneGrid):
    """ConvexAdam on MIND descriptors, without a network, from the start that all methods get.

    The defaults are its authors' at 1 mm. Theirs count in voxels; here distances of control points and the reach of the
    search are told in mm, as they would be three times as large on images of 3 mm.

    Attributes
    ----------
    grid : float
        Distance of the search's control points, mm; rounded to whole voxels, one at least.
    reach : float
        How far the search looks along each axis, mm; rounded to whole distances of control points.
    mind_radius, mind_dilation : int
        Of the descriptors' windows and neighbours, voxels.
    smoothness : float
        Weight of the diffusion penalty of the gradient descent.
    iterations : int
        Of the gradient descent.
    fine_grid : float
        Distance of its control points, mm; rounded to whole voxels, one at least.

    References
    ----------
    Siebert H, Großbröhmer C, Hansen L, Heinrich MP. ConvexAdam: self-configuring dual-optimisation-based 3D multitask
    medical image registration. IEEE Trans Med Imaging 44:738-748 (2025). doi:10.1109/TMI.2024.3462248
    """

    name: ClassVar[str] = "convexadam"
    digest_name: ClassVar[str] = "ConvexAdam"
    revision: ClassVar[int | None] = 1
    packages: ClassVar[tuple[str, ...]] = ("convexAdam", "torch")
    summary: ClassVar[str] = "ConvexAdam on MIND: a discrete search, then gradient descent, CPU and CUDA"
    phrase: ClassVar[str] = "ConvexAdam on MIND descriptors, a discrete search followed by gradient descent"
    references: ClassVar[tuple[str, ...]] = ("siebert2025",)

    grid: float = 6.0
    reach: float = 24.0
    mind_radius: int = 1
    mind_dilation: int = 2
    smoothness: float = 1.25
    iterations: int = 80
    fine_grid: float = 2.0

    def __post_init__(self) -> None:
        """Refuse values that ConvexAdam would fail on."""
        rules = {
            "grid": (0.1 <= self.grid <= 100, "0.1 to 100 mm"),
            "reach": (0.1 <= self.reach <= 200, "0.1 to 200 mm"),
            "mind_radius": (1 <= self.mind_radius <= 5, "1 to 5 voxels"),
            "mind_dilation": (1 <= self.mind_dilation <= 5, "1 to 5 voxels"),
            "smoothness": (self.smoothness > 0, "above 0"),
            "iterations": (self.iterations >= 1, "at least 1"),
            "fine_grid": (0.1 <= self.fine_grid <= 100, "0.1 to 100 mm"),
        }
        check_values(self, rules)

    def missing(self, context: Context) -> str | None:
        """The package, where it is not installed."""
        return tell_absent("convexAdam", "convexadam")

    def similarity_for(self, *, multimodal: bool) -> str:
        """Name of the similarity measure that is optimised."""
        return "mind"

    def steps(self, spacing: npt.NDArray[np.float64]) -> tuple[int, int, int]:
        """Distance of the search's control points in voxels, its reach in such distances, and that of the descent's.

        Parameters
        ----------
        spacing : array, shape (3,)
            Size of the voxels, mm; where they are not cubes their geometric mean counts.

        Examples
        --------
        >>> [ConvexAdam().steps(np.full(3, mm)) for mm in (0.6, 1, 3, 10)]
        [(10, 4, 3), (6, 4, 2), (2, 4, 1), (1, 2, 1)]
        """
        voxel = float(np.prod(spacing) ** (1 / 3))
        grid, fine = (max(1, round(mm / voxel)) for mm in (self.grid, self.fine_grid))
        return grid, max(1, round(self.reach / (grid * voxel))), fine

    def place(self, fixed: Volume) -> Volume:
        """The fixed image's own grid, with whole distances of control points along its axes."""
        grid, _, fine = self.steps(fixed.spacing)
        return padded_grid(fixed, lcm(grid, fine))

    def displace(self, images: ImagesOnGrid, context: Context) -> Displacements:
        """Call ConvexAdam."""
        import torch

        torch.set_num_threads(context.threads)
        grid, reach, fine = self.steps(images.spacing)
        with warnings.catch_warnings():  # importing it silences all warnings
            from convexAdam.convex_adam_MIND import convex_adam_pt

            warnings.simplefilter("ignore")
            field = convex_adam_pt(
                torch.from_numpy(images.fixed),
                torch.from_numpy(images.moving),
                mind_r=self.mind_radius,
                mind_d=self.mind_dilation,
                lambda_weight=self.smoothness,
                grid_sp=grid,
                disp_hw=reach,
                selected_niter=self.iterations,
                grid_sp_adam=fine,
                dtype=torch.float32,  # half precision, its default on a GPU, rounds displacements to 1/64 voxel
                device=torch.device(context.device),
            )
        return Displacements(np.asarray(field * images.spacing, dtype=np.float32))

    def sloppy(self) -> ConvexAdam:
        """Return the same method with a quarter of its iterations; with fewer it comes to no rest."""
        return replace(self, iterations=-(-self.iterations // 4))

    def cost(self, voxels: int, device: str) -> Cost:
        """Measured on two CPU cores at 1 and 3 mm; a guess for a GPU."""
        seconds = 2 + voxels * (6.5e-6 + self.iterations * 1e-7)
        return Cost(seconds=seconds / (10 if device.startswith("cuda") else 1), memory_gb=0.8 + voxels * 350e-9)
