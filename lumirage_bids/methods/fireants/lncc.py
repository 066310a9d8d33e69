"""Squared local normalised cross-correlation with its gradient in closed form.

The loss is FireANTs' (its ``losses/cc.py`` with a rectangular window and mean reduction), computed with box filters
whose cost does not depend on the window, instead of convolutions and automatic differentiation. Loaded only while a
method runs, so torch is imported at the top.

With M the mean over the window (zeros outside the image), images I and J, and a small constant s:

    c = M(IJ) − M(I) M(J)        v = max(M(I²) − M(I)², s)        w = max(M(J²) − M(J)², s)
    loss = −mean[ (c² + s) / (v w + s) ]

M is its own adjoint, so with a = 2c / (vw + s) and b = ∂ncc/∂v (zero where v is held at s) the gradient is
−[ J M(a) + 2 I M(b) − M(a M(J) + 2 b M(I)) ] / N.

With a weight u of every voxel, from 0 in a lesion to 1, M becomes M(u ·) / (1 − M(1 − u)), so that windows hold no
voxel of a lesion, and the loss the mean weighted by u: a and b are multiplied by u / (1 − M(1 − u)), the gradient by
u N / Σu.

References
----------
Avants BB, Epstein CL, Grossman M, Gee JC. Symmetric diffeomorphic image registration with cross-correlation.
Med Image Anal 12:26-41 (2008). doi:10.1016/j.media.2007.06.004
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from lumirage_bids.methods.fireants.library import fits_kernels

SMOOTH = 1e-5
"""The constant s, FireANTs': keeps windows without contrast from counting. It fits intensities from 0 to 1; beside
those that are not normalised it is nothing, or too much."""

LEAST_SHARE = 1e-6
"""Share of a window at least, in the lesion or not, by which its sums are divided; those within weigh nothing."""


class LocalNormalisedCrossCorrelation(torch.nn.Module):
    """Negative mean of the squared local normalised cross-correlation of two images, −1 to 0.

    Parameters
    ----------
    window : int
        Side of the cubic window, voxels, odd.
    """

    def __init__(self, window: int) -> None:
        super().__init__()
        self.radius = (window - 1) // 2

    def forward(
        self, predicted: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Compare two images of shape (batch, channels, Z, Y, X), with a weight a voxel for all; returns a scalar."""
        if predicted.shape != target.shape:
            raise ValueError(f"Images to compare differ in shape: {tuple(predicted.shape)}, {tuple(target.shape)}")
        weights = [None] * len(predicted) if weight is None else [own[0] for own in weight]
        losses: list[torch.Tensor] = [
            _Loss.apply(p, t, self.radius, own)  # type: ignore[no-untyped-call]
            for of_pair, of_other, own in zip(predicted, target, weights, strict=True)
            for p, t in zip(of_pair, of_other, strict=True)
        ]
        return torch.stack(losses).mean()


class _Loss(torch.autograd.Function):
    """The loss of one channel; its gradient is made on the way forward, while the statistics are at hand."""

    @staticmethod
    def forward(
        ctx: Any, image: torch.Tensor, other: torch.Tensor, radius: int, weight: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the loss of two arrays of shape (Z, Y, X) and keep the gradients that will be asked for."""
        images, needed = (image.detach(), other.detach()), ctx.needs_input_grad[:2]
        if weight is not None:
            loss, gradients = _weigh(*images, radius, needed, weight)
        else:
            loss, gradients = (_compute_on_cpu if fits_kernels(image) else _compute_with_torch)(*images, radius, needed)
        ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    def backward(ctx: Any, *outputs: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
        """Scale the kept gradients."""
        first, second = (None if g is None else g * outputs[0] for g in ctx.saved_tensors)
        return first, second, None, None


Gradients = tuple[torch.Tensor | None, torch.Tensor | None]


def _compute_with_torch(
    image: torch.Tensor, other: torch.Tensor, radius: int, needed: tuple[bool, bool]
) -> tuple[torch.Tensor, Gradients]:
    """Loss and gradients by torch's own operations: any device, any precision."""
    return _weigh(image, other, radius, needed, None)


def _weigh(
    image: torch.Tensor, other: torch.Tensor, radius: int, needed: tuple[bool, bool], weight: torch.Tensor | None
) -> tuple[torch.Tensor, Gradients]:
    """The same with weights, if there are any."""
    images = torch.stack([image, other])
    stack = torch.cat([images, images * images, (image * other)[None]])
    total: torch.Tensor | int = image.numel()
    if weight is None:
        sums, scale = _box(stack, radius), None
    else:
        share = (1 - _box(1 - weight[None], radius)[0]).clamp(min=LEAST_SHARE)
        sums, scale, total = _box(weight * stack, radius) / share, weight / share, weight.sum()
    means, squares, product = torch.split(sums, [2, 2, 1])
    cross = product[0] - means[0] * means[1]
    variances = squares - means * means
    flat = variances <= SMOOTH
    variances.clamp_(min=SMOOTH)
    denominator = variances[0] * variances[1] + SMOOTH
    ncc = (cross * cross + SMOOTH) / denominator
    by_cross = 2 * cross / denominator

    def gradient(own: int) -> torch.Tensor | None:
        if not needed[own]:
            return None
        its = 1 - own
        by_var = (-ncc * variances[its] / denominator).masked_fill(flat[own], 0)
        mixed = by_cross * means[its] + 2 * by_var * means[own]
        terms = torch.stack([by_cross, by_var, mixed])
        a, b, ab = _box(terms if scale is None else terms * scale, radius)
        whole: torch.Tensor = ab - images[its] * a - 2 * images[own] * b
        return (whole if weight is None else whole * weight) / total

    loss = -ncc.mean() if weight is None else -(weight * ncc).sum() / total
    return loss, (gradient(0), gradient(1))


def _box(stack: torch.Tensor, radius: int) -> torch.Tensor:
    """Mean over a cube around every voxel, zeros outside; shape (channels, Z, Y, X), any number of channels."""
    for axis in range(3):
        size, pad = [1, 1, 1], [0] * 6
        size[axis] = 2 * radius + 1
        pad[4 - 2 * axis] = pad[5 - 2 * axis] = radius  # torch lists the last axis first
        stack = functional.avg_pool3d(functional.pad(stack, pad)[None], size, stride=1)[0]
    return stack


def _compute_on_cpu(
    image: torch.Tensor, other: torch.Tensor, radius: int, needed: tuple[bool, bool]
) -> tuple[torch.Tensor, Gradients]:
    """Loss and gradients by compiled running sums, single precision in and out, double within."""
    from lumirage_bids.methods.fireants import box_sums

    arrays = (t.contiguous().numpy() for t in (image, other))
    loss, gradients = box_sums.loss_and_gradients(
        *arrays, radius=radius, smooth=SMOOTH, needed=needed, threads=torch.get_num_threads()
    )
    first, second = (None if g is None else torch.from_numpy(g) for g in gradients)
    return image.new_tensor(loss), (first, second)
