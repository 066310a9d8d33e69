"""Any network that was exported by TorchScript."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.base.parameters import aside
from lumirage_bids.methods.base import Cost, Method, OwnInput, Trained, weights_file
from lumirage_bids.methods.networks import grid as _network_grid
from lumirage_bids.methods.networks.grid import NetworkGrid, Normalisation

if TYPE_CHECKING:
    import torch

    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume
    from lumirage_bids.spatial.transforms import Transform

Arguments = Literal["moving,fixed", "fixed,moving"]
Units = Literal["voxels", "mm", "normalised", "unit"]
Components = Literal["xyz", "zyx"]


@dataclass(frozen=True, kw_only=True)
class Torchscript(Method):
    """Runs a network from a file of ``torch.jit.save``: VoxelMorph, uniGradICON, LapIRN, or one of your own.

    The file is a program, and it runs with the user's rights: take it from people you trust. It gets two float32
    tensors, shape (1, 1, *shape), or one of shape (1, 2, *shape), and returns a displacement, shape (1, 3, *shape):
    where to sample the moving image, relative to each voxel of the fixed one.

    Attributes
    ----------
    model : str
        The file; a relative path is looked for in the working directory and in the folder of weights.
    shape : tuple of int
        Number of voxels along the tensors' axes.
    orientation : str
        Where the tensors' axes point: ``RAS`` for arrays as nibabel reads them, ``SPL`` for arrays from ITK.
    spacing : float, or tuple of float
        Distance of voxel centres along the tensors' axes, mm.
    normalisation : str
        ``minmax``: onto [0, 1]. ``percentile``: the same, with values clipped at the 1st and 99th percentile.
        ``zscore``: onto mean 0 and standard deviation 1. ``none``: as prepared.
    arguments : str
        Order of the images.
    stacked : bool
        Whether they are the channels of one tensor, instead of two arguments.
    output : int
        Which output is the displacement, counted from 0, where the network returns several.
    units : str
        Of the displacement. ``voxels``; ``mm``; ``normalised``: −1 to 1 between the outermost voxel centres;
        ``unit``: 0 to 1 between them.
    components : str
        ``xyz``: the first component goes along the tensors' first axis; ``zyx``: along the last, as
        ``torch.nn.functional.grid_sample`` has it.
    training : Training or str
        What the network has learned from; ``none`` for one that learns nothing. It changes no result.
    """

    name: ClassVar[str] = "torchscript"
    digest_name: ClassVar[str] = "Torchscript"
    revision: ClassVar[int | None] = 1
    packages: ClassVar[tuple[str, ...]] = ("torch",)
    summary: ClassVar[str] = "any network exported by TorchScript (a file that is code and must be trusted)"
    phrase: ClassVar[str] = "a network exported by TorchScript"

    model: str = ""
    shape: tuple[int, int, int] = (160, 192, 224)
    orientation: str = "RAS"
    spacing: float | tuple[float, float, float] = 1.0
    normalisation: Normalisation = "minmax"
    arguments: Arguments = "moving,fixed"
    stacked: bool = False
    output: int = 0
    units: Units = "voxels"
    components: Components = "xyz"
    training: Trained = aside("unknown")

    def __post_init__(self) -> None:
        """Refuse what is no grid."""
        _ = self.grid
        if self.output < 0:
            raise UsageError(f"output is {self.output}; allowed: a whole number, counted from 0.")

    @property
    def grid(self) -> NetworkGrid:
        """Where the network looks at the images."""
        return NetworkGrid(shape=self.shape, orientation=self.orientation, spacing=self.spacing)

    def missing(self, context: Context) -> str | None:
        """Say that the model is not set or not there."""
        if not self.model:
            return "the parameter model is not set: give the path of a file that torch.jit.save wrote"
        if not self.files(context):
            return (
                f"there is no file {weights_file(self.model, context)}: give the path of a file that torch.jit.save "
                "wrote, in full or below the folder that LUMIRAGE_WEIGHTS names"
            )
        return None

    def files(self, context: Context) -> tuple[Path, ...]:
        """Return the model's file, where it is there."""
        if not self.model:
            return ()
        path = weights_file(self.model, context)
        return (path,) if path.is_absolute() and path.is_file() else ()

    @property
    def own_input(self) -> OwnInput:
        """What the network sees."""
        return self.grid.describe_input(f"normalisation {self.normalisation}")

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Register; see `Method.register`."""
        if complaint := self.missing(context):
            raise MissingInputError(f"torchscript cannot run: {complaint}.")
        grid = _network_grid.network_grid(fixed, self.grid)
        return _network_grid.field_on(grid, self.in_voxels(self.run_network(fixed, moving, grid, context)))

    def run_network(self, fixed: Volume, moving: Volume, grid: Volume, context: Context) -> npt.NDArray[np.float32]:
        """What the network makes of two images on its grid: a displacement as it has them, shape (3, *shape)."""
        from lumirage_bids.methods.fireants.library import prepare_torch

        device = prepare_torch(context)
        volumes = {"fixed": fixed, "moving": moving}
        images = [
            _network_grid.network_input(volumes[name], grid, self.normalisation, name)
            for name in self.arguments.split(",")
        ]
        return self._run(self.files(context)[0], images, device)

    def _run(self, file: Path, images: list[npt.NDArray[np.float32]], device: torch.device) -> npt.NDArray[np.float32]:
        """Displacement as the network gives it, shape (3, *shape)."""
        import torch

        network = _load(file, device)
        inputs = [torch.from_numpy(image)[None, None].to(device) for image in images]
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with torch.inference_mode(), exact:
            try:
                result = network(torch.cat(inputs, 1)) if self.stacked else network(*inputs)
            except RuntimeError as error:
                if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                    raise
                raise BadDataError(f"{file} fails on images of {self.shape} voxels: {_last_line(error)}") from error
        if isinstance(result, tuple | list) and self.output < len(result):
            result = result[self.output]
        needed = (1, 3, *self.shape)
        if not isinstance(result, torch.Tensor) or tuple(result.shape) != needed:
            got = f"shape {tuple(result.shape)}" if isinstance(result, torch.Tensor) else type(result).__name__
            raise BadDataError(
                f"{file} returned {got}; a displacement of shape {needed} is needed. Check the parameters shape and "
                f"output (now {self.output}) of torchscript."
            )
        return np.asarray(result[0].float().cpu().numpy(), dtype=np.float32)

    def in_voxels(self, field: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Displacement in the network's units and order, (3, *shape), as voxels in the axes' order, (*shape, 3)."""
        between = np.array(self.shape) - 1
        voxels = {
            "voxels": np.ones(3),
            "mm": 1 / np.broadcast_to(self.spacing, 3),
            "normalised": between / 2,
            "unit": between,
        }
        ordered = field if self.components == "xyz" else field[::-1]
        return np.asarray(np.moveaxis(ordered, 0, -1) * voxels[self.units].astype(np.float32))

    def cost(self, voxels: int, device: str) -> Cost:
        """A guess from networks like VoxelMorph and LapIRN: one million voxels take 6 s and 1 GB on two CPU cores."""
        network = int(np.prod(self.shape))
        if device.startswith("cuda"):
            return Cost(seconds=2, memory_gb=1 + network * 1e-6 + voxels * 12e-9)
        return Cost(seconds=2 + network * 6e-6 + voxels * 4e-7, memory_gb=0.6 + network * 1e-6 + voxels * 40e-9)


def _load(file: Path, device: torch.device) -> torch.jit.ScriptModule:
    """Load the network, which from then on is code that runs here.

    Raises
    ------
    BadDataError
        It is not a file of ``torch.jit.save``.
    """
    import torch

    try:
        network = torch.jit.load(str(file), map_location=device)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise BadDataError(
            f"{file} cannot be loaded: {_last_line(error)}. A file that torch.jit.save wrote is needed; a state dict "
            "holds weights only, so script or trace the network with them and save that."
        ) from error
    network.eval()
    return network  # type: ignore[no-any-return]


def _last_line(error: Exception) -> str:
    """Keep what torch has to say, without where in its sources it said it, nor what it supposes of any file."""
    last = [line for line in str(error).splitlines() if line.strip()][-1].strip()
    return last.split(" This is an internal miniz error")[0].rstrip(".")
