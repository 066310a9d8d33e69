"""ANTs' symmetric normalisation, by ANTsPy."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from lumirage_bids.errors import UsageError
from lumirage_bids.registration._deformable import tenth
from lumirage_bids.registration.base import Cost, Method

if TYPE_CHECKING:
    from lumirage_bids.images import Volume
    from lumirage_bids.registration.base import Context
    from lumirage_bids.transforms import Transform

_SIMILARITIES = {"cc": "lncc", "mattes": "mi", "meansquares": "mse"}
_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class AntsSyn(Method):
    """ANTs SyN without affine stages, from the start that all methods get.

    Defaults are those of ANTsPy's ``registration(type_of_transform="SyN")``; ``antsRegistrationSyN`` has the metric
    ``cc`` with radius 2 and iterations 100, 70, 50, 20, which takes ten times as long. Nothing is drawn at random: the
    metric is computed on all voxels.

    The moving image is not interpolated. ITK's images cannot shear, the start can; so the image gets the unsheared axes
    that are nearest to its own, and the affine map between the two is ANTs' initial transform, which is not part of the
    result. The metric sees what it would see with a sheared header. ANTs' pyramid depends on how an image is stored
    and its result on where the image lies in the world, by fractions of a voxel; so both images are reoriented, without
    interpolation, and ANTs works in the frame of the fixed image's axes.

    Attributes
    ----------
    metric : str
        ``cc``: local cross-correlation; ``mattes``: mutual information; ``meansquares``.
    radius : int
        Of the cubic window of ``cc``, voxels.
    bins : int
        Of the histogram of ``mattes``.
    iterations : tuple of int
        Largest number at each level, coarse to fine; the levels are shrunk by powers of two, the last by 1, and
        smoothed by Gaussians of …, 2, 1 and 0 voxels.
    grad_step : float
        Step of the gradient descent.
    flow_sigma, total_sigma : float
        Smoothing of the update and of the whole field, as ANTs takes them.

    References
    ----------
    Avants BB, Epstein CL, Grossman M, Gee JC. Symmetric diffeomorphic image registration with cross-correlation. Med
    Image Anal 12:26-41 (2008). doi:10.1016/j.media.2007.06.004
    Tustison NJ et al. The ANTsX ecosystem for quantitative biological and medical imaging. Sci Rep 11:9068 (2021).
    doi:10.1038/s41598-021-87564-6
    """

    name: ClassVar[str] = "ants_syn"
    digest_name: ClassVar[str] = "AntsSyn"
    revision: ClassVar[int | None] = 1
    packages: ClassVar[tuple[str, ...]] = ("antspyx",)
    summary: ClassVar[str] = "ANTs SyN: symmetric diffeomorphic, mutual information or others, CPU"
    references: ClassVar[tuple[str, ...]] = ("avants2008", "tustison2021")

    metric: Literal["cc", "mattes", "meansquares"] = "mattes"
    radius: int = 2
    bins: int = 32
    iterations: tuple[int, ...] = (40, 20, 0)
    grad_step: float = 0.2
    flow_sigma: float = 3.0
    total_sigma: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that ANTs would fail on."""
        rules = {
            "radius": (self.radius >= 1, "at least 1"),
            "bins": (self.bins >= 5, "at least 5"),
            "iterations": (
                1 <= len(self.iterations) <= 9 and min(self.iterations) >= 0 and any(self.iterations),
                "one to nine whole numbers of at least 0, not all 0",
            ),
            "grad_step": (self.grad_step > 0, "above 0"),
            "flow_sigma": (self.flow_sigma >= 0, "at least 0"),
            "total_sigma": (self.total_sigma >= 0, "at least 0"),
        }
        for field, (fine, allowed) in rules.items():
            if not fine:
                raise UsageError(f"{field} is {getattr(self, field)!r}; allowed: {allowed}.")

    def missing(self, context: Context) -> str | None:
        """ANTsPy, where it is not installed."""
        return None if importlib.util.find_spec("ants") else "ANTsPy is not installed; pip install antspyx"

    def similarity_for(self, *, multimodal: bool) -> str:
        """Name of the similarity measure that is optimised."""
        return _SIMILARITIES[self.metric]

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Register; see `Method.register`."""
        from lumirage_bids.registration._programs import scratch

        # ITK reads it once, when it first needs threads; a process registers with one number of them.
        os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(context.threads)
        with scratch(context) as folder:
            return self._run(fixed, moving, folder)

    def _run(self, fixed: Volume, moving: Volume, folder: Path) -> Transform:
        import ants

        from lumirage_bids.grids import reorient
        from lumirage_bids.transform_files import read_itk, write_itk
        from lumirage_bids.transforms import Transform

        fixed, moving = reorient(fixed), reorient(moving)
        frame = fixed.affine @ np.diag([*1 / fixed.spacing, 1.0])
        level, between = unsheared(np.linalg.solve(frame, moving.affine))
        write_itk(Transform.affine(between), folder / "start.txt")
        ants.registration(
            _ants_image(fixed.array, np.diag([*fixed.spacing, 1.0])), _ants_image(moving.array, level),
            type_of_transform="SyNOnly", initial_transform=str(folder / "start.txt"), outprefix=f"{folder}/",
            syn_metric={"cc": "CC"}.get(self.metric, self.metric),
            syn_sampling={"cc": self.radius, "mattes": self.bins}.get(self.metric, 0),
            reg_iterations=self.iterations, grad_step=self.grad_step,
            flow_sigma=self.flow_sigma, total_sigma=self.total_sigma,
        )  # fmt: skip
        # ANTs applies the field first and the initial transform to what it gives; both fields lie on the fixed grid.
        there, back = (self._field(read_itk(folder / f"1{n}Warp.nii.gz"), frame) for n in ("", "Inverse"))
        return replace(there, inverse=back)

    @staticmethod
    def _field(transform: Transform, frame: npt.NDArray[np.float64]) -> Transform:
        """Bring ANTs' field from the frame of the fixed image's axes to the world."""
        from lumirage_bids.transforms import DisplacementField, Transform

        (field,) = transform.steps
        assert isinstance(field, DisplacementField)
        vectors = field.vectors @ frame[:3, :3].T.astype(np.float32)
        return Transform((DisplacementField(vectors=vectors, affine=frame @ field.affine),))

    def sloppy(self) -> Self:
        """Return the same with a tenth of the iterations, at least one at each level that has any."""
        pairs = zip(self.iterations, tenth(self.iterations), strict=True)
        return replace(self, iterations=tuple(min(n, less) for n, less in pairs))

    def cost(self, voxels: int, device: str) -> Cost:
        """Measured on two CPU cores with images of 5.8 million voxels; ANTs has no use for a GPU."""
        levels = len(self.iterations)
        work = sum(n * voxels / 8 ** (levels - 1 - level) for level, n in enumerate(self.iterations)) / 1e6
        seconds = {"cc": 4.7 * (self.radius / 2) ** 2, "mattes": 1.1, "meansquares": 1.0}[self.metric]
        return Cost(seconds=5 + voxels * 1e-6 + work * seconds, memory_gb=0.4 + voxels * 340e-9)


def unsheared(affine: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Give an image the nearest axes at right angles, with its own spacing, origin and handedness.

    Parameters
    ----------
    affine : array, shape (4, 4)
        Voxel indices to world coordinates (RAS+, mm).

    Returns
    -------
    level : array, shape (4, 4)
        Affine without shear; the same where there is none.
    between : array, shape (4, 4)
        From where the image is to where it then lies: ``level = between @ affine``.

    References
    ----------
    Higham NJ. Computing the polar decomposition. SIAM J Sci Stat Comput 7:1160-1174 (1986). doi:10.1137/0907079
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    left, _, right = np.linalg.svd(affine[:3, :3] / spacing)
    level = np.array(affine, dtype=np.float64)
    level[:3, :3] = left @ right * spacing
    return level, level @ np.linalg.inv(affine)


def _ants_image(array: npt.NDArray[Any], affine: npt.NDArray[np.float64]) -> Any:
    """Make an image of ANTs (LPS+) from an array and an affine (RAS+) without shear."""
    import ants

    affine = _TO_LPS @ affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    return ants.from_numpy(
        np.asarray(array, dtype=np.float32),
        origin=affine[:3, 3].tolist(),
        spacing=spacing.tolist(),
        direction=affine[:3, :3] / spacing,
    )
