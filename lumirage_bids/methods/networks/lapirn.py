"""The Laplacian pyramid image registration network. Loaded only while a method runs, so torch is at the top.

Written from the paper and from the names and shapes of the published weights, which is why modules have the authors'
names. Fields are in the coordinates of `torch.nn.functional.grid_sample` with aligned corners: −1 to 1 between the
outermost voxel centres, the component of the last array axis first.

References
----------
Mok TCW, Chung ACS. Large deformation diffeomorphic image registration with Laplacian pyramid networks. MICCAI 2020,
LNCS 12263:211-221. doi:10.1007/978-3-030-59716-0_21
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from lumirage_bids.base.errors import BadDataError

CHANNELS = 28
LEVELS = 3
BLOCKS = 5
SLOPE = 0.2
"""Of the leaky rectifiers on the negative side."""
REACH = 0.4
"""Largest value that one level adds to a component of the field, normalised coordinates."""
SQUARINGS = 7


def _conv(inputs: int, outputs: int = CHANNELS, stride: int = 1) -> nn.Conv3d:
    return nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


def _rectifier() -> nn.LeakyReLU:
    # In place: a full-size feature map of 1 mm images takes half a gigabyte.
    return nn.LeakyReLU(SLOPE, inplace=True)


class _Block(nn.Module):
    """Residual block that rectifies before it convolves."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _conv(CHANNELS)
        self.conv2 = _conv(CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.leaky_relu(self.conv1(functional.leaky_relu(x, SLOPE)), SLOPE, inplace=True)
        return x + self.conv2(inner)  # type: ignore[no-any-return]


class LapIRN(nn.Module):
    """One level of the pyramid with all coarser ones inside.

    Parameters
    ----------
    flavour : {"disp", "diff"}
        Whether the levels add up to a displacement, or to a stationary velocity that is integrated.
    level : int
        1 is the coarsest.
    """

    def __init__(self, flavour: Literal["disp", "diff"], level: int = LEVELS) -> None:
        super().__init__()
        self.flavour = flavour
        self.coarser = f"model_lvl{level - 1}" if level > 1 else None
        if self.coarser:
            self.add_module(self.coarser, LapIRN(flavour, level - 1))
        self.input_encoder_lvl1 = nn.Sequential(_conv(5 if self.coarser else 2), _rectifier(), _conv(CHANNELS))
        self.down_conv = _conv(CHANNELS, stride=2)
        self.resblock_group_lvl1 = nn.Sequential(*(m for _ in range(BLOCKS) for m in (_Block(), _rectifier())))
        self.up = nn.ConvTranspose3d(CHANNELS, CHANNELS, 2, stride=2, bias=False)
        self.output_lvl1 = nn.Sequential(_conv(2 * CHANNELS), _rectifier(), _conv(CHANNELS, 3), nn.Softsign())

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        """Find the displacement that carries the moving image onto the fixed one.

        Parameters
        ----------
        moving, fixed : tensor, shape (1, 1, X, Y, Z)
            Intensities in [0, 1]; sides are multiples of 2 to the power of `LEVELS`.

        Returns
        -------
        tensor, shape (1, 3, X, Y, Z)
            Where to sample the moving image, relative to each voxel, normalised coordinates.
        """
        return self._displacement(self._level(moving, fixed)[0])

    def _level(self, moving: Tensor, fixed: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of the levels up to this one, and this one's last features, both of the images' size."""
        if self.coarser is None:
            skip = self.input_encoder_lvl1(torch.cat((moving, fixed), 1))
            return self._decode(skip, self.down_conv(skip))
        coarser: LapIRN = self.get_submodule(self.coarser)  # type: ignore[assignment]
        coarse, features = coarser._level(_halve(moving), _halve(fixed))
        moved = sample(moving, _double(self._displacement(coarse)))
        coarse = _double(coarse)
        skip = self.input_encoder_lvl1(torch.cat((moved, fixed, coarse), 1))
        finer, features = self._decode(skip, self.down_conv(skip) + features)
        return coarse + finer, features

    def _decode(self, skip: Tensor, down: Tensor) -> tuple[Tensor, Tensor]:
        features = self.up(self.resblock_group_lvl1(down))
        # Two convolutions added are the one over both, joined, which would take a third more memory.
        weight = self.output_lvl1[0].get_parameter("weight")
        x = functional.conv3d(features, weight[:, :CHANNELS], padding=1)
        x += functional.conv3d(skip, weight[:, CHANNELS:], padding=1)
        return REACH * self.output_lvl1[1:](x), features

    def _displacement(self, field: Tensor) -> Tensor:
        return integrate(field) if self.flavour == "diff" else field


def _halve(image: Tensor) -> Tensor:
    return functional.avg_pool3d(image, 3, stride=2, padding=1, count_include_pad=False)


def _double(field: Tensor) -> Tensor:
    return functional.interpolate(field, scale_factor=2, mode="trilinear", align_corners=False)


def sample(image: Tensor, displacement: Tensor) -> Tensor:
    """Image (1, C, X, Y, Z) at x + displacement(x), linear in between, its border value outside."""
    places = functional.affine_grid(
        torch.eye(3, 4, dtype=image.dtype, device=image.device)[None], [1, 1, *image.shape[2:]], align_corners=True
    )
    places += displacement.movedim(1, -1)
    values: Tensor = functional.grid_sample(image, places, padding_mode="border", align_corners=True)
    return values


def integrate(velocity: Tensor) -> Tensor:
    """Displacement (1, 3, X, Y, Z) after unit time of a stationary velocity, by scaling and squaring."""
    displacement: Tensor = velocity / 2**SQUARINGS
    for _ in range(SQUARINGS):
        displacement = displacement + sample(displacement, displacement)
    return displacement


def load(path: Path, flavour: Literal["disp", "diff"], device: torch.device) -> LapIRN:
    """Read published weights; code in the file is not run.

    Raises
    ------
    BadDataError
        The file is no checkpoint, or another network's.
    """
    network = LapIRN(flavour)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    wanted = f"Expected is the state dict of a LapIRN with {CHANNELS} channels: {len(expected)} tensors, as published."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the unpickler stumbles over
        reason = str(error).strip().partition("\n")[0]
        reason = f"{type(error).__name__}: {reason}"
        raise BadDataError(f"{path} is no checkpoint that can be loaded ({reason}). {wanted}") from error
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise BadDataError(f"{path} holds a {type(state).__name__} that is not made of tensors only. {wanted}")
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if found != expected:
        odd = sorted(map(str, dict(found.items() ^ expected.items())))
        raise BadDataError(
            f"{path} holds {len(found)} tensors of another network; the first that differs is {odd[0]}. {wanted}"
        )
    network.load_state_dict(state)
    return network.eval().to(device)


def displacement(
    network: LapIRN, moving: npt.NDArray[np.float32], fixed: npt.NDArray[np.float32], device: torch.device
) -> npt.NDArray[np.float32]:
    """Run the network on two images of one grid.

    Parameters
    ----------
    moving, fixed : array, shape (X, Y, Z)
        Intensities in [0, 1]; sides are multiples of 2 to the power of `LEVELS`.

    Returns
    -------
    array, shape (X, Y, Z, 3), float32
        Displacement of each voxel in voxels, components in the order of the axes.
    """
    # TF32 and cuDNN's choice of algorithms would make results depend on the device beyond rounding.
    exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    with torch.inference_mode(), exact:
        images = (torch.from_numpy(image)[None, None].to(device) for image in (moving, fixed))
        field = network(*images)[0].cpu()
    half = (np.array(fixed.shape, dtype=np.float32) - 1) / 2
    return np.asarray(field.flip(0).movedim(0, -1).numpy() * half)
