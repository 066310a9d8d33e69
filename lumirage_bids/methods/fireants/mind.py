"""Self-similarity context (MIND-SSC): compares images of different contrast by what they resemble of themselves.

An image's descriptor has twelve channels, one for each edge between those of a voxel's six neighbours that are a
quarter turn apart. With the neighbours x + p of voxel x at distance q (the dilation) along the axes, edge k from
x + a_k to x + b_k, and I outside the image the intensity of the nearest voxel in it:

    D_k(x) = mean over the cube |o| ≤ r of (I(x + a_k + o) − I(x + b_k + o))²
    Δ_k = D_k − min over k of D_k        v = mean over k of Δ_k        V = v held in [0.001, 1000] · mean of v over x
    m_k = exp(−Δ_k / V)                  loss = mean over x and k of (m_k of one image − m_k of the other)²

The descriptor does not change when I becomes c I + d, c of either sign: D and V take the same factor. The gradient
takes the mean of v over x as given; where several D_k are least they share alike what the minimum gets. The authors'
code (convexAdam) defines the descriptor so, and also leaves the mean of v out of the gradient. It replicates, besides
the image, each edge's squared difference before the mean over the cube; here the image alone is replicated, which
changes descriptors within r voxels of the border only.

The twelve edges are six pairs of parallel ones, and so six box filters do for them, at the border too: with F(y) the
mean over the cube of (I(y + o) − I(y + u + o))², an edge that begins at x + a and has direction u has D(x) = F(x + a).

Loaded only while a method runs, so torch is imported at the top.

References
----------
Heinrich MP, Jenkinson M, Papież BW, Brady SM, Schnabel JA. Towards realtime multimodal fusion for image-guided
interventions using self-similarities. MICCAI 2013, LNCS 8149:187-194. doi:10.1007/978-3-642-40811-3_24
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from lumirage_bids.base.errors import UsageError
from lumirage_bids.methods.fireants.library import fits_kernels

if TYPE_CHECKING:
    from lumirage_bids.methods.fireants.mind_steps import Steps

LIMITS = (1e-3, 1e3)
"""Least and largest variance, as a multiple of its mean over the image."""

RADIUS, DILATION = 2, 2
"""Of the patch, and of the neighbourhood, voxels."""
REACH = RADIUS + DILATION
"""Voxels along each axis from which a descriptor takes intensities."""

LARGEST = 16
"""Largest radius and dilation, voxels."""

Place = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Direction:
    """Two parallel edges, which share one field: where they lie (z, y, x).

    Attributes
    ----------
    tail, head : tuple of int
        Corners of the two parts of the padded image whose squared difference makes the field.
    places : tuple of two tuples of int
        Where in the field the first voxel of the image finds its two edges.
    """

    tail: Place
    head: Place
    places: tuple[Place, Place]


def directions(dilation: int) -> list[Direction]:
    """List the six directions of the edges between neighbours at a distance of `dilation` voxels.

    The image is padded by radius + dilation. A part of it exceeds the field, and the field the image, by two radii
    and by the dilation, respectively.
    """

    def place(*axes: int) -> Place:
        z, y, x = (dilation if axis in axes else 0 for axis in range(3))
        return z, y, x

    found = []
    for i, j in combinations(range(3), 2):
        (k,) = {0, 1, 2} - {i, j}
        found.append(Direction(tail=place(k), head=place(i, j, k), places=(place(i), place(j))))
        found.append(Direction(tail=place(i, k), head=place(j, k), places=(place(), place(i, j))))
    return found


class MindSsc(torch.nn.Module):
    """Mean squared difference of two images' self-similarity context, 0 to 1.

    Parameters
    ----------
    radius : int
        Of the cubic patch, voxels; it has 2 radius + 1 a side.
    dilation : int
        Distance of a voxel's six neighbours, voxels.
    """

    def __init__(self, radius: int = RADIUS, dilation: int = DILATION) -> None:
        super().__init__()
        for name, value, least in (("radius", radius, 0), ("dilation", dilation, 1)):
            if not least <= value <= LARGEST:
                raise UsageError(f"The {name} of MIND-SSC is {value!r}; allowed: {least} to {LARGEST} voxels.")
        self.radius, self.dilation = radius, dilation

    def forward(
        self, predicted: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Compare two images of shape (batch, channels, Z, Y, X); returns a scalar.

        Of the voxels that weigh 0, in a tensor of shape (batch, 1, Z, Y, X), no descriptor that counts takes anything.
        """
        if predicted.shape != target.shape:
            raise ValueError(f"Images to compare differ in shape: {tuple(predicted.shape)}, {tuple(target.shape)}")
        pairs = zip(predicted.flatten(0, 1), target.flatten(0, 1), strict=True)
        weights = [None] * len(predicted) if weight is None else [own[0] for own in weight]
        each = [own for own in weights for _ in range(predicted.shape[1])]
        return torch.stack([self._loss(*pair, own) for pair, own in zip(pairs, each, strict=True)]).mean()

    def _loss(self, image: torch.Tensor, other: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        """Compare two arrays of shape (Z, Y, X)."""
        if weight is None and fits_kernels(image) and fits_kernels(other):
            loss: torch.Tensor = _Loss.apply(image, other, self.radius, self.dilation)  # type: ignore[no-untyped-call]
            return loss
        first, second = (descriptor(each, self.radius, self.dilation) for each in (image, other))
        if weight is None:
            return (first - second).square().mean()
        reach = self.radius + self.dilation
        counts = 1 - functional.max_pool3d(1 - weight[None], 2 * reach + 1, stride=1, padding=reach)[0]
        return ((first - second).square().mean(0) * counts).sum() / counts.sum()


def descriptor(image: torch.Tensor, radius: int = RADIUS, dilation: int = DILATION) -> torch.Tensor:
    """Describe an image of shape (Z, Y, X) by torch's own operations, on any device, in any precision.

    Returns
    -------
    tensor, shape (12, Z, Y, X)
        In (0, 1], 1 for the least distance; parallel edges are neighbours.
    """
    padded = functional.pad(image[None, None], [radius + dilation] * 6, mode="replicate")[0, 0]
    ends = [n + dilation + 2 * radius for n in image.shape]
    ways = directions(dilation)
    fields = _box(torch.stack([_part(padded, w.tail, ends) - _part(padded, w.head, ends) for w in ways]) ** 2, radius)
    distances = torch.stack(
        [_part(field, place, image.shape) for field, way in zip(fields, ways, strict=True) for place in way.places]
    )
    distances = distances - distances.amin(0)
    variance = distances.mean(0)
    mean = variance.mean().detach()
    # Without contrast distances are zero, and so is what they are divided by: any number will do.
    unit = torch.where(mean * LIMITS[0] > torch.finfo(mean.dtype).tiny, mean, 1.0)
    return torch.exp(-distances / variance.clamp(unit * LIMITS[0], unit * LIMITS[1]))


def describe(image: torch.Tensor, radius: int = RADIUS, dilation: int = DILATION) -> torch.Tensor:
    """Describe an image that is not optimised, as `descriptor` does; by compiled loops where they can.

    Returns
    -------
    tensor, shape (12, Z, Y, X)
    """
    if not fits_kernels(image):
        return descriptor(image, radius, dilation)
    steps = _steps(image, radius, dilation)
    return torch.from_numpy(steps.describe(image.contiguous().numpy(), LIMITS))


def _steps(image: torch.Tensor, radius: int, dilation: int) -> Steps:
    """The compiled steps for images of this shape."""
    from lumirage_bids.methods.fireants.mind_steps import Steps

    return Steps(
        shape=tuple(image.shape), radius=radius, dilation=dilation,
        directions=directions(dilation), threads=torch.get_num_threads(),
    )  # fmt: skip


def _part(padded: torch.Tensor, corner: Place, size: Any) -> torch.Tensor:
    """Part of an array of shape (Z, Y, X) that begins at a corner."""
    z, y, x = (slice(start, start + n) for start, n in zip(corner, size, strict=True))
    return padded[z, y, x]


def _box(stack: torch.Tensor, radius: int) -> torch.Tensor:
    """Mean over the cubes that lie within; shape (channels, Z, Y, X), smaller by two radii afterwards."""
    for axis in range(3):
        size = [1, 1, 1]
        size[axis] = 2 * radius + 1
        stack = functional.avg_pool3d(stack[None], size, stride=1)[0]
    return stack


class _Loss(torch.autograd.Function):
    """The loss by compiled loops; its gradient is made on the way forward, while the fields are at hand."""

    @staticmethod
    def forward(ctx: Any, image: torch.Tensor, other: torch.Tensor, radius: int, dilation: int) -> torch.Tensor:
        """Return the loss of two arrays of shape (Z, Y, X) and keep the gradients that will be asked for."""
        arrays = (image.detach().contiguous().numpy(), other.detach().contiguous().numpy())
        steps = _steps(image, radius, dilation)
        loss, gradients = steps.loss_and_gradients(arrays, LIMITS, ctx.needs_input_grad[:2])
        ctx.save_for_backward(*(None if g is None else torch.from_numpy(g) for g in gradients))
        return image.new_tensor(loss)

    @staticmethod
    def backward(ctx: Any, *outputs: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
        """Scale the kept gradients."""
        first, second = (None if g is None else g * outputs[0] for g in ctx.saved_tensors)
        return first, second, None, None
