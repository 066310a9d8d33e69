"""Our optimiser against FireANTs', the compiled one against torch's, and the inverse of a warp against its warp."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lumirage_bids.methods.fireants import engine, register, warp_kernels
from lumirage_bids.methods.fireants.library import quiet

SIZE = (20, 17, 18)
LINEAR = np.array([[0.0, -1.1, 0.1], [0.9, 0.0, 0.0], [0.05, 0.0, 1.2]])


def parameter(seed: int, scale: float = 0.03) -> torch.nn.Parameter:
    """A smooth warp with a gradient."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(2, 3, 5, 5, 5, generator=generator)
    warp, gradient = torch.nn.functional.interpolate(coarse, size=SIZE, mode="trilinear").movedim(1, -1)
    made = torch.nn.Parameter((scale * warp)[None].contiguous())
    made.grad = gradient[None].contiguous()
    return made


def optimiser(warp: torch.nn.Parameter, linear: np.ndarray) -> engine.Optimiser:
    return engine.Optimiser(warp, linear, step=0.75, smooth_warp_sigma=0.5, smooth_grad_sigma=1.0)


@pytest.mark.parametrize("linear", [np.eye(3), LINEAR])
def test_compiled_step_is_torchs(linear: np.ndarray) -> None:
    one, other = parameter(0), parameter(0)
    compiled, plain = optimiser(one, linear), optimiser(other, linear)
    for seed in range(3):
        one.grad, other.grad = (parameter(seed).grad.clone() for _ in range(2))
        compiled.step()
        plain.step_t += 1
        plain._step_torch()
    torch.testing.assert_close(one.data, other.data, atol=1e-6, rtol=1e-4)


def test_step_is_fireants_where_the_grids_agree() -> None:
    from fireants.registration.optimizers.adam import WarpAdam

    ours, theirs = parameter(1), parameter(1)
    kernel = engine.gaussian(0.5)
    mine = engine.Optimiser(ours, np.eye(3), step=0.75, smooth_warp_sigma=0.5, smooth_grad_sigma=0)
    stock = WarpAdam(theirs, lr=0.75, smoothing_gaussians=[kernel] * 3)
    for seed in range(4):
        ours.grad, theirs.grad = (parameter(seed).grad.clone() for _ in range(2))
        mine.step()
        stock.step()
    torch.testing.assert_close(ours.data, theirs.data, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 4.0])
def test_gaussian_is_fireants(sigma: float) -> None:
    from fireants.losses.cc import gaussian_1d

    torch.testing.assert_close(engine.gaussian(sigma), gaussian_1d(torch.tensor(sigma), truncated=2))


@settings(max_examples=15)
@given(st.integers(0, 2), st.sampled_from([0.5, 1.0, 2.5]), st.integers(0, 9))
def test_compiled_smoothing_is_a_convolution(channels: int, sigma: float, seed: int) -> None:
    image = torch.rand(1, channels + 1, *SIZE, generator=torch.Generator().manual_seed(seed))
    kernels = [engine.gaussian(s) for s in (sigma, 0.7, 1.3)]
    expected = engine.convolve(image.double(), kernels)  # double precision goes through FireANTs
    torch.testing.assert_close(engine.convolve(image, kernels).double(), expected, atol=1e-6, rtol=1e-5)


def test_steps_are_never_longer_than_asked() -> None:
    warp = parameter(3, scale=0.0)
    made = engine.Optimiser(warp, np.eye(3), step=0.75, smooth_warp_sigma=0, smooth_grad_sigma=0)
    made.step()
    longest = warp.data.norm(dim=-1).max().item()
    assert longest == pytest.approx(0.75 / (max(SIZE) - 1), rel=1e-4)


def test_composition_of_linear_warps_is_exact_inside() -> None:
    z, y, x = (torch.linspace(-1, 1, n) for n in SIZE)
    points = torch.stack(torch.meshgrid(z, y, x, indexing="ij")[::-1], dim=-1).numpy()
    matrix = np.array([[0.1, 0.05, 0.0], [-0.04, 0.0, 0.08], [0.02, 0.03, -0.1]])
    warp = (points @ matrix.T).astype(np.float32)
    direction = np.full_like(warp, 0.5)
    composed = warp_kernels.compose(warp, direction, 0.2, LINEAR, 2)
    expected = (points + 0.1) @ matrix.T + LINEAR @ np.full(3, 0.1)
    np.testing.assert_allclose(composed[2:-2, 2:-2, 2:-2], expected[2:-2, 2:-2, 2:-2], atol=1e-5)


