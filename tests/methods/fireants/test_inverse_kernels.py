"""The inverse of a warp against its warp, and against torch's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lumirage_bids.methods.fireants import register
from tests.methods.fireants.warps import SIZE, parameter


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


@pytest.mark.parametrize("amplitude", [0.03, 0.15])
def test_compiled_inverse_and_composition_are_torchs(amplitude: float) -> None:
    warp, other = parameter(3, amplitude).data, parameter(4, amplitude).data
    voxels = (torch.tensor(warp.shape[3:0:-1]) - 1) / 2
    inverse = register.invert(warp), register.invert(warp.double()).float()
    residuals = [(register._residual(warp, i) * voxels).norm(dim=-1) for i in inverse]
    torch.testing.assert_close(*[(r < register.INVERSE_TOLERANCE).float().mean() for r in residuals], atol=2e-3, rtol=0)
    torch.testing.assert_close(
        register._sample_displaced(warp, other), register._sample_displaced(warp.double(), other.double()).float()
    )
