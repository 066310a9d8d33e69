"""Mutual information and its gradients."""

from __future__ import annotations

import pytest
import torch

from lumirage_bids.methods.fireants.mutual_information import MutualInformation


def test_mutual_information_knows_no_contrast() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 1, 12, 12, 12, generator=generator)
    loss, noise = MutualInformation(), torch.rand(image.shape, generator=generator)
    equal, inverted, unrelated = (float(loss(other, image)) for other in (image, 1 - image, noise))
    assert inverted == pytest.approx(equal, rel=0.02)
    assert equal < -2 < -0.5 < unrelated < 0


def test_both_images_of_mutual_information_get_a_gradient() -> None:
    generator = torch.Generator().manual_seed(1)
    one, other = (torch.rand(1, 1, 6, 6, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    step, direction = 1e-6, torch.randn(one.shape, generator=generator, dtype=torch.float64)
    loss = MutualInformation()
    for image, against in ((one, other), (other, one)):
        moving, still = image.clone().requires_grad_(), against.clone().requires_grad_()
        loss(moving, still).backward()
        assert moving.grad is not None
        assert still.grad is not None
        fixed = against.clone()  # needs no gradient: the one way round alone, whose binning stays as it is
        up, down = (float(loss(image + s * direction, fixed)) for s in (step, -step))
        alone = image.clone().requires_grad_()
        loss(alone, fixed).backward()
        assert alone.grad is not None
        assert (alone.grad * direction).sum().item() == pytest.approx((up - down) / (2 * step), rel=1e-3)
        torch.testing.assert_close(moving.grad, alone.grad / 2)
