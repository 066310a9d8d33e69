"""Compiled sampling against torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lumirage_bids.methods.fireants import engine
from tests.methods.fireants.warps import LINEAR, SIZE


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
