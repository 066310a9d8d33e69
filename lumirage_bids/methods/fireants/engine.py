"""FireANTs' Greedy and SyN with compiled steps on a CPU, and with compositions that are right for any pair of grids.

FireANTs keeps the multi-resolution scheme and the stopping rule. Replaced: the sampling of images, by a backend in its
registry of samplers; and, in subclasses, the smoothing of images and the optimiser of a warp. FireANTs samples the
moving image at A x + u(x), where A takes the fixed grid's normalised coordinates to the moving grid's, and updates u(x)
to d + u(x + d); that composes the maps only where A is the identity. Here the step d is taken in the fixed grid's
coordinates and u(x) becomes A d + u(x + d), so that storage, field of view and rotation of the moving grid do not
change the warp. For A = 1 both are the same.

Loaded only while a method runs, so torch is imported at the top.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from lumirage_bids.methods.fireants.library import fits_kernels, quiet

with quiet():
    from fireants.interpolator import fireants_interpolator
    from fireants.losses.cc import separable_filtering
    from fireants.registration.greedy import GreedyRegistration
    from fireants.registration.optimizers.adam import WarpAdam
    from fireants.registration.syn import SyNRegistration


def gaussian(sigma: float) -> torch.Tensor:
    """Weights of a Gaussian averaged over each voxel, cut off at two standard deviations (voxels), summing to one."""
    tail = int(max(2 * sigma, 0.5) + 0.5)
    edges = torch.arange(-tail, tail + 2) - 0.5
    weights = torch.diff(torch.erf(edges / (math.sqrt(2) * sigma)))
    return weights / weights.sum()


def convolve(image: torch.Tensor, kernels: list[torch.Tensor]) -> torch.Tensor:
    """Convolve every channel of (batch, channels, Z, Y, X) with a separable kernel, zeros outside."""
    if not fits_kernels(image):
        return separable_filtering(image, kernels)  # type: ignore[no-any-return]
    from lumirage_bids.methods.fireants import warp_kernels as kernel

    last = image.detach().movedim(1, -1).contiguous()
    out = [kernel.smooth(b.numpy(), [k.numpy() for k in kernels], torch.get_num_threads()) for b in last]
    return torch.from_numpy(np.stack(out)).movedim(-1, 1)


class Optimiser(WarpAdam):  # type: ignore[misc]
    """Adam on the gradient of a warp, its step composed with the warp, as in FireANTs.

    Parameters
    ----------
    warp : Parameter, shape (pairs, Z, Y, X, 3)
        Displacements in the sampled grid's normalised coordinates; each pair's steps are its own.
    linear : array, shape (3, 3)
        Linear part of the map from the warp's to the sampled grid's normalised coordinates.
    step : float
        Longest step, half voxels of the longest axis.
    smooth_warp_sigma, smooth_grad_sigma : float
        Standard deviations of the Gaussians, voxels; zero for none.
    start : callable, optional
        Size of a grid → displacement (1, Z, Y, X, 3) to go on from; without it the warp begins at 0.
    """

    def __init__(
        self,
        warp: torch.nn.Parameter,
        linear: npt.NDArray[np.float64],
        *,
        step: float,
        smooth_warp_sigma: float,
        smooth_grad_sigma: float,
        start: Callable[[list[int]], torch.Tensor] | None = None,
    ) -> None:
        super().__init__(warp, lr=step)
        self.start = start
        self.begun = torch.zeros_like(warp[:1])
        self.linear = torch.as_tensor(linear, dtype=warp.dtype, device=warp.device)
        self.kernels = [
            gaussian(sigma).to(warp) if sigma > 0 else None for sigma in (smooth_grad_sigma, smooth_warp_sigma)
        ]

    def set_data_and_size(self, warp: torch.nn.Parameter, size: list[int], grid_copy: Any = None) -> None:
        """Go on with a resized warp, the start in it as this size shows it."""
        super().set_data_and_size(warp, size, grid_copy)
        if self.start is not None:
            before = functional.interpolate(
                self.begun.movedim(-1, 1), size=size, mode="trilinear", align_corners=True
            ).movedim(1, -1)
            self.begun = self.start(size).to(warp)
            self.warp.data = self.warp.data + (self.begun - before)
        for tensor in (self.warp, self.exp_avg, self.exp_avg_sq):
            tensor.data = tensor.data.contiguous()

    def initialize_grid(self, size: list[int], grid_copy: Any = None) -> None:
        """Keep no coordinates of the voxels: the kernels do without, and FireANTs makes them where it has none."""
        self.grid = None

    def step(self, loss: torch.Tensor | None = None) -> None:
        """Take one step along the gradient that the loss has left in the warp."""
        self.step_t += 1
        (self._step_compiled if fits_kernels(self.warp) else self._step_torch)()

    def _scale(self, longest: torch.Tensor) -> torch.Tensor:
        """Factor for Adam's direction: against the gradient, no vector longer than the step."""
        scale: torch.Tensor = -self.lr * self.half_resolution / (longest + self.eps).clamp(min=1.0)
        return scale

    def _step_compiled(self) -> None:
        state = (self.warp, self.warp.grad.contiguous(), self.exp_avg, self.exp_avg_sq)
        pairs = zip(*(t.detach().numpy() for t in state), strict=True)
        self.warp.data = torch.stack([torch.from_numpy(self._step(*pair)) for pair in pairs])

    def _step(
        self,
        warp: npt.NDArray[np.float32],
        gradient: npt.NDArray[np.float32],
        mean: npt.NDArray[np.float32],
        square: npt.NDArray[np.float32],
    ) -> npt.NDArray[np.float32]:
        """One pair's warp after the step, shape (Z, Y, X, 3); its moments are updated in place."""
        from lumirage_bids.methods.fireants import warp_kernels as kernel

        threads = torch.get_num_threads()
        of_gradient, of_warp = (None if k is None else [k.numpy()] * 3 for k in self.kernels)
        if of_gradient:
            gradient = kernel.smooth(gradient, of_gradient, threads)
        linear = self.linear.numpy()
        longest = kernel.adam_direction(
            gradient, mean, square, linear=linear, betas=(self.beta1, self.beta2), step=self.step_t, threads=threads
        )
        scale = float(self._scale(torch.tensor(longest)))
        composed = kernel.compose(warp, gradient, scale, linear, threads)
        return kernel.smooth(composed, of_warp, threads) if of_warp else composed

    @torch.no_grad()
    def _step_torch(self) -> None:
        smooth_gradient, smooth_warp = (self._smoother(k) for k in self.kernels)
        gradient = smooth_gradient(self.warp.grad) @ self.linear
        self.exp_avg.lerp_(gradient, 1 - self.beta1)
        self.exp_avg_sq.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        spread = (self.exp_avg_sq / (1 - self.beta2**self.step_t)).sqrt_().add_(self.eps)
        direction = self.exp_avg / (1 - self.beta1**self.step_t) / spread
        direction *= self._scale(direction.norm(dim=-1).amax(dim=(1, 2, 3), keepdim=True))[..., None]
        sampled = fireants_interpolator.warp_composer(
            self.warp.data, affine=self.affine_init, v=direction, grid=self.grid, align_corners=True
        )
        self.warp.data = smooth_warp(sampled + direction @ self.linear.T).contiguous()

    @staticmethod
    def _smoother(kernel: torch.Tensor | None) -> Any:
        def smooth(field: torch.Tensor) -> torch.Tensor:
            if kernel is None:
                return field
            return separable_filtering(field.movedim(-1, 1).contiguous(), [kernel] * 3).movedim(1, -1)  # type: ignore[no-any-return]

        return smooth


