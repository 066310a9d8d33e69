"""From two volumes to a displacement field by FireANTs. Loaded only while a method runs, so torch is at the top."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from lumirage_bids.base.errors import LumirageError
from lumirage_bids.methods.fireants import engine
from lumirage_bids.methods.fireants.lesions import WithoutLesions, fill_in, lesion_channel
from lumirage_bids.methods.fireants.library import (
    batch,
    centre,
    check_finite,
    fits_kernels,
    padded_shape,
    prepare_torch,
    quiet,
    to_world,
)
from lumirage_bids.methods.fireants.lncc import LocalNormalisedCrossCorrelation
from lumirage_bids.methods.fireants.mind import REACH, MindSsc, describe
from lumirage_bids.methods.fireants.mutual_information import MutualInformation
from lumirage_bids.methods.fireants.warm_start import WarmStart
from lumirage_bids.spatial.preparation import rescale
from lumirage_bids.spatial.transforms import DisplacementField, Transform

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context
    from lumirage_bids.methods.fireants.deformable import Deformable
    from lumirage_bids.spatial.images import Volume

log = logging.getLogger("lumirage")

INVERSE_TOLERANCE = 0.01
"""Residual of an inverted warp, voxels, below which a voxel is done."""

INVERSE_ITERATIONS = 60

FULL_STEPS = 15
"""Iterations after which the steps are halved, and halved again."""


WARPS = {engine.GreedyWarp: ("warp",), engine.SynWarps: ("fwd_warp", "rev_warp")}
"""Names of a registration's warps; those other than the first belong to the fixed image."""


def greedy(method: Deformable, fixed: Volume, moving: Volume, context: Context) -> Transform:
    """Register by FireANTs' greedy method; see `Method.register`."""
    return read_greedy(optimise(engine.GreedyWarp, method, fixed, moving, context), fixed, moving)


def syn(method: Deformable, fixed: Volume, moving: Volume, context: Context) -> Transform:
    """Register by FireANTs' symmetric method; see `Method.register`."""
    return read_syn(optimise(engine.SynWarps, method, fixed, moving, context), fixed, moving)


def read_greedy(registration: Any, fixed: Volume, moving: Volume) -> Transform:
    """Take the map out of FireANTs' greedy registration: fixed points x go to A x + u(x)."""
    return _transform(_resize(registration.warp.get_warp(), fixed), _linear(moving), fixed)


def read_syn(registration: Any, fixed: Volume, moving: Volume) -> Transform:
    """Take the map out of FireANTs' symmetric registration.

    Half-way points x go to A x + f(x) in the moving and to x + r(x) in the fixed image. With the inverse
    x = p + v(p) of the latter a fixed point p goes to A (p + v(p)) + f(p + v(p)). On the way back a moving point A q
    goes to x = q + w(q), the inverse of x + A⁻¹ f(x), and from there to x + r(x).
    """
    forward, reverse = (_resize(w.get_warp(), fixed) for w in (registration.fwd_warp, registration.rev_warp))
    inverse = invert(reverse)
    residual = (_residual(reverse, inverse) @ torch.as_tensor(_linear(fixed)).to(reverse).T).norm(dim=-1)
    log.debug(
        "Inverse of SyN's reverse warp: residual %.4f mm on average, %.4f mm at most", residual.mean(), residual.max()
    )
    to_moving = torch.as_tensor(_to_moving(fixed, moving)).to(reverse)
    there = _transform(_sample_displaced(forward, inverse) + inverse @ to_moving.T, _linear(moving), fixed)
    inverse = invert(forward @ torch.linalg.inv(to_moving).T)
    return replace(there, inverse=_transform(inverse + _sample_displaced(reverse, inverse), _linear(fixed), fixed))


