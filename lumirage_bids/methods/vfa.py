"""Vector field attention (VFA), by its authors' own program, which the user installs."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from lumirage_bids.base.called_files import called_files
from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.base.parameters import added, aside
from lumirage_bids.methods.base import Cost, Method, OwnInput, Trained, Training, weights_file
from lumirage_bids.methods.networks.grid import NetworkGrid, field_on, network_grid, network_input, warn_of_cut_off
from lumirage_bids.methods.programs.call import made_file, missing_program, run_program, scratch, visible_device
from lumirage_bids.spatial.grids import centre
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.spatial.transforms import Transform

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context

# What is left to the program: both images are on the network's grid already.
_STEPS = ("Nifti2Array", "DatatypeConversion", "RangeNormalize", "ToTensor")
_MULTIPLE = 16
TRAINING = Training(
    description="skull-stripped T1w scans of LUMIR, 160 × 224 × 192 voxels of 1 mm, axes RAS, without labels",
    contrasts=("T1w",),
    species=("human",),
    datasets=("LUMIR",),
    labels=("none",),
    source="doi:10.1117/1.JMI.11.6.064001",
)
PROGRAM = "vfa-run"


@dataclass(frozen=True, kw_only=True)
class Vfa(Method):
    """Calls ``vfa-run`` and reads the positions that it samples.

    The program is not part of this package (it is under the GPL). Clipping at the 1st and 99th percentile and scaling
    to [0, 1] is the program's.

    Attributes
    ----------
    program : str
        Name of the program on the PATH, or its path in full; a script of yours that calls a container will do.
    checkpoint : str
        Network weights; where it is empty the only .pth file of the folder ``vfa`` in the folder of weights.
    params : str
        Hyper-parameters of the network; where it is empty ``params.json`` beside the checkpoint.
    shape : tuple of int
        Voxels of the network's input, multiples of 16; those of LUMIR's images as published.
    orientation : str
        Where its axes point, where input is ``trained``.
    spacing : float
        Its voxel size, mm, likewise.
    input : str
        ``trained``: both images are resampled to the grid of shape, orientation and spacing along the fixed
        image's axes, the brain in the middle, the moving one with the start. ``as-given``: the network sees the arrays
        of both images as they were prepared, each cut or padded about its middle to shape. As in the published runs
        voxel meets voxel: neither headers nor the start play a part, orientation and spacing are the preparation's.
    training : Training or str
        What the checkpoint was trained on; say so where it is not the authors' for LUMIR.

    References
    ----------
    Liu Y, Chen J, Zuo L, Carass A, Prince JL. Vector field attention for deformable image registration. J Med Imaging
    11:064001 (2024). doi:10.1117/1.JMI.11.6.064001
    """

    name: ClassVar[str] = "vfa"
    digest_name: ClassVar[str] = "Vfa"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "vector field attention, trained for LUMIR; needs vfa-run and its weights"
    phrase: ClassVar[str] = "vector field attention, a network"
    references: ClassVar[tuple[str, ...]] = ("liu2024vfa",)

    program: str = PROGRAM
    checkpoint: str = ""
    params: str = ""
    shape: tuple[int, int, int] = (160, 224, 192)
    orientation: str = "RAS"
    spacing: float = 1.0
    input: Literal["trained", "as-given"] = added("trained", since="0.2.0")
    training: Trained = aside(TRAINING)

    def __post_init__(self) -> None:
        """Refuse a grid that the network cannot halve often enough."""
        if any(n < _MULTIPLE or n % _MULTIPLE for n in self.shape):
            raise UsageError(f"shape is {list(self.shape)}; allowed: multiples of {_MULTIPLE}.")

    def code(self) -> tuple[Path, ...]:
        """A script of the user's that is the program."""
        return (*super().code(), *(called_files([self.program]) if self.program != PROGRAM else ()))

    def missing(self, context: Context) -> str | None:
        """The program or the weights."""
        if complaint := missing_program(self.program):
            return f"{complaint} (github.com/yihao6/vfa, or the container yihao6/vfa)"
        try:
            self._weights(context)
        except MissingInputError as error:
            return str(error)
        return None

    def files(self, context: Context) -> tuple[Path, ...]:
        """Weights and hyper-parameters."""
        try:
            return self._weights(context)
        except MissingInputError:
            return ()

    @property
    def takes_start(self) -> bool:  # type: ignore[override]
        """Whether the start is in what the network sees: not where voxel meets voxel."""
        return self.input == "trained"

    @property
    def own_input(self) -> OwnInput:
        """Both images on the network's grid, or as they are."""
        if self.input == "trained":
            return self._grid.describe_input()
        return OwnInput(words=f"as-given: {' × '.join(map(str, self.shape))} voxels, as prepared", as_trained=False)

    @property
    def _grid(self) -> NetworkGrid:
        return NetworkGrid(shape=self.shape, orientation=self.orientation, spacing=self.spacing)

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Register; see `Method.register`."""
        checkpoint, params = self._weights(context)
        given = self.inputs(fixed, moving)
        grid = given["fixed"]
        with scratch(context) as folder:
            for name, image in given.items():
                write_image(replace(image, affine=grid.affine), folder / f"{name}.nii.gz")
            (folder / "pairs.json").write_text(json.dumps(self._pairs(folder)), "utf-8")
            argv = [
                self.program, "evaluate", "--checkpoint", str(checkpoint), "--params", str(params),
                "--eval_data_configs", str(folder / "pairs.json"), "--save_results", "1",
                f"--gpu={visible_device(context.device)}",
            ]  # fmt: skip
            run_program(argv, context, folder)
            positions = _positions(made_file(folder / "pair_grid.nii.gz", argv), grid)
        index = np.moveaxis(np.indices(grid.shape, dtype=np.float32), 0, -1)
        found = field_on(grid, positions - index)
        # From a voxel of the fixed grid to the same one of the moving grid.
        across = given["moving"].affine @ np.linalg.inv(grid.affine)
        return found.then(Transform.affine(across)) if self.input == "as-given" else found

    def inputs(self, fixed: Volume, moving: Volume) -> dict[str, Volume]:
        """The two images as the network sees them, of one shape.

        Parameters
        ----------
        fixed, moving : Volume
            As `register` gets them.
        """
        if self.input == "as-given":
            images = {"fixed": fixed, "moving": moving}
            given = {name: centre(image, self.shape) for name, image in images.items()}
            for name, image in images.items():
                warn_of_cut_off(image, given[name], name)
            return given
        grid = network_grid(fixed, self._grid)
        return {
            name: replace(grid, array=network_input(image, grid, "none", name))
            for name, image in {"fixed": fixed, "moving": moving}.items()
        }

    def _pairs(self, folder: Path) -> dict[str, object]:
        """Return what the program is told of the pair."""
        return {
            "loader": "Pairwise",
            "shape": [1, *self.shape],
            "labels": [],
            "transform": [{"class_name": name} for name in _STEPS],
            "pairs": [
                {
                    "f_img": str(folder / "fixed.nii.gz"),
                    "m_img": str(folder / "moving.nii.gz"),
                    # The program appends _grid.nii.gz to it.
                    "prefix": str(folder / "pair"),
                }
            ],
        }

    def _weights(self, context: Context) -> tuple[Path, Path]:
        """Find checkpoint and hyper-parameters.

        Raises
        ------
        MissingInputError
            One of them is not there; the message says how to get it.
        """
        get = (
            "get vfa_v0.0.6_lumir.zip, which github.com/yihao6/vfa links to, and unpack it into the folder 'vfa' of "
            "the folder that LUMIRAGE_WEIGHTS names, or give the parameters checkpoint and params"
        )
        if self.checkpoint:
            checkpoint = weights_file(self.checkpoint, context)
        else:
            found = sorted((context.weights / "vfa").rglob("*.pth")) if context.weights else []
            if len(found) != 1:
                names = ", ".join(map(str, found)) or "no .pth file"
                raise MissingInputError(f"one network is needed and there is {names}; {get}")
            checkpoint = found[0]
        params = weights_file(self.params, context) if self.params else checkpoint.with_name("params.json")
        for file in (checkpoint, params):
            if not file.is_absolute() or not file.is_file():
                raise MissingInputError(f"there is no file {file}; {get}")
        return checkpoint, params

    def cost(self, voxels: int, device: str) -> Cost:
        """Memory as published by others, 1.35 GB for a million voxels; time a guess."""
        size = float(np.prod(self.shape))
        seconds = 15 + size * (1e-6 if device.startswith("cuda") else 3e-5)
        return Cost(seconds=seconds, memory_gb=1 + size * 1350e-9 + voxels * 8e-9)


def _positions(path: Path, grid: Volume) -> np.ndarray:
    """Read the positions (voxels of the grid) at which the moving image is sampled, shape (X, Y, Z, 3)."""
    import nibabel

    positions = np.squeeze(np.asarray(nibabel.load(path).dataobj, dtype=np.float32))
    if positions.shape != (*grid.shape, 3):
        raise BadDataError(
            f"The program's {path.name} has shape {positions.shape}; {(*grid.shape, 3)} was expected: another version?"
        )
    return positions
