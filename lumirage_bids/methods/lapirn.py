"""LapIRN: a pretrained Laplacian pyramid network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.base.parameters import aside
from lumirage_bids.methods.base import Cost, Method, OwnInput, Trained, Training, weights_file
from lumirage_bids.methods.networks.grid import NetworkGrid, field_on, network_grid, network_input, padded_grid

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume
    from lumirage_bids.spatial.transforms import Transform

SHAPE = (160, 192, 144)
ORIENTATION = "RAS"
"""Best of the eight signs of the axes on a pair of real scans; the publication does not say it."""
SPACING = 1.0
MULTIPLE = 8
"""What every side of the network's images must be a multiple of: it halves them three times."""
TRAINING = Training(
    description="skull-stripped T1w scans of OASIS, 160 × 192 × 144 voxels of 1 mm, axes RAS, without labels",
    contrasts=("T1w",),
    species=("human",),
    datasets=("OASIS",),
    labels=("none",),
    source="doi:10.1007/978-3-030-59716-0_21",
)
SOURCE = "https://github.com/cwmok/LapIRN (folder Model, MIT licence)"


@dataclass(frozen=True, kw_only=True)
class Lapirn(Method):
    """The authors' network with the authors' weights, trained on skull-stripped T1w scans of OASIS.

    Attributes
    ----------
    flavour : str
        ``disp``: the network gives a displacement. ``diff``: it gives a stationary velocity, which is integrated to
        a diffeomorphism by 7 steps of scaling and squaring.
    weights : str
        File of weights; empty for the published name, ``LapIRN_disp_fea7.pth`` or ``LapIRN_diff_fea7.pth``, in the
        folder of weights or in its folder ``lapirn``. The two flavours' files have the same form: nothing but their
        names tells them apart.
    input : str
        ``trained``: both images are resampled to the grid the network was trained on, 160 × 192 × 144 voxels of 1 mm
        along the fixed image's axes, R-A-S, the brain in the middle. ``as-given``: the network sees the fixed image
        as it was prepared, whatever its spacing and orientation, and the moving one on the same grid.
    peak : float
        What the brightest voxel becomes where ``input`` is ``trained``. The network was trained on images divided by
        their maximum, some bright spot, which left white matter well below 1; prepared images are winsorised, so that
        their white matter is close to 1. In ten OASIS scans the upper limit of winsorising (the 99th percentile)
        was at 0.43 to 0.82 of the maximum, the median is near 0.5.
    training : Training or str
        What the weights were trained on; say so where they are not the published ones.

    References
    ----------
    Mok TCW, Chung ACS. MICCAI 2020, LNCS 12263:211-221. doi:10.1007/978-3-030-59716-0_21
    """

    name: ClassVar[str] = "lapirn"
    digest_name: ClassVar[str] = "Lapirn"
    revision: ClassVar[int | None] = 1
    packages: ClassVar[tuple[str, ...]] = ("torch",)
    summary: ClassVar[str] = "LapIRN: pretrained Laplacian pyramid network (weights are not included)"
    phrase: ClassVar[str] = "LapIRN, a pretrained Laplacian pyramid network"
    references: ClassVar[tuple[str, ...]] = ("mok2020",)

    flavour: Literal["disp", "diff"] = "disp"
    weights: str = ""
    input: Literal["trained", "as-given"] = "trained"
    peak: float = 0.5
    training: Trained = aside(TRAINING)

    def __post_init__(self) -> None:
        """Refuse a range of intensities that is none."""
        if not 0 < self.peak <= 1:
            raise UsageError(f"peak is {self.peak}; allowed: above 0 and at most 1.")

    @property
    def _published_name(self) -> str:
        return f"LapIRN_{self.flavour}_fea7.pth"

    def _places(self, context: Context) -> list[Path]:
        """Where the weights may be."""
        if self.weights:
            return [weights_file(self.weights, context)]
        folders = [context.weights, context.weights / "lapirn"] if context.weights else []
        return [folder / self._published_name for folder in folders]

    def missing(self, context: Context) -> str | None:
        """Say which file of weights is missing and where to get it."""
        if self.files(context):
            return None
        looked = " nor ".join(map(str, self._places(context)))
        return (
            f"{f'there is no {looked}' if looked else f'it needs the file {self._published_name}'}: get it from "
            f"{SOURCE} and set the environment variable LUMIRAGE_WEIGHTS to its folder, or the parameter weights to "
            "the file"
        )

    def files(self, context: Context) -> tuple[Path, ...]:
        """Return the file of weights, where it is there."""
        return tuple(path for path in self._places(context) if path.is_absolute() and path.is_file())[:1]

    @property
    def own_input(self) -> OwnInput:
        """What the network sees."""
        if self.input == "trained":
            return _trained_grid().describe_input(f"intensities 0 to {self.peak:g}")
        words = f"as-given: as prepared, moving image on the fixed grid, padded to multiples of {MULTIPLE} voxels"
        return OwnInput(words=words, as_trained=False)

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Register; see `Method.register`."""
        from lumirage_bids.methods.fireants.library import prepare_torch
        from lumirage_bids.methods.networks import lapirn

        if complaint := self.missing(context):
            raise MissingInputError(f"lapirn cannot run: {complaint}.")
        device = prepare_torch(context)
        network = lapirn.load(self.files(context)[0], self.flavour, device)
        grid, peak = self._grid(fixed), np.float32(self.peak if self.input == "trained" else 1)
        of_moving, of_fixed = (
            peak * network_input(volume, grid, "minmax", name)
            for volume, name in ((moving, "moving"), (fixed, "fixed"))
        )
        return field_on(grid, lapirn.displacement(network, of_moving, of_fixed, device))

    def _grid(self, fixed: Volume) -> Volume:
        """Grid that both images are brought onto."""
        if self.input == "trained":
            return network_grid(fixed, _trained_grid())
        return padded_grid(fixed, MULTIPLE)

    def cost(self, voxels: int, device: str) -> Cost:
        """Measured on two CPU cores with images of 4.4 and 5.6 million voxels; a rough guess on CUDA."""
        size = math.prod(SHAPE) if self.input == "trained" else voxels
        if device.startswith("cuda"):
            return Cost(seconds=2 + size * 1e-7, memory_gb=0.7 + size * 0.65e-6 + voxels * 8e-9)
        return Cost(seconds=3 + size * 7e-6, memory_gb=0.7 + size * 0.65e-6 + voxels * 40e-9)


def _trained_grid() -> NetworkGrid:
    return NetworkGrid(shape=SHAPE, orientation=ORIENTATION, spacing=SPACING)
