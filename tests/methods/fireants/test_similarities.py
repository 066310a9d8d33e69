"""Which similarity a pair gets, and what each is good for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.bids.scans import Pair
from lumirage_bids.methods import Context, method
from lumirage_bids.methods.fireants import engine, register
from lumirage_bids.methods.fireants.lncc import LocalNormalisedCrossCorrelation
from lumirage_bids.methods.fireants.mind import descriptor
from lumirage_bids.spatial.images import Volume
from tests.methods.fireants.pairs import pair
from tests.methods.fireants.test_lncc import naive

SIDE = 40


def blobs(shift: float) -> np.ndarray:
    """Soft blobs in a soft ball, moved along x by a smooth bump of `shift` voxels."""
    x, y, z = np.moveaxis(np.moveaxis(np.indices((SIDE,) * 3, dtype=float), 0, -1) - (SIDE - 1) / 2, -1, 0)
    x = x + shift * np.exp(-(x**2 + y**2 + z**2) / 150)
    ball = 1 / (1 + np.exp(2 * (np.sqrt(x**2 + y**2 + z**2) - 14)))
    texture = np.sin(x / 1.9) * np.cos(y / 2.3) * np.sin(z / 2.6 + 1)
    return (ball * (0.5 + 0.4 * texture)).astype(np.float32)


def inverted_contrast(image: np.ndarray) -> np.ndarray:
    """Dark where it was bright, but the background stays dark, as between T1w and T2w."""
    return np.where(image > 0.02, (1.05 - image) ** 1.5, 0).astype(np.float32)


def left(
    similarity: str, other_contrast: bool, of: Pair | None = None, name: str = "greedy", scale: float = 1
) -> float:
    """Part of a known displacement that registration leaves, in the ball."""
    fixed, moving = scale * blobs(2.5), scale * blobs(0.0)
    if other_contrast:
        moving = inverted_contrast(moving)
    volumes = [Volume(array=a, affine=np.eye(4)) for a in (fixed, moving)]
    chosen = method(name, similarity=similarity, scales=[2, 1], iterations=[40, 30], smooth_grad_sigma=2.0)
    transform = chosen.register(*volumes, Context(pair=of))
    points = np.argwhere(fixed > 0.2 * scale).astype(float)
    true = points.copy()
    true[:, 0] += 2.5 * np.exp(-((points - (SIDE - 1) / 2) ** 2).sum(1) / 150)
    moved = np.linalg.norm(transform.apply(points) - true, axis=1).mean()
    return float(moved / np.linalg.norm(points - true, axis=1).mean())


@pytest.mark.parametrize("similarity", ["lncc", "mind", "mind-lncc", "mi"])
def test_every_similarity_finds_a_known_warp_in_one_contrast(similarity: str) -> None:
    assert left(similarity, other_contrast=False) < 0.45


@pytest.mark.parametrize("similarity", ["lncc", "mi"])
def test_images_that_are_not_normalised_are_registered(similarity: str) -> None:
    assert left(similarity, other_contrast=False, scale=1500) < 0.45


def test_across_contrasts_lncc_is_misled_and_mind_is_not() -> None:
    unimodal, multimodal = left("lncc", other_contrast=True), left("auto", True, pair("MPRAGE", "MP2RAGE"))
    assert multimodal < 0.75
    assert unimodal > 1.5
    assert left("mi", other_contrast=True) < 0.4
    assert left("mind-lncc", other_contrast=True) < 0.95
    assert left("auto", True, pair("MPRAGE", "MPRAGE")) == unimodal
    assert left("mind", other_contrast=True) == multimodal


def test_mind_lncc_is_the_direct_computation_on_twelve_channels() -> None:
    """Its loss and the gradient that the first step follows, against plain torch: descriptors once, then sampled.

    The grids lie off each other by a part of a voxel, where sampling has a derivative.
    """
    affine = np.eye(4)
    affine[:3, 3] = [0.3, -0.4, 0.35]
    fixed, moving = blobs(2.5)[:, :36, 2:], inverted_contrast(blobs(0.0))[:, :36, 2:]
    chosen = method("greedy", similarity="mind-lncc", scales=[1], iterations=[1])
    volumes = Volume(array=fixed, affine=np.eye(4)), Volume(array=moving, affine=affine)
    registration = register.optimise(engine.GreedyWarp, chosen, *volumes, Context())

    first, second = (descriptor(torch.from_numpy(a.T.astype(np.float64).copy()))[None] for a in (fixed, moving))
    matrix = torch.eye(3, 4, dtype=torch.float64)[None]
    matrix[0, :, 3] = torch.from_numpy(-affine[:3, 3] * 2 / (np.array(fixed.shape) - 1))
    warp = torch.zeros(1, *first.shape[2:], 3, dtype=torch.float64, requires_grad=True)
    places = functional.affine_grid(matrix, list(first.shape), align_corners=True) + warp
    moved = functional.grid_sample(second, places, align_corners=True)
    loss = torch.stack([naive(moved[:, k : k + 1], first[:, k : k + 1], 7) for k in range(12)]).mean()
    loss.backward(retain_graph=True)

    assert registration.fixed_images().shape == first.shape
    found = registration.loss_fn(moved.float(), registration.fixed_images()).item()
    assert found == pytest.approx(loss.item(), rel=1e-5)
    gradient, wanted = registration.warp.warp.grad, warp.grad
    assert wanted is not None
    assert (gradient - wanted).abs().max() < 1e-3 * wanted.abs().max()
    by_torch = LocalNormalisedCrossCorrelation(7)(moved, first)
    assert by_torch.item() == pytest.approx(loss.item(), rel=1e-10)
    torch.testing.assert_close(torch.autograd.grad(by_torch, warp)[0], wanted)


def test_what_cannot_be_described_is_refused() -> None:
    image = blobs(0.0)
    whole = Volume(array=image.copy(), affine=np.eye(4))
    image[3, 4, 5] = np.nan
    with pytest.raises(BadDataError, match="not finite"):
        method("greedy", similarity="mind-lncc").register(whole, Volume(array=image, affine=np.eye(4)), Context())
