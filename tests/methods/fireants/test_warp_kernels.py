"""Compiled smoothing and composition of warps."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lumirage_bids.methods.fireants import engine, warp_kernels
from tests.methods.fireants.warps import LINEAR, SIZE


@settings(max_examples=15)
@given(st.integers(0, 2), st.sampled_from([0.5, 1.0, 2.5]), st.integers(0, 9))
def test_compiled_smoothing_is_a_convolution(channels: int, sigma: float, seed: int) -> None:
    image = torch.rand(1, channels + 1, *SIZE, generator=torch.Generator().manual_seed(seed))
    kernels = [engine.gaussian(s) for s in (sigma, 0.7, 1.3)]
    expected = engine.convolve(image.double(), kernels)  # double precision goes through FireANTs
    torch.testing.assert_close(engine.convolve(image, kernels).double(), expected, atol=1e-6, rtol=1e-5)


def test_composition_of_linear_warps_is_exact_inside() -> None:
    z, y, x = (torch.linspace(-1, 1, n) for n in SIZE)
    points = torch.stack(torch.meshgrid(z, y, x, indexing="ij")[::-1], dim=-1).numpy()
    matrix = np.array([[0.1, 0.05, 0.0], [-0.04, 0.0, 0.08], [0.02, 0.03, -0.1]])
    warp = (points @ matrix.T).astype(np.float32)
    direction = np.full_like(warp, 0.5)
    composed = warp_kernels.compose(warp, direction, 0.2, LINEAR, 2)
    expected = (points + 0.1) @ matrix.T + LINEAR @ np.full(3, 0.1)
    np.testing.assert_allclose(composed[2:-2, 2:-2, 2:-2], expected[2:-2, 2:-2, 2:-2], atol=1e-5)
