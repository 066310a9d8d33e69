"""Cost function masking: what lies in a lesion is left out of what FireANTs' registrations optimise.

The lesion is one more channel of its image, smoothed, reduced and warped with it at every scale: what it tells is how
much of a voxel's intensity is the lesion's. A voxel counts where that is little in either image. What counts follows
the warp but is not itself optimised, or lesions would be blown up for the sake of the rest.

A mask alone is not enough where images are smoothed: the lesion's blurred edge, which the other image lacks, would be
matched by shrinking the lesion. To leave all of that edge out takes away more of the tissue around, at every scale but
the last. So the lesion is filled in from its surroundings before anything else: whatever it looked like, the result is
the same. On six pairs of real scans with made-up lesions (2 mm, greedy) Dice within 10 mm of them was 0.576 without a
mask, 0.573 with all of the edge left out, 0.599 filled in, and 0.615 where there were no lesions.

Loaded only while a method runs, so torch is imported at the top.

References
----------
Brett M, Leff AP, Rorden C, Ashburner J. Spatial normalization of brain images with focal lesions using cost function
masking. NeuroImage 14:486-500 (2001). doi:10.1006/nimg.2001.0845
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.ndimage import binary_dilation, gaussian_filter

from lumirage_bids.spatial.grids import region_on

if TYPE_CHECKING:
    from lumirage_bids.spatial.images import Volume


LITTLE = 0.1
"""Share of a voxel's intensity that is the lesion's, below which the voxel counts."""
WIDTH = 2.0
"""Standard deviation of the Gaussian that fills in a lesion, voxels."""
LEAST = 1e-3
"""Share of that Gaussian at least that lies outside the lesion, where it fills in."""


class WithoutLesions(torch.nn.Module):
    """A loss of two images whose last channels are their lesions, 0 to 1.

    Parameters
    ----------
    loss : Module
        Takes two images and a weight for each voxel.
    """

    def __init__(self, loss: torch.nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Compare two images of shape (batch, channels, Z, Y, X); returns a scalar."""
        ours, theirs = ((image[:, -1:].detach() < LITTLE).to(image.dtype) for image in (predicted, target))
        result: torch.Tensor = self.loss(predicted[:, :-1], target[:, :-1], ours * theirs)
        return result


def fill_in(image: Volume, lesion: Volume | None) -> Volume:
    """An image whose lesion is as its surroundings are: a voxel is the mean of those around, deep in it of these."""
    inside = region_on(lesion, image)
    if not inside.any():
        return image
    outside = (~inside).astype(np.float32)
    near = gaussian_filter(outside, WIDTH)
    reached = inside & (near > LEAST)
    array = np.array(image.array, dtype=np.float32)
    array[reached] = (gaussian_filter(array * outside, WIDTH)[reached]) / near[reached]
    array[inside & ~reached] = array[reached].mean() if reached.any() else 0
    return replace(image, array=array)


def lesion_channel(image: Volume, lesion: Volume | None, reach: int = 0) -> Volume:
    """A lesion on the grid of its image, 1 in it and so many voxels around, else 0; without one all 0."""
    inside = region_on(lesion, image)
    if reach:
        inside = binary_dilation(inside, np.ones([2 * reach + 1] * 3, bool))
    return replace(image, array=inside.astype(np.float32))
