"""uniGradICON and multiGradICON: one program, two networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from lumirage_bids.base.called_files import called_files
from lumirage_bids.base.errors import MissingInputError
from lumirage_bids.base.parameters import aside
from lumirage_bids.methods.base import Cost, Method, OwnInput, Trained, weights_file
from lumirage_bids.methods.programs.call import made_file, missing_program, run_program, scratch, visible_device
from lumirage_bids.methods.programs.pyramid import check_values
from lumirage_bids.spatial.grids import resample
from lumirage_bids.spatial.images import write_image
from lumirage_bids.spatial.itk import read_transform

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume
    from lumirage_bids.spatial.transforms import Transform

PROGRAM = "unigradicon-register"
Similarity = Literal["lncc", "lncc2", "mind"]
SIDE = 175
"""Voxels along each axis of what the networks see, whatever the images' spacing."""


@dataclass(frozen=True, kw_only=True)
class GradICON(Method):
    """A network that maps any image, squeezed into a cube of 175 voxels, then optimises itself on the pair.

    The program lies in an environment of its own, as its libraries exclude others; its weights are got by the user,
    and nothing is downloaded. It draws random points for its optimisation and takes no seed: with iterations a result
    is not the same to the last bit.

    Attributes
    ----------
    program : str
        ``unigradicon-register``, on the PATH or in full.
    checkpoint : str
        File of weights, in full or below the folder of weights; by default ``NAME1.0/Step_2_final.trch`` with
        the method's name.
    iterations : int
        Of instance optimisation; 0 for the network alone.
    similarity : str
        That it optimises: ``lncc``; ``lncc2``, its square; ``mind``.
    training : Training or str
        What the checkpoint was trained on; say so where it is not the authors'.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    MODEL: ClassVar[str]
    DEFAULT: ClassVar[str]

    program: str = PROGRAM
    checkpoint: str = ""
    iterations: int = 50
    similarity: Similarity = "lncc"
    training: Trained = aside("unknown")

    def __post_init__(self) -> None:
        """Refuse what the program would fail on."""
        check_values(self, {"iterations": (0 <= self.iterations <= 10000, "0 to 10000")})

    @property
    def effort(self) -> tuple[tuple[int, int], ...]:
        """Instance optimisation, where the images are."""
        return ((1, self.iterations),) if self.iterations else ()

    def code(self) -> tuple[Path, ...]:
        """A script of the user's that is the program."""
        return (*super().code(), *(called_files([self.program]) if self.program != PROGRAM else ()))

    def _weights(self, context: Context) -> Path:
        return weights_file(self.checkpoint or self.DEFAULT, context)

    def missing(self, context: Context) -> str | None:
        """The program or the weights."""
        if complaint := missing_program(self.program):
            return f"{complaint} (pip install unigradicon 'itk==5.4.*', in an environment of its own)"
        file = self._weights(context)
        if not file.is_absolute() or not file.is_file():
            return (
                f"there is no file {file}; get Step_2_final.trch of {self.MODEL}_weights from "
                f"github.com/uncbiag/uniGradICON/releases and put it there, below the folder that LUMIRAGE_WEIGHTS "
                "names, or give the parameter checkpoint"
            )
        return None

    def files(self, context: Context) -> tuple[Path, ...]:
        """Weights."""
        file = self._weights(context)
        return (file,) if file.is_absolute() and file.is_file() else ()

    def similarity_for(self, *, multimodal: bool) -> str:
        """Name of the similarity measure that is optimised; the network alone optimises none."""
        return self.similarity if self.iterations else "n/a"

    @property
    def own_input(self) -> OwnInput:
        """Both images on the fixed grid, squeezed into a cube."""
        return OwnInput(words=f"fixed grid as {SIDE} × {SIDE} × {SIDE} voxels, values to the 99th percentile")

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Register; see `Method.register`."""
        if complaint := self.missing(context):
            raise MissingInputError(f"The method '{self.name}' cannot run: {complaint}.")
        here = resample(moving, fixed.shape, fixed.affine)
        with scratch(context) as folder:
            for name, image in (("fixed", fixed), ("moving", here)):
                write_image(image, folder / f"{name}.nii.gz")
            argv = [
                *(self.program, "--fixed", "fixed.nii.gz", "--moving", "moving.nii.gz"),
                *("--fixed_modality", "mri", "--moving_modality", "mri", "--transform_out", "transform.hdf5"),
                *("--io_iterations", str(self.iterations or None), "--io_sim", self.similarity),
                *("--model", self.MODEL, "--network_weights", str(self._weights(context))),
            ]
            run_program(argv, context, folder, {"CUDA_VISIBLE_DEVICES": visible_device(context.device)})
            return read_transform(made_file(folder / "transform.hdf5", argv), "itk", fixed=fixed, moving=here)

    def sloppy(self) -> GradICON:
        """Return the same method with a tenth of its iterations; none stays none."""
        return replace(self, iterations=-(-self.iterations // 10))

    def cost(self, voxels: int, device: str) -> Cost:
        """The network alone was measured, on a CPU with random weights; its optimisation and a GPU are guesses."""
        gpu = device.startswith("cuda")
        seconds = 60 + 60 * self.iterations
        return Cost(
            seconds=seconds / (50 if gpu else 1) + voxels * 1e-6,
            memory_gb=(16.0 if self.iterations else 4.5) + voxels * 60e-9,
        )
