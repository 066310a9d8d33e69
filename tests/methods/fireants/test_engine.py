"""Our optimiser against FireANTs', and the compiled one against torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lumirage_bids.methods.fireants import engine
from tests.methods.fireants.warps import LINEAR, SIZE, optimiser, parameter


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


def test_steps_are_never_longer_than_asked() -> None:
    warp = parameter(3, scale=0.0)
    made = engine.Optimiser(warp, np.eye(3), step=0.75, smooth_warp_sigma=0, smooth_grad_sigma=0)
    made.step()
    longest = warp.data.norm(dim=-1).max().item()
    assert longest == pytest.approx(0.75 / (max(SIZE) - 1), rel=1e-4)


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
