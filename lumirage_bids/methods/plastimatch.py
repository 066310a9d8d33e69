"""plastimatch: B-splines, squared differences or mutual information, quasi-Newton."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from lumirage_bids.methods.base import Cost
from lumirage_bids.methods.programs.call import made_file, missing_program, run_program, scratch
from lumirage_bids.methods.programs.one_grid import Displacements, ImagesOnGrid, OnOneGrid
from lumirage_bids.methods.programs.pyramid import check_values, list_levels, million_voxels, rule_for, take_tenth
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.spatial.itk import read_itk
from lumirage_bids.spatial.transforms import DisplacementField

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context

PROGRAM = "plastimatch"
BRIGHTEST = 1000
"""What the fixed image's brightest voxel becomes: it stops where gradients are small, and is made for CT."""


@dataclass(frozen=True, kw_only=True)
class Plastimatch(OnOneGrid):
    """plastimatch's B-spline registration, from the start that all methods get.

    Its documentation has no settings for brains. These are stages as in its examples; the last distance of control
    points is elastix' default, and the penalty the least of those that the documentation calls typical.

    Attributes
    ----------
    metric : str
        ``mse``; ``mi``, which may match other contrasts.
    iterations : tuple of int
        Largest number in each stage, coarse to fine; the images are shrunk by powers of two, in the last by 1.
    final_spacing : float
        Distance of the B-splines' control points in the last stage, mm; twice as far in each one before.
    regularisation : float
        Weight of the penalty on second derivatives.

    References
    ----------
    Shackleford JA, Kandasamy N, Sharp GC. On developing B-spline registration algorithms for multi-core processors.
    Phys Med Biol 55:6329-6351 (2010). doi:10.1088/0031-9155/55/21/001
    """

    name: ClassVar[str] = "plastimatch"
    digest_name: ClassVar[str] = "Plastimatch"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "plastimatch: B-splines, squared differences, CPU; needs the program"
    phrase: ClassVar[str] = "plastimatch's B-spline registration"
    references: ClassVar[tuple[str, ...]] = ("shackleford2010",)

    metric: Literal["mse", "mi"] = "mse"
    iterations: tuple[int, ...] = (50, 50, 50)
    final_spacing: float = 10.0
    regularisation: float = 0.005

    def __post_init__(self) -> None:
        """Refuse values that plastimatch would fail on."""
        rules = {
            "iterations": rule_for(self.iterations),
            "final_spacing": (0.1 <= self.final_spacing <= 1000, "0.1 to 1000 mm"),
            "regularisation": (self.regularisation >= 0, "at least 0"),
        }
        check_values(self, rules)

    @property
    def effort(self) -> tuple[tuple[int, int], ...]:
        """Stages shrunk by powers of two."""
        return list_levels(self.iterations)

    def missing(self, context: Context) -> str | None:
        """The program."""
        complaint = missing_program(PROGRAM)
        return f"{complaint} (Debian: apt-get install plastimatch; plastimatch.org)" if complaint else None

    def similarity_for(self, *, multimodal: bool) -> str:
        """Name of the similarity measure that is optimised."""
        return self.metric

    def displace(self, images: ImagesOnGrid, context: Context) -> Displacements:
        """Call plastimatch; it is told a grid along the axes of its world."""
        affine = np.diag([*images.spacing, 1.0])
        scale = np.float32(BRIGHTEST / (float(images.fixed.max()) or 1.0))
        with scratch(context) as folder:
            for name in ("fixed", "moving"):
                write_image(Volume(array=scale * getattr(images, name), affine=affine), folder / f"{name}.nii.gz")
            (folder / "command.txt").write_text(self.write_commands(), "utf-8")
            argv = [PROGRAM, "register", "command.txt"]
            run_program(argv, context, folder)
            (field,) = read_itk(made_file(folder / "field.nii.gz", argv)).steps
        assert isinstance(field, DisplacementField)
        return Displacements(np.asarray(field.vectors, dtype=np.float32))

    def write_commands(self) -> str:
        """Its command file."""
        head = ["[GLOBAL]", "fixed=fixed.nii.gz", "moving=moving.nii.gz", "vf_out=field.nii.gz", "default_value=0"]
        for factor, n in self.effort:
            spacing = f"{self.final_spacing * factor:g}"
            head += [
                *("[STAGE]", "xform=bspline", "optim=lbfgsb", "impl=plastimatch", "threading=openmp"),
                *(f"metric={self.metric}", f"max_its={n}", f"grid_spac={spacing} {spacing} {spacing}"),
                *(f"res={factor} {factor} {factor}", f"regularization_lambda={self.regularisation:g}"),
            ]
        return "\n".join(head) + "\n"

    def sloppy(self) -> Plastimatch:
        """Return the same method with a tenth of its iterations."""
        return replace(self, iterations=take_tenth(self.iterations))

    def cost(self, voxels: int, device: str) -> Cost:
        """Measured on two CPU cores at 3 mm; it has no use for a GPU."""
        return Cost(seconds=2 + million_voxels(self.iterations, voxels) * 2, memory_gb=0.5 + voxels * 200e-9)
