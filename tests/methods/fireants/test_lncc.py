"""The local cross-correlation, compiled and by torch, against its definition and automatic differentiation."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn import functional

from lumirage_bids.methods.fireants.lncc import SMOOTH, LocalNormalisedCrossCorrelation

SHAPE = (7, 9, 8)


def pair(shape: tuple[int, ...] = SHAPE, dtype: torch.dtype = torch.float64, seed: int = 0) -> list[torch.Tensor]:
    """Two related images with a part that is flat in both, where the variance is held at its smallest value."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.rand(shape, generator=generator, dtype=torch.float64)
    second = 0.6 * first + 0.4 * torch.rand(shape, generator=generator, dtype=torch.float64)
    first[-4:], second[-4:] = 0.5, 0.25
    return [image[None, None].to(dtype) for image in (first, second)]


def by_definition(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], window: int) -> float:
    """Every window by itself, with zeros outside the image."""
    r = window // 2
    padded = [np.pad(image, r) for image in (first, second)]
    values = []
    for z, y, x in itertools.product(*(range(n) for n in first.shape)):
        i, j = (p[z : z + window, y : y + window, x : x + window].ravel() for p in padded)
        covariance = np.mean(i * j) - i.mean() * j.mean()
        variances = [max(np.mean(k * k) - k.mean() ** 2, SMOOTH) for k in (i, j)]
        values.append((covariance**2 + SMOOTH) / (variances[0] * variances[1] + SMOOTH))
    return -float(np.mean(values))


def naive(first: torch.Tensor, second: torch.Tensor, window: int) -> torch.Tensor:
    """The same formula with one convolution per statistic, left to automatic differentiation."""
    kernel = torch.full((1, 1, window, window, window), 1 / window**3, dtype=first.dtype)

    def mean(image: torch.Tensor) -> torch.Tensor:
        return functional.conv3d(image, kernel, padding="same")

    mean_i, mean_j = mean(first), mean(second)
    covariance = mean(first * second) - mean_i * mean_j
    variances = [(mean(i * i) - m * m).clamp(min=SMOOTH) for i, m in ((first, mean_i), (second, mean_j))]
    return -((covariance**2 + SMOOTH) / (variances[0] * variances[1] + SMOOTH)).mean()


@pytest.mark.parametrize("window", [3, 7, 11])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_is_the_definition(window: int, dtype: torch.dtype) -> None:
    first, second = pair(dtype=dtype)
    expected = by_definition(*(t[0, 0].double().numpy() for t in (first, second)), window)
    value = LocalNormalisedCrossCorrelation(window)(first, second).item()
    assert value == pytest.approx(expected, rel=1e-10 if dtype == torch.float64 else 1e-6)


@pytest.mark.parametrize("window", [3, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_those_of_automatic_differentiation(window: int, dtype: torch.dtype) -> None:
    images = [t.requires_grad_() for t in pair((37, 9, 8), dtype)]
    exact = [t.detach().double().requires_grad_() for t in images]
    (3 * LocalNormalisedCrossCorrelation(window)(*images)).backward()
    (3 * naive(*exact, window)).backward()
    for found, wanted in zip(images, exact, strict=True):
        largest = wanted.grad.abs().max()
        assert largest > 0
        assert (found.grad - wanted.grad).abs().max() < (1e-10 if dtype == torch.float64 else 1e-5) * largest


def test_gradients_pass_gradcheck() -> None:
    images = [t.requires_grad_() for t in pair((4, 5, 3))]
    assert torch.autograd.gradcheck(LocalNormalisedCrossCorrelation(3), images, eps=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_only_what_is_asked_for_gets_a_gradient(dtype: torch.dtype) -> None:
    first, second = pair(dtype=dtype)
    LocalNormalisedCrossCorrelation(3)(first.requires_grad_(), second).backward()
    assert first.grad is not None
    assert second.grad is None


def test_threads_do_not_change_the_result() -> None:
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            first, second = pair((50, 8, 9), torch.float32)
            loss = LocalNormalisedCrossCorrelation(5)(first.requires_grad_(), second)
            loss.backward()
            results.append((loss.item(), first.grad))
    finally:
        torch.set_num_threads(before)
    assert results[0][0] == results[1][0]
    assert torch.equal(results[0][1], results[1][1])


def test_linear_change_of_intensity_does_not_matter() -> None:
    first = pair()[0][..., :3, :, :] * 100
    assert LocalNormalisedCrossCorrelation(3)(first, 0.5 * first + 7).item() == pytest.approx(
        LocalNormalisedCrossCorrelation(3)(first, first).item(), abs=0.15
    )


def test_channels_are_averaged() -> None:
    loss = LocalNormalisedCrossCorrelation(3)
    (a, b), (c, d) = pair(seed=1), pair(seed=2)
    both = loss(torch.cat([a, c], dim=1), torch.cat([b, d], dim=1)).item()
    assert both == pytest.approx((loss(a, b).item() + loss(c, d).item()) / 2)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        LocalNormalisedCrossCorrelation(3)(torch.zeros(1, 1, 4, 4, 4), torch.zeros(1, 1, 4, 4, 5))