def optimise(
    kind: type[Any], method: Deformable, fixed: Volume, moving: Volume, context: Context, *, copies: int = 1
) -> Any:
    """Set up FireANTs and let it optimise; so many copies of the pair at once, to measure what that costs.

    What another method found is where the moving image's warp begins, of two warps too, so that the start is exactly
    this: half-way is then where the fixed image is, and from there both warps go equally far. ANTs does the same with
    an initial moving transform.
    """
    device = prepare_torch(context)
    similarity = method.similarity_for(multimodal=context.pair is not None and context.pair.multimodal)
    lesions = (context.fixed_lesion, context.moving_lesion)
    images = [fill_in(*each) for each in zip((fixed, moving), lesions, strict=True)]
    channels = [_channels(v, similarity) for v in images]
    loss = _loss(similarity, method.window)
    if any(lesion is not None for lesion in lesions):
        loss, reach = WithoutLesions(loss), REACH if similarity == "mind-lncc" else 0
        for own, volume, lesion in zip(channels, images, lesions, strict=True):
            own.append(lesion_channel(volume, lesion, reach))
    with quiet():
        origin = centre(fixed)
        images = [batch(*each, origin=origin, device=device, copies=copies) for each in channels]
        registration = kind(
            list(method.scales), list(method.iterations), *images,
            loss_type="custom", custom_loss=loss, loss_params={},
            smooth_warp_sigma=0, smooth_grad_sigma=0, max_tolerance_iters=method.max_tolerance_iters,
            progress_bar=False,
        )  # fmt: skip
        start = None
        if context.initial is not None:
            start = WarmStart(context.initial, fixed, _linear(moving), device, context.threads).resize
        for name, linear, begins in zip(
            WARPS[kind], (_to_moving(fixed, moving), np.eye(3)), (start, None), strict=False
        ):
            warp = getattr(registration, name)
            warp.optimizer = engine.Optimiser(
                warp.warp, linear, step=method.step, start=begins,
                smooth_warp_sigma=method.smooth_warp_sigma, smooth_grad_sigma=method.smooth_grad_sigma,
            )  # fmt: skip
        with engine.compiled_sampling():
            registration.optimize()
    return registration


def _loss(similarity: str, window: int) -> torch.nn.Module:
    """What is minimised."""
    if similarity in ("lncc", "mind-lncc"):
        return LocalNormalisedCrossCorrelation(window)
    return MindSsc() if similarity == "mind" else MutualInformation()


def _channels(volume: Volume, similarity: str) -> list[Volume]:
    """What is compared of an image."""
    if similarity == "mind-lncc":
        return _describe(volume)
    if similarity == "mi" and (volume.array.min() < 0 or volume.array.max() > 1):
        return [replace(volume, array=rescale(check_finite(volume)))]  # its bins lie between 0 and 1
    return [volume]


def _describe(volume: Volume) -> list[Volume]:
    """Channels of an image's self-similarity context, as images on its grid."""
    image = torch.from_numpy(np.ascontiguousarray(check_finite(volume).T))
    return [replace(volume, array=channel.numpy().T) for channel in describe(image)]


def _linear(volume: Volume) -> npt.NDArray[np.float64]:
    """Matrix (3, 3) that takes a displacement in the (padded) grid's normalised coordinates to mm in the world."""
    return to_world(volume.affine, padded_shape(volume))[:3, :3]


def _to_moving(fixed: Volume, moving: Volume) -> npt.NDArray[np.float64]:
    """Matrix (3, 3) from the fixed grid's to the moving grid's normalised coordinates, the linear part."""
    return np.asarray(np.linalg.solve(_linear(moving), _linear(fixed)), dtype=np.float64)


def _resize(warp: torch.Tensor, fixed: Volume) -> torch.Tensor:
    """Warp (1, Z, Y, X, 3) on the grid of the fixed image; it is smaller when the last scale is not 1."""
    size = padded_shape(fixed)[::-1]
    warp = warp.detach()
    if warp.shape[1:4] == size:
        return warp
    return functional.interpolate(warp.movedim(-1, 1), size=size, mode="trilinear", align_corners=True).movedim(1, -1)


