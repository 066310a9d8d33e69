"""Registrations there and back."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.measures.field import inverse_consistency
from lumirage_bids.methods import Context, method
from lumirage_bids.spatial.images import Volume

SIDE = 36


def blobs(points: np.ndarray) -> np.ndarray:
    """A textured soft ball around the origin; points in mm, shape (..., 3)."""
    x, y, z = np.moveaxis(points, -1, 0)
    ball = 1 / (1 + np.exp(0.7 * (np.sqrt(x**2 + y**2 + z**2) - 26)))
    return np.asarray(ball * (0.5 + 0.4 * np.sin(x / 5) * np.cos(y / 6) * np.sin(z / 7 + 1)), dtype=np.float32)


def volume(axes: np.ndarray, bend: float) -> Volume:
    """The ball on a grid with the given axes (voxel steps in mm), seen through a bend of so many mm."""
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = -axes @ np.full(3, (SIDE - 1) / 2)
    points = np.moveaxis(np.indices((SIDE,) * 3), 0, -1) @ axes.T + affine[:3, 3]
    return Volume(array=blobs(points + bend * np.sin(points[..., [1, 2, 0]] / 11)), affine=affine)


@pytest.mark.parametrize("name", ["syn", "ants_syn"])
def test_there_and_back_is_where_it_began(name: str) -> None:
    oblique = np.array([[0.0, -1.9, 0.3], [1.8, 0.0, 0.0], [0.0, 0.3, 2.1]])
    fixed, moving = volume(2 * np.eye(3), 3.0), volume(oblique, 0.0)
    transform = method(name).sloppy().register(fixed, moving, Context())
    mask = fixed.array > 0.2
    points = np.argwhere(mask) @ fixed.affine[:3, :3].T + fixed.affine[:3, 3]
    moved = np.linalg.norm(transform.apply(points) - points, axis=1).mean()
    assert moved > 1
    assert inverse_consistency(transform, mask, fixed.affine) < 0.05 * moved