@settings(max_examples=10)
@given(st.integers(0, 50))
def test_inverse_undoes_the_warp(seed: int) -> None:
    warp = parameter(seed).detach() * 1.5
    inverse = register.invert(warp)
    voxels = (torch.tensor(SIZE[::-1]) - 1) / 2
    residual = (register._residual(warp, inverse) * voxels).norm(dim=-1)
    assert (warp * voxels).norm(dim=-1).max() > 0.3
    assert residual.max() < 2 * register.INVERSE_TOLERANCE


def test_inverse_of_a_strong_stretch_is_found() -> None:
    size = 33
    axis = torch.linspace(-1, 1, size)
    bump = 0.3 * torch.tanh(12 * axis)  # slope 3.6 at the centre: the plain iteration does not converge
    warp = torch.zeros(1, size, size, size, 3)
    warp[..., 0] = bump
    residual = register._residual(warp, register.invert(warp)) * (size - 1) / 2
    assert residual[..., 4:-4, :].norm(dim=-1).max() < 2 * register.INVERSE_TOLERANCE


def test_fireants_is_quiet_and_leaves_logging_alone(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    with caplog.at_level(logging.INFO), quiet():
        logging.getLogger("fireants.registration").warning("noise")
        logging.basicConfig(level=logging.CRITICAL)
        root.addHandler(logging.NullHandler())
        print("more noise")
    assert (root.level, root.handlers) == before
    assert "noise" not in capsys.readouterr().out
    assert not caplog.records


@pytest.mark.parametrize("linear", [np.eye(3), LINEAR])
@pytest.mark.parametrize("image_size", [SIZE, (9, 21, 14)])
def test_compiled_sampling_and_its_gradient_are_torchs(linear: np.ndarray, image_size: tuple[int, int, int]) -> None:
    from fireants.interpolator import fireants_interpolator

    generator = torch.Generator().manual_seed(5)
    image = torch.rand(1, 2, *image_size, generator=generator)
    matrix = torch.tensor(np.c_[linear, [0.1, -0.2, 0.05]], dtype=torch.float32)[None]
    weights = torch.randn(1, 2, *SIZE, generator=generator)
    results = []
    for double in (False, True):
        field = (0.3 * torch.randn(1, *SIZE, 3, generator=torch.Generator().manual_seed(6))).requires_grad_()
        with engine.compiled_sampling():
            arguments = [t.double() if double else t for t in (image, matrix, field)]  # ours is for single precision
            moved = fireants_interpolator(arguments[0], affine=arguments[1], grid=arguments[2])
        (moved * weights).sum().backward()
        results.append((moved.detach().double(), field.grad.double()))
    (ours, by_ours), (theirs, by_theirs) = results
    assert ours.count_nonzero() < ours.numel()  # some points lie outside
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=0)
    torch.testing.assert_close(by_ours, by_theirs, atol=2e-3, rtol=1e-4)


def test_sampling_without_an_affine_is_at_the_voxels_themselves() -> None:
    from fireants.interpolator import fireants_interpolator

    image = torch.rand(1, 1, *SIZE)
    with engine.compiled_sampling():
        torch.testing.assert_close(fireants_interpolator(image, grid=torch.zeros(1, *SIZE, 3)), image)
        nearest = fireants_interpolator(image, grid=torch.full((1, *SIZE, 3), 0.01), mode="nearest")
    torch.testing.assert_close(nearest, image)  # not ours: left to FireANTs


@pytest.mark.parametrize("amplitude", [0.03, 0.15])
def test_compiled_inverse_and_composition_are_torchs(amplitude: float) -> None:
    warp, other = parameter(3, amplitude).data, parameter(4, amplitude).data
    voxels = (torch.tensor(warp.shape[3:0:-1]) - 1) / 2
    inverse = register.invert(warp), register.invert(warp.double()).float()
    residuals = [(register._residual(warp, i) * voxels).norm(dim=-1) for i in inverse]
    torch.testing.assert_close(*[(r < register.INVERSE_TOLERANCE).float().mean() for r in residuals], atol=2e-3, rtol=0)
    torch.testing.assert_close(register._sampled(warp, other), register._sampled(warp.double(), other.double()).float())


def test_pairs_registered_together_do_not_touch_each_other() -> None:
    apart = [parameter(seed, scale) for seed, scale in ((1, 0.03), (2, 0.1))]
    apart[1].grad *= 50
    together = torch.nn.Parameter(torch.cat([p.data for p in apart]))
    together.grad = torch.cat([p.grad for p in apart])
    plain = torch.nn.Parameter(together.data.clone())
    plain.grad = together.grad.clone()
    for one in apart:
        optimiser(one, LINEAR).step()
    optimiser(together, LINEAR).step()
    torch_step = optimiser(plain, LINEAR)
    torch_step.step_t += 1
    torch_step._step_torch()
    torch.testing.assert_close(together.data, torch.cat([p.data for p in apart]), atol=0, rtol=0)
    torch.testing.assert_close(plain.data, together.data, atol=1e-6, rtol=1e-4)
