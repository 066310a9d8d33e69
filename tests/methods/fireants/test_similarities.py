"""Which similarity a pair gets, and what each is good for."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.bids.scans import Pair
from lumirage_bids.methods import Context, method
from lumirage_bids.spatial.images import Volume
from tests.methods.fireants.pairs import pair

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


def left(similarity: str, other_contrast: bool, of: Pair | None = None) -> float:
    """Part of a known displacement that registration leaves, in the ball."""
    fixed, moving = blobs(2.5), blobs(0.0)
    if other_contrast:
        moving = inverted_contrast(moving)
    volumes = [Volume(array=a, affine=np.eye(4)) for a in (fixed, moving)]
    chosen = method("greedy", similarity=similarity, scales=[2, 1], iterations=[40, 30], smooth_grad_sigma=2.0)
    transform = chosen.register(*volumes, Context(pair=of))
    points = np.argwhere(fixed > 0.2).astype(float)
    true = points.copy()
    true[:, 0] += 2.5 * np.exp(-((points - (SIDE - 1) / 2) ** 2).sum(1) / 150)
    moved = np.linalg.norm(transform.apply(points) - true, axis=1).mean()
    return float(moved / np.linalg.norm(points - true, axis=1).mean())


@pytest.mark.parametrize("similarity", ["lncc", "mind", "mi"])
def test_every_similarity_finds_a_known_warp_in_one_contrast(similarity: str) -> None:
    assert left(similarity, other_contrast=False) < 0.45


def test_across_contrasts_lncc_is_misled_and_mind_is_not() -> None:
    unimodal, multimodal = left("lncc", other_contrast=True), left("auto", True, pair("MPRAGE", "MP2RAGE"))
    assert multimodal < 0.75
    assert unimodal > 1.5
    assert left("mi", other_contrast=True) < 0.4
    assert left("auto", True, pair("MPRAGE", "MPRAGE")) == unimodal
    assert left("mind", other_contrast=True) == multimodal