class _Sampled(torch.autograd.Function):
    """Channels at A x + u(x) with their derivative by u, both compiled; nothing the size of the field is kept."""

    @staticmethod
    def forward(ctx: Any, channels: torch.Tensor, displacement: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        """Sample (channels, Z', Y', X') at the points of a displacement (Z, Y, X, 3)."""
        from lumirage_bids.methods.fireants import sampling_kernels as kernel

        ctx.save_for_backward(channels, displacement, matrix)
        pixels, field, affine = (t.detach().numpy() for t in (channels, displacement, matrix))
        return torch.from_numpy(kernel.sample(pixels, field, affine, torch.get_num_threads()))

    @staticmethod
    def backward(ctx: Any, *outputs: torch.Tensor) -> tuple[None, torch.Tensor, None]:
        """Derivative by the displacement; images and matrices are not optimised."""
        from lumirage_bids.methods.fireants import sampling_kernels as kernel

        upstream = outputs[0].contiguous().numpy()
        pixels, field, affine = (t.detach().numpy() for t in ctx.saved_tensors)
        gradient = kernel.sample_gradient(pixels, field, affine, upstream, torch.get_num_threads())
        return None, torch.from_numpy(gradient), None


def _sampler(otherwise: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """FireANTs' sampler of volumes for what its registrations ask of it on a CPU, else `otherwise`."""

    def sample(
        input: torch.Tensor,
        affine: torch.Tensor | None = None,
        grid: torch.Tensor | None = None,
        mode: str = "bilinear",
        is_displacement: bool = True,
        **rest: Any,
    ) -> torch.Tensor:
        usual = mode == "bilinear" and is_displacement and rest in ({}, {"align_corners": True})
        if not usual or grid is None or input.requires_grad or {input.dtype, grid.dtype} != {torch.float32}:
            return otherwise(input, affine, grid, mode=mode, is_displacement=is_displacement, **rest)
        matrices = torch.eye(3, 4).expand(len(grid), 3, 4) if affine is None else affine.float()
        pairs = zip(input.contiguous(), grid.contiguous(), matrices, strict=True)
        return torch.stack([_Sampled.apply(*pair) for pair in pairs])  # type: ignore[no-untyped-call]

    return sample


@contextlib.contextmanager
def compiled_sampling() -> Iterator[None]:
    """Let FireANTs sample volumes on a CPU by our kernels; on a GPU it goes on as it does."""
    samplers = fireants_interpolator._registry[False]
    stock = samplers["grid_sample_3d"]
    samplers["grid_sample_3d"] = _sampler(stock)
    try:
        yield
    finally:
        samplers["grid_sample_3d"] = stock


class Smoothing:
    """Mixin: image pyramids by `convolve` on a CPU; FireANTs' own way, which may be fused, on a GPU."""

    def _downsample_image_and_mask(
        self, arrays: torch.Tensor, *, size: list[int], mode: str, gaussians: Any = None, align_corners: bool = True
    ) -> torch.Tensor:
        if arrays.device.type != "cpu" or gaussians is None:
            return super()._downsample_image_and_mask(  # type: ignore[misc,no-any-return]
                arrays, size=size, mode=mode, gaussians=gaussians, align_corners=align_corners
            )
        return functional.interpolate(convolve(arrays, gaussians), size=size, mode=mode, align_corners=align_corners)

    def _smooth_image_not_mask(self, arrays: torch.Tensor, gaussians: Any) -> torch.Tensor:
        return convolve(arrays, gaussians)


class GreedyWarp(Smoothing, GreedyRegistration):  # type: ignore[misc]
    """FireANTs' greedy registration: the moving image is sampled at A x + u(x)."""


class SynWarps(Smoothing, SyNRegistration):  # type: ignore[misc]
    """FireANTs' symmetric registration: moving at A x + u(x) and fixed at x + v(x) meet half-way."""
