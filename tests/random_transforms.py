"""Random grids, affine maps, fields and chains of them: oblique, anisotropic, mirrored, permuted."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from lumirage_bids.spatial.transforms import DisplacementField, Transform


def random_grid(rng):
    """Shape and affine of an oblique, anisotropic, perhaps mirrored and permuted grid."""
    spacing = rng.uniform(0.4, 3.0, 3) * rng.choice([-1, 1], 3)
    affine = np.eye(4)
    affine[:3, :3] = (Rotation.random(random_state=rng).as_matrix() * spacing)[:, rng.permutation(3)]
    affine[:3, 3] = rng.uniform(-100, 100, 3)
    return tuple(int(n) for n in rng.integers(3, 9, 3)), affine


def random_affine(rng):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.random(random_state=rng).as_matrix() + rng.normal(0, 0.1, (3, 3))
    matrix[:3, 3] = rng.uniform(-20, 20, 3)
    return matrix


def random_field(rng):
    shape, affine = random_grid(rng)
    return DisplacementField(vectors=rng.normal(0, 2, (*shape, 3)).astype(np.float32), affine=affine)


def around(field, rng, n=400):
    """World points in and around a field, many of them on its rim."""
    shape = np.array(field.vectors.shape[:3])
    voxels = rng.uniform(-1.5, shape + 0.5, (n, 3))
    return voxels @ field.affine[:3, :3].T + field.affine[:3, 3]


def random_chain(rng):
    """Affine, field, affine, field, such that points around the first field also meet the second."""
    first, second = random_field(rng), random_field(rng)
    centres = [f.affine @ [*(np.array(f.vectors.shape[:3]) / 2), 1] for f in (first, second)]
    bring = random_affine(rng)
    bring[:3, 3] += (centres[1] - bring @ centres[0])[:3]
    before = random_affine(rng)
    points = around(first, rng) @ np.linalg.inv(before)[:3, :3].T + np.linalg.inv(before)[:3, 3]
    return Transform((before, first, bring, second)), points
