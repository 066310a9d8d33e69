"""A transform that another method found, as the warp that FireANTs' registrations go on from, scale by scale.

Each scale begins with the start as its own grid shows it, and what the scales before have added to it. So the detail of
a start is not lost at the coarse scales, which know nothing of it. Loaded only while a method runs, so torch is at the
top.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from lumirage_bids.methods.fireants.engine import convolve, gaussian
from lumirage_bids.methods.fireants.library import padded_shape
from lumirage_bids.spatial.transforms import displacement_on

if TYPE_CHECKING:
    from lumirage_bids.spatial.images import Volume
    from lumirage_bids.spatial.transforms import Transform


class WarmStart:
    """The displacement of a transform on the fixed image's grid, made smaller as images are.

    Parameters
    ----------
    transform : Transform
        Fixed world to moving world.
    fixed : Volume
        Its grid, zeros at the ends of short axes included, is that of the registration.
    linear : array, shape (3, 3)
        Displacements in the moving grid's normalised coordinates to mm in the world.
    device : torch.device
    threads : int
    """

    def __init__(
        self,
        transform: Transform,
        fixed: Volume,
        linear: npt.NDArray[np.float64],
        device: torch.device,
        threads: int,
    ) -> None:
        x, y, z = padded_shape(fixed)
        field = displacement_on(transform, (x, y, z), fixed.affine, threads=threads).vectors
        normalised = field @ np.linalg.inv(linear).T.astype(np.float32)
        self.whole = torch.from_numpy(np.ascontiguousarray(normalised.transpose(3, 2, 1, 0)))[None].to(device)

    def resize(self, size: Sequence[int]) -> torch.Tensor:
        """The displacement on a smaller grid, shape (1, Z, Y, X, 3), smoothed before as FireANTs smooths images."""
        factors = [whole / n for whole, n in zip(self.whole.shape[2:], size, strict=True)]
        if max(factors) == 1:
            return self.whole.movedim(1, -1)
        kernels = [gaussian(0.5 * factor).to(self.whole) for factor in factors]
        # Beyond the grid is nothing, which is not a displacement of 0.
        reach = convolve(torch.ones_like(self.whole[:, :1]), kernels)
        smooth = convolve(self.whole, kernels) / reach
        return functional.interpolate(smooth, size=list(size), mode="trilinear", align_corners=True).movedim(1, -1)
