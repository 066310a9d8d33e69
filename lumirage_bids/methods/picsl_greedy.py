"""PICSL's greedy diffeomorphic registration, the program of ITK-SNAP's authors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from lumirage_bids.methods.base import Cost
from lumirage_bids.methods.programs.one_grid import Array, Displacements, ImagesOnGrid, OnOneGrid, tell_absent
from lumirage_bids.methods.programs.pyramid import check_values, list_levels, million_voxels, rule_for, take_tenth

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context


@dataclass(frozen=True, kw_only=True)
class PicslGreedy(OnOneGrid):
    """PICSL greedy, deformable, by the authors' Python package, from the start that all methods get.

    The defaults are those that its documentation recommends for deformable registration of brains: NCC with windows
    of 2 voxels to each side, 100, 50 and 10 iterations, everything else as the program has it.

    Attributes
    ----------
    metric : str
        ``ncc``: normalised cross-correlation in windows; ``ssd``: squared differences.
    radius : int
        Of the windows, voxels; a window has 2 radius + 1 to a side.
    iterations : tuple of int
        At each level, coarse to fine; the levels are shrunk by powers of two, the last by 1.
    step : float
        Largest step of an iteration, voxels of the level.
    smooth_gradient, smooth_warp : float
        Standard deviation of the Gaussians on the update and on the whole warp, voxels of the level.

    References
    ----------
    Yushkevich PA et al. Fast automatic segmentation of hippocampal subfields and medial temporal lobe subregions in 3
    Tesla and 7 Tesla T2-weighted MRI. Alzheimers Dement 12:P126-P127 (2016). doi:10.1016/j.jalz.2016.06.205
    """

    name: ClassVar[str] = "picsl_greedy"
    digest_name: ClassVar[str] = "PicslGreedy"
    revision: ClassVar[int | None] = 1
    packages: ClassVar[tuple[str, ...]] = ("picsl-greedy",)
    summary: ClassVar[str] = "PICSL greedy: diffeomorphic, local cross-correlation, CPU"
    phrase: ClassVar[str] = "PICSL's greedy program, diffeomorphic, with local cross-correlation"
    references: ClassVar[tuple[str, ...]] = ("yushkevich2016",)

    metric: Literal["ncc", "ssd"] = "ncc"
    radius: int = 2
    iterations: tuple[int, ...] = (100, 50, 10)
    step: float = 1.0
    smooth_gradient: float = 1.7320508
    smooth_warp: float = 0.7071068

    def __post_init__(self) -> None:
        """Refuse values that the program would fail on."""
        rules = {
            "radius": (1 <= self.radius <= 20, "1 to 20 voxels"),
            "iterations": rule_for(self.iterations),
            "step": (self.step > 0, "above 0"),
            "smooth_gradient": (self.smooth_gradient >= 0, "at least 0"),
            "smooth_warp": (self.smooth_warp >= 0, "at least 0"),
        }
        check_values(self, rules)

    @property
    def effort(self) -> tuple[tuple[int, int], ...]:
        """Levels shrunk by powers of two."""
        return list_levels(self.iterations)

    def missing(self, context: Context) -> str | None:
        """The package, where it is not installed."""
        return tell_absent("picsl-greedy", "greedy")

    def similarity_for(self, *, multimodal: bool) -> str:
        """Name of the similarity measure that is optimised."""
        return {"ncc": "lncc", "ssd": "mse"}[self.metric]

    def displace(self, images: ImagesOnGrid, context: Context) -> Displacements:
        """Call the program."""
        from picsl_greedy import Greedy3D

        metric = "SSD" if self.metric == "ssd" else "NCC " + "x".join([str(self.radius)] * 3)
        told = (
            f"-i fixed moving -m {metric} -n {'x'.join(map(str, self.iterations))} -e {self.step:g} "
            f"-s {self.smooth_gradient:g}vox {self.smooth_warp:g}vox -o there -oinv back "
            # No noise on the images, which would make each result another, and no rounding of the warp.
            f"-noise 0 -wp 0 -threads {context.threads} -V 0"
        )
        program = Greedy3D()
        given = {name: _image(getattr(images, name), images) for name in ("fixed", "moving")}
        program.execute(told, **given, there=None, back=None)
        return Displacements(*(_array(program[name]) for name in ("there", "back")))

    def sloppy(self) -> Self:
        """Return the same with a tenth of the iterations, at least one at each level that has any."""
        return replace(self, iterations=take_tenth(self.iterations))

    def cost(self, voxels: int, device: str) -> Cost:
        """Measured on two CPU cores at 1 mm; it has no use for a GPU."""
        work = million_voxels(self.iterations, voxels)
        return Cost(seconds=2 + work * 0.6, memory_gb=0.4 + voxels * 150e-9)


def _image(array: Array, images: ImagesOnGrid) -> Any:
    """The array as an image at the origin, along the axes: displacements then are along these too."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetSpacing(images.spacing.tolist())
    return image


def _array(field: Any) -> Array:
    """A field of the program's, shape (X, Y, Z, 3)."""
    import SimpleITK

    return np.asarray(SimpleITK.GetArrayFromImage(field).transpose(2, 1, 0, 3), dtype=np.float32)
