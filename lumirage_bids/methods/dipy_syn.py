"""DIPY's symmetric diffeomorphic registration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.methods.base import Cost
from lumirage_bids.methods.programs.one_grid import Displacements, ImagesOnGrid, OnOneGrid, tell_absent
from lumirage_bids.methods.programs.pyramid import check_values, list_levels, million_voxels, rule_for

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context


@dataclass(frozen=True, kw_only=True)
class DipySyn(OnOneGrid):
    """SyN with local cross-correlation as DIPY has it, from the start that all methods get.

    The defaults are DIPY's own; ``iterations`` those of its documentation's example with two brains.

    Attributes
    ----------
    radius : int
        Of the cubic window of the cross-correlation, voxels.
    sigma : float
        Standard deviation of the Gaussian on the update, voxels.
    iterations : tuple of int
        Largest number at each level, coarse to fine; the levels are shrunk by powers of two, the last by 1.
    step : float
        Length of the largest step of an iteration, voxels.

    References
    ----------
    Garyfallidis E et al. DIPY, a library for the analysis of diffusion MRI data. Front Neuroinform 8:8 (2014).
    doi:10.3389/fninf.2014.00008
    Avants BB, Epstein CL, Grossman M, Gee JC. Symmetric diffeomorphic image registration with cross-correlation. Med
    Image Anal 12:26-41 (2008). doi:10.1016/j.media.2007.06.004
    """

    name: ClassVar[str] = "dipy_syn"
    digest_name: ClassVar[str] = "DipySyn"
    revision: ClassVar[int | None] = 1
    packages: ClassVar[tuple[str, ...]] = ("dipy",)
    summary: ClassVar[str] = "DIPY's SyN: symmetric diffeomorphic, local cross-correlation, CPU"
    phrase: ClassVar[str] = "DIPY's SyN, symmetric and diffeomorphic, with local cross-correlation"
    references: ClassVar[tuple[str, ...]] = ("garyfallidis2014", "avants2008")

    radius: int = 4
    sigma: float = 2.0
    iterations: tuple[int, ...] = (10, 10, 5)
    step: float = 0.25

    def __post_init__(self) -> None:
        """Refuse values that DIPY would fail on."""
        rules = {
            "radius": (1 <= self.radius <= 20, "1 to 20 voxels"),
            "sigma": (self.sigma >= 0, "at least 0"),
            "iterations": rule_for(self.iterations),
            "step": (self.step > 0, "above 0"),
        }
        check_values(self, rules)

    @property
    def effort(self) -> tuple[tuple[int, int], ...]:
        """Levels shrunk by powers of two."""
        return list_levels(self.iterations)

    def missing(self, context: Context) -> str | None:
        """The package, where it is not installed."""
        return tell_absent("dipy", "dipy")

    def similarity_for(self, *, multimodal: bool) -> str:
        """Name of the similarity measure that is optimised."""
        return "lncc"

    def _levels(self, shape: tuple[int, ...]) -> list[int]:
        """Iterations of those levels at which windows fit into an image of this shape."""
        fit = [n for factor, n in list_levels(self.iterations) if min(shape) // factor > 2 * self.radius + 1]
        return fit or [self.iterations[-1]]

    def displace(self, images: ImagesOnGrid, context: Context) -> Displacements:
        """Call DIPY."""
        from dipy.align.imwarp import SymmetricDiffeomorphicRegistration
        from dipy.align.metrics import CCMetric

        metric = CCMetric(3, sigma_diff=self.sigma, radius=self.radius)
        made = SymmetricDiffeomorphicRegistration(
            metric, level_iters=self._levels(images.fixed.shape), step_length=self.step
        )
        made.verbosity = 0
        world = np.diag([*images.spacing, 1.0])
        found = made.optimize(
            images.fixed.astype(np.float64), images.moving.astype(np.float64),
            static_grid2world=world, moving_grid2world=world,
        )  # fmt: skip
        fields = (found.get_forward_field(), found.get_backward_field())
        return Displacements(*(np.asarray(field, dtype=np.float32) for field in fields))

    def cost(self, voxels: int, device: str) -> Cost:
        """Measured on two CPU cores at 2 mm; it has no use for a GPU."""
        work = million_voxels(self.iterations, voxels)
        return Cost(seconds=5 + work * 8, memory_gb=0.5 + voxels * 400e-9)