def _transform(warp: torch.Tensor, linear: npt.NDArray[np.float64], fixed: Volume) -> Transform:
    """Displacements in normalised coordinates as a field in mm on the fixed grid.

    Both images share the world, so x and A x are one world point and only the warp moves it.
    """
    x, y, z = fixed.shape
    vectors = (warp[0] @ torch.as_tensor(linear).to(warp).T).permute(2, 1, 0, 3)[:x, :y, :z]
    if not torch.isfinite(vectors).all():
        raise LumirageError("The registration diverged: its displacements are not finite. Try a smaller step.")
    return Transform(
        (
            DisplacementField(
                vectors=vectors.contiguous().cpu().numpy(), affine=np.array(fixed.affine, dtype=np.float64)
            ),
        )
    )


def invert(warp: torch.Tensor) -> torch.Tensor:
    """Invert x + warp(x) by the fixed-point iteration v(p) = −warp(p + v(p)), voxel by voxel until it has converged.

    Where the warp stretches more than twofold the plain iteration swings for ever, so the steps become smaller.

    Parameters
    ----------
    warp : tensor, shape (1, Z, Y, X, 3)
        Displacements in normalised coordinates; linear in between, held at the border outside.

    Returns
    -------
    tensor, shape (1, Z, Y, X, 3)
        Displacements v with p + v(p) the point that the warp carries to p.

    References
    ----------
    Chen M, Lu W, Chen Q, Ruchala KJ, Olivera GH. A simple fixed-point approach to invert a deformation field.
    Med Phys 35:81-88 (2008). doi:10.1118/1.2816107
    """
    if fits_kernels(warp):
        from lumirage_bids.methods.fireants import inverse_kernels

        return torch.from_numpy(
            inverse_kernels.invert(
                warp[0].contiguous().numpy(), tolerance=INVERSE_TOLERANCE, iterations=INVERSE_ITERATIONS,
                full_steps=FULL_STEPS, threads=torch.get_num_threads(),
            )
        )[None]  # fmt: skip
    voxels = (torch.tensor(warp.shape[3:0:-1]).to(warp) - 1) / 2
    places = _places(warp).reshape(-1, 3)
    inverse = -warp.reshape(-1, 3)
    left = torch.arange(len(inverse), device=warp.device)
    for iteration in range(INVERSE_ITERATIONS):
        residual = inverse[left] + _sample(warp, (places[left] + inverse[left])[None, None, None])[0, 0, 0]
        far = (residual * voxels).norm(dim=-1) >= INVERSE_TOLERANCE
        left, residual = left[far], residual[far]
        if not len(left):
            break
        inverse[left] -= residual * 0.5 ** (iteration // FULL_STEPS)
    return inverse.reshape(warp.shape)


def _residual(warp: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    """How far a point that goes back by the inverse and forth by the warp ends from where it was."""
    return inverse + _sample_displaced(warp, inverse)


def _sample_displaced(field: torch.Tensor, displacement: torch.Tensor) -> torch.Tensor:
    """Field at x + displacement(x), both of shape (1, Z, Y, X, 3)."""
    if fits_kernels(field):
        from lumirage_bids.methods.fireants import inverse_kernels

        values, steps = (t[0].contiguous().numpy() for t in (field, displacement))
        return torch.from_numpy(inverse_kernels.follow(values, steps, torch.get_num_threads()))[None]
    return _sample(field, _places(field) + displacement)


def _places(field: torch.Tensor) -> torch.Tensor:
    """Normalised coordinates of the voxel centres, shape (1, Z, Y, X, 3)."""
    return functional.affine_grid(torch.eye(3, 4).to(field)[None], [1, 1, *field.shape[1:4]], align_corners=True)


def _sample(field: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Field at points (1, …, …, …, 3), linear in between, its border value outside."""
    return functional.grid_sample(
        field.movedim(-1, 1), points, mode="bilinear", padding_mode="border", align_corners=True
    ).movedim(1, -1)
