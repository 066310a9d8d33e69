"""elastix: B-splines, mutual information, stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lumirage_bids.methods.base import Cost
from lumirage_bids.methods.programs.one_grid import Displacements, ImagesOnGrid, OnOneGrid, run_child, tell_absent
from lumirage_bids.methods.programs.pyramid import check_values

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context


@dataclass(frozen=True, kw_only=True)
class Elastix(OnOneGrid):
    """elastix by ITKElastix, its B-spline stage alone, from the start that all methods get.

    The parameters are those of the map that elastix itself calls ``bspline``, but for the ones below, whose defaults
    are that map's too: Mattes' mutual information with a penalty on bending, random samples of the image at every
    iteration. It shrinks no image but smooths it, by less at each resolution.

    Attributes
    ----------
    final_spacing : float
        Distance of the B-splines' control points at the last resolution, mm.
    resolutions : int
        Number of them.
    iterations, samples : int
        At each.

    References
    ----------
    Klein S, Staring M, Murphy K, Viergever MA, Pluim JPW. elastix: a toolbox for intensity-based medical image
    registration. IEEE Trans Med Imaging 29:196-205 (2010). doi:10.1109/TMI.2009.2035616
    """

    name: ClassVar[str] = "elastix"
    digest_name: ClassVar[str] = "Elastix"
    revision: ClassVar[int | None] = 1
    packages: ClassVar[tuple[str, ...]] = ("itk-elastix",)
    summary: ClassVar[str] = "elastix: B-splines, mutual information, CPU"
    phrase: ClassVar[str] = "elastix' B-spline registration with mutual information"
    references: ClassVar[tuple[str, ...]] = ("klein2010",)

    final_spacing: float = 10.0
    resolutions: int = 4
    iterations: int = 256
    samples: int = 2048

    def __post_init__(self) -> None:
        """Refuse values that elastix would fail on."""
        rules = {
            "final_spacing": (0.1 <= self.final_spacing <= 1000, "0.1 to 1000 mm"),
            "resolutions": (1 <= self.resolutions <= 9, "1 to 9"),
            "iterations": (self.iterations >= 1, "at least 1"),
            "samples": (self.samples >= 100, "at least 100"),
        }
        check_values(self, rules)

    @property
    def uses_seed(self) -> bool:
        """It draws samples."""
        return True

    def missing(self, context: Context) -> str | None:
        """The package, where it is not installed."""
        return tell_absent("itk-elastix", "elastix")

    def similarity_for(self, *, multimodal: bool) -> str:
        """Name of the similarity measure that is optimised."""
        return "mi"

    def displace(self, images: ImagesOnGrid, context: Context) -> Displacements:
        """Call elastix in a process of its own, as SetNumberOfThreads(2) crashes it (0.25.4).

        It gets one thread: with two it finds something else.
        """
        told = (self.final_spacing, self.resolutions, self.iterations, self.samples, context.seed)
        one_thread = {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
        return Displacements(run_child("_elastix_child.py", images, told, context, one_thread))

    def cost(self, voxels: int, device: str) -> Cost:
        """Measured on two CPU cores; samples count more than voxels; it has no use for a GPU."""
        seconds = self.resolutions * self.iterations * self.samples * 8e-6
        return Cost(seconds=5 + seconds + voxels * 5e-6, memory_gb=0.6 + voxels * 200e-9)
