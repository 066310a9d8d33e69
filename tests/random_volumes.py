"""Small volumes at random places of the world, and what is where in them."""

from __future__ import annotations

import itertools
from pathlib import Path

import nibabel
import numpy as np
from hypothesis import strategies as st

from lumirage_bids.spatial.images import Volume

AXES = ["".join(p) for order in itertools.permutations(("LR", "AP", "IS")) for p in itertools.product(*order)]
RAMP = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
seeds = st.integers(0, 2**32 - 1)


def affine(rng: np.random.Generator, spacing: tuple[float, float, float] | None = None) -> np.ndarray:
    """A random oblique affine, mostly RAS, with spacings from 0.5 to 2 mm."""
    a, b, c = rng.uniform(-0.3, 0.3, 3)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    out = np.eye(4)
    out[:3, :3] = x @ y @ z @ np.diag(rng.uniform(0.5, 2, 3) if spacing is None else spacing)
    out[:3, 3] = rng.uniform(-50, 50, 3)
    return out


def noise(rng: np.random.Generator) -> Volume:
    return Volume(array=rng.random(rng.integers(3, 9, 3)).astype(np.float32), affine=affine(rng))


def world(volume: Volume) -> np.ndarray:
    """World positions of all voxels, shape (X, Y, Z, 3)."""
    return np.moveaxis(np.indices(volume.shape), 0, -1) @ volume.affine[:3, :3].T + volume.affine[:3, 3]


def by_place(volume: Volume) -> dict[tuple[int, ...], float]:
    """World position (µm) → value."""
    places = np.rint(world(volume) * 1000).astype(int).reshape(-1, 3)
    return dict(zip(map(tuple, places), volume.array.reshape(-1).tolist(), strict=True))


def save(path: Path, array: np.ndarray, matrix: np.ndarray | None = None) -> Path:
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4) if matrix is None else matrix), path)
    return path
