"""Mutual information of two images as a loss. Loaded only while a method runs, so torch is imported at the top."""

from __future__ import annotations

import torch

BINS = 32
"""Bins of the joint histogram along either image's intensities."""


class MutualInformation(torch.nn.Module):
    """Negative mutual information of two images, whatever their contrasts.

    One image's intensities fall into bins, the other's are spread over four bins by a cubic B-spline, which makes the
    joint histogram differentiable by the latter. Where both images move, both ways round are averaged.

    Parameters
    ----------
    samples : int or None
        At most about so many evenly spread voxels are looked at; None for all.

    References
    ----------
    Mattes D, Haynor DR, Vesselle H, Lewellen TK, Eubank W. PET-CT image registration in the chest using free-form
    deformations. IEEE Trans Med Imaging 22:120-128 (2003). doi:10.1109/TMI.2003.809072
    """

    def __init__(self, samples: int | None = None) -> None:
        super().__init__()
        self.samples = samples

    def forward(
        self, predicted: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Compare two images of one shape with values from 0 to 1, a weight for each voxel; returns a scalar."""
        stride = max(1, target.numel() // self.samples) | 1 if self.samples else 1  # odd: visits all columns of a grid
        one, other = (image.reshape(-1)[::stride].clamp(0, 1) for image in (predicted, target))
        own = None if weight is None else weight.expand_as(target).reshape(-1)[::stride]
        if not other.requires_grad:
            return _negative_information(one, other, own)
        return (_negative_information(one, other, own) + _negative_information(other, one, own)) / 2


def _negative_information(spread: torch.Tensor, binned: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
    """Negative mutual information of two rows of intensities, differentiable by the first."""
    position = spread * (BINS - 4) + 1.5
    lower = position.detach().floor()
    f = position - lower
    spline = torch.stack(
        [(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, 3 * (1 + f - f**2) * f + 1, f**3], dim=1
    ) / (6 * spread.numel())  # fmt: skip
    if weight is not None:
        spline = spline * (weight * (weight.numel() / weight.sum()))[:, None]
    row = (binned.detach() * BINS).long().clamp(max=BINS - 1)
    cell = (row * BINS + lower.long() - 1)[:, None] + torch.arange(4, device=row.device)
    joint = spline.new_zeros(BINS * BINS).index_add(0, cell.reshape(-1), spline.reshape(-1)).reshape(BINS, BINS)
    independent = joint.sum(0, keepdim=True) * joint.sum(1, keepdim=True)
    return -(joint * torch.log((joint + 1e-9) / (independent + 1e-9))).sum()
