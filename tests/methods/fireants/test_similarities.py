"""Which similarity a pair gets, and what each is good for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lumirage_bids.bids.scans import Pair, Scan
from lumirage_bids.methods import Context, method
from lumirage_bids.methods.fireants.mutual_information import MutualInformation
from lumirage_bids.spatial.images import Volume

SIDE = 40


def scan(subject: str, sequence: str | None, suffix: str = "T1w") -> Scan:
    path = Path(f"/data/sub-{subject}_{suffix}.nii.gz")
    return Scan(
        path=path, dataset=path.parent, subject=subject, session=None, suffix=suffix, entities={}, sequence=sequence
    )


def pair(one: str | None, other: str | None) -> Pair:
    return Pair(moving=scan("1", one), fixed=scan("2", other))


@pytest.mark.parametrize(
    ("of", "multimodal"),
    [
        (pair("MPRAGE", "MP2RAGE"), True),
        (pair("MPRAGE", "MPRAGE"), False),
        (pair(None, "MPRAGE"), False),
        (Pair(moving=scan("1", None), fixed=scan("2", None, "T2w")), True),
    ],
)
def test_auto_goes_by_contrast_and_known_sequence(of: Pair, multimodal: bool) -> None:
    assert of.multimodal is multimodal
    assert method("greedy").similarity_for(multimodal=of.multimodal) == ("mind" if multimodal else "lncc")
    assert method("syn", similarity="mi").similarity_for(multimodal=of.multimodal) == "mi"


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
