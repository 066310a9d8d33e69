"""ANTs' symmetric normalisation, by ANTsPy."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.parameters import added
from lumirage_bids.methods.base import Cost, Method
from lumirage_bids.methods.programs.call import scratch
from lumirage_bids.methods.programs.pyramid import check_values, million_voxels, rule_for, take_tenth
from lumirage_bids.spatial.grids import region_on, reorient
from lumirage_bids.spatial.itk import read_itk, write_itk
from lumirage_bids.spatial.transforms import DisplacementField, Transform

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume

_SIMILARITIES = {"cc": "lncc", "mattes": "mi", "meansquares": "mse"}
_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class AntsSyn(Method):
    """ANTs SyN without affine stages, from the start that all methods get.

    Defaults are those of the SyN stage of ``antsRegistrationSyN.sh`` as ANTs has had it since version 2.6.0: before,
    its radius was 4 and its step 0.1. The function of that name in ANTsPy 0.6 differs: it does not winsorise, works in
    single precision and has no fifth level. What ANTsPy's ``registration`` does by default is `ants_syn_quick`.
    Nothing is drawn at random: the metric is computed on all voxels.

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
    convergence_threshold, convergence_window : float, int
        A level ends where the metric, fitted over so many iterations, changes by less.
    grad_step : float
        Step of the gradient descent.
    flow_sigma, total_sigma : float
        Smoothing of the update and of the whole field, as ANTs takes them.
    winsorise : tuple of float
        Quantiles at which ANTs clips the intensities of both images; 0 and 1 for none.
    precision : str
        ``double`` or ``single``.
    fifth_level_above : int
        Four levels become five where the fixed image has more voxels than this along an axis: shrunk by 10, 6, 4, 2
        and 1, smoothed by 5, 3, 2, 1 and 0 voxels, the first number of iterations twice. 0 for never.
    mask_lesions : bool
        Whether ANTs is given masks (``--masks``) of all that is no lesion, for those scans that have a lesion mask.

    References
    ----------
    Avants BB, Epstein CL, Grossman M, Gee JC. Symmetric diffeomorphic image registration with cross-correlation. Med
    Image Anal 12:26-41 (2008). doi:10.1016/j.media.2007.06.004
    Tustison NJ et al. The ANTsX ecosystem for quantitative biological and medical imaging. Sci Rep 11:9068 (2021).
    doi:10.1038/s41598-021-87564-6
    ANTs 2.6.0, release notes. https://github.com/ANTsX/ANTs/releases/tag/v2.6.0
    """

    name: ClassVar[str] = "ants_syn"
    digest_name: ClassVar[str] = "AntsSyn"
    revision: ClassVar[int | None] = 1
    packages: ClassVar[tuple[str, ...]] = ("antspyx",)
    summary: ClassVar[str] = "ANTs SyN: symmetric diffeomorphic, as antsRegistrationSyN has it, CPU"
    phrase: ClassVar[str] = "ANTs' SyN, symmetric and diffeomorphic, with the settings of antsRegistrationSyN"
    references: ClassVar[tuple[str, ...]] = ("avants2008", "tustison2021")

    metric: Literal["cc", "mattes", "meansquares"] = "cc"
    radius: int = 2
    bins: int = 32
    iterations: tuple[int, ...] = (100, 70, 50, 20)
    convergence_threshold: float = 1e-6
    convergence_window: int = 10
    grad_step: float = 0.2
    flow_sigma: float = 3.0
    total_sigma: float = 0.0
    winsorise: tuple[float, float] = (0.005, 0.995)
    precision: Literal["double", "single"] = "double"
    fifth_level_above: int = 256
    mask_lesions: bool = added(False, since="0.2.0")

    def __post_init__(self) -> None:
        """Refuse values that ANTs would fail on."""
        low, high = self.winsorise
        rules = {
            "radius": (self.radius >= 1, "at least 1"),
            "bins": (self.bins >= 5, "at least 5"),
            "iterations": rule_for(self.iterations),
            "convergence_threshold": (0 < self.convergence_threshold < 1, "above 0 and below 1"),
            "convergence_window": (self.convergence_window >= 2, "at least 2"),
            "grad_step": (self.grad_step > 0, "above 0"),
            "flow_sigma": (self.flow_sigma >= 0, "at least 0"),
            "total_sigma": (self.total_sigma >= 0, "at least 0"),
            "winsorise": (0 <= low < high <= 1, "two numbers from 0 to 1, the lower one first"),
            "fifth_level_above": (self.fifth_level_above >= 0, "at least 0"),
        }
        check_values(self, rules)

    @property
    def masks_lesions(self) -> bool:
        """Whether lesions are left out."""
        return self.mask_lesions

    @property
    def effort(self) -> tuple[tuple[int, int], ...]:
        """Levels of an image that is not large."""
        return tuple((factor, n) for n, factor, _ in self.pyramid((0, 0, 0)))

    def missing(self, context: Context) -> str | None:
        """ANTsPy, where it is not installed."""
        return None if importlib.util.find_spec("ants") else "ANTsPy is not installed; pip install antspyx"

    def similarity_for(self, *, multimodal: bool) -> str:
        """Name of the similarity measure that is optimised."""
        return _SIMILARITIES[self.metric]

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Register; see `Method.register`."""
        # ITK reads it once, when it first needs threads; a process registers with one number of them.
        os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(context.threads)
        valid = [
            None if lesion is None else replace(image, array=~region_on(lesion, image))
            for image, lesion in ((fixed, context.fixed_lesion), (moving, context.moving_lesion))
        ]
        with scratch(context) as folder:
            return self._run(fixed, moving, valid, folder)

    def _run(self, fixed: Volume, moving: Volume, valid: Sequence[Volume | None], folder: Path) -> Transform:
        """Register; `valid` are the voxels of the two images that count, None for all."""
        import ants

        fixed, moving = reorient(fixed), reorient(moving)
        valid = [mask and reorient(mask) for mask in valid]
        frame = fixed.affine @ np.diag([*1 / fixed.spacing, 1.0])
        level, between = remove_shear(np.linalg.solve(frame, moving.affine))
        write_itk(Transform.affine(between), folder / "start.txt")
        images = [
            _ants_image(fixed.array, np.diag([*fixed.spacing, 1.0]), self.precision),
            _ants_image(moving.array, level, self.precision),
        ]
        masks = [
            mask and _ants_image(mask.array, own, "single").clone("unsigned char")
            for mask, own in zip(valid, (np.diag([*fixed.spacing, 1.0]), level), strict=True)
        ]
        ants.registration([*self._arguments(images, fixed.shape, folder), *_masks(masks)], None)
        # ANTs applies the field first and the initial transform to what it gives; both fields lie on the fixed grid.
        there, back = (self._field(read_itk(folder / f"1{n}Warp.nii.gz"), frame) for n in ("", "Inverse"))
        return replace(there, inverse=back)

    def _arguments(self, images: list[Any], shape: tuple[int, ...], folder: Path) -> list[str]:
        """Write what antsRegistration is told."""
        from ants.internal import get_pointer_string

        # Metrics are given the images themselves: a header on disk holds less than double precision.
        pair = ",".join(map(get_pointer_string, images))
        metric, setting = {"cc": ("CC", self.radius), "mattes": ("Mattes", self.bins)}.get(
            self.metric, ("MeanSquares", 0)
        )
        levels = self.pyramid(shape)
        iterations, factors, sigmas = ("x".join(map(str, column)) for column in zip(*levels, strict=True))
        told = [
            "--dimensionality", "3", "--float", str(int(self.precision == "single")),
            "--initial-moving-transform", str(folder / "start.txt"),
            "--transform", f"SyN[{self.grad_step:g},{self.flow_sigma:g},{self.total_sigma:g}]",
            "--metric", f"{metric}[{pair},1,{setting}]",
            "--convergence", f"[{iterations},{self.convergence_threshold:g},{self.convergence_window}]",
            "--shrink-factors", factors, "--smoothing-sigmas", f"{sigmas}vox",
            "--use-histogram-matching", "0", "--collapse-output-transforms", "1", "--output", f"{folder}/",
        ]  # fmt: skip
        low, high = self.winsorise
        return told + (["--winsorize-image-intensities", f"[{low:g},{high:g}]"] if (low, high) != (0, 1) else [])

    def pyramid(self, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
        """Iterations, shrink factor and smoothing (voxels) of each level for a fixed image of this shape.

        Examples
        --------
        >>> AntsSyn().pyramid((180, 220, 180))
        [(100, 8, 3), (70, 4, 2), (50, 2, 1), (20, 1, 0)]
        >>> AntsSyn().pyramid((300, 350, 300))
        [(100, 10, 5), (100, 6, 3), (70, 4, 2), (50, 2, 1), (20, 1, 0)]
        """
        levels = len(self.iterations)
        if levels == 4 and 0 < self.fifth_level_above < max(shape):
            return list(zip((self.iterations[0], *self.iterations), (10, 6, 4, 2, 1), (5, 3, 2, 1, 0), strict=True))
        return [(n, 2 ** (levels - 1 - i), levels - 1 - i) for i, n in enumerate(self.iterations)]

    @staticmethod
    def _field(transform: Transform, frame: npt.NDArray[np.float64]) -> Transform:
        """Bring ANTs' field from the frame of the fixed image's axes to the world."""
        (field,) = transform.steps
        assert isinstance(field, DisplacementField)
        vectors = field.vectors @ frame[:3, :3].T.astype(np.float32)
        return Transform((DisplacementField(vectors=vectors, affine=frame @ field.affine),))

    def sloppy(self) -> Self:
        """Return the same with a tenth of the iterations, at least one at each level that has any."""
        return replace(self, iterations=take_tenth(self.iterations))

    def cost(self, voxels: int, device: str) -> Cost:
        """Measured on two CPU cores with images of 5.8 million voxels; ANTs has no use for a GPU."""
        work = million_voxels(self.iterations, voxels)
        seconds = {"cc": 4.7 * (self.radius / 2) ** 2, "mattes": 1.1, "meansquares": 1.0}[self.metric]
        bytes_per_voxel = 540 if self.precision == "double" else 340
        return Cost(seconds=5 + voxels * 1e-6 + work * seconds, memory_gb=0.4 + voxels * bytes_per_voxel * 1e-9)


def _masks(masks: Sequence[Any | None]) -> list[str]:
    """What antsRegistration is told of the masks of the fixed and the moving image."""
    from ants.internal import get_pointer_string

    if not any(mask is not None for mask in masks):
        return []
    return ["--masks", f"[{','.join('NA' if mask is None else get_pointer_string(mask) for mask in masks)}]"]


def remove_shear(affine: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
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


def _ants_image(array: npt.NDArray[Any], affine: npt.NDArray[np.float64], precision: str) -> Any:
    """Make an image of ANTs (LPS+) from an array and an affine (RAS+) without shear."""
    import ants

    affine = _TO_LPS @ affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image = ants.from_numpy(
        np.asarray(array, dtype=np.float32),
        origin=affine[:3, 3].tolist(),
        spacing=spacing.tolist(),
        direction=affine[:3, :3] / spacing,
    )
    # An image made from a numpy array may share its memory, a clone owns its own.
    return image.clone("double" if precision == "double" else "float")
