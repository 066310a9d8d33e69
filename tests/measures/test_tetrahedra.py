"""Non-diffeomorphic volume against closed forms and determinants by numpy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.measures.field import folding_percent, jacobian_determinant
from lumirage_bids.measures.tetrahedra import non_diffeomorphic
from lumirage_bids.spatial.transforms import DisplacementField, Transform

SHAPE = (9, 8, 7)
OBLIQUE = np.array([[0.9, 0.2, 0, 5], [-0.3, 1.4, 0.1, -7], [0, 0.2, 2.5, 3], [0, 0, 0, 1]])


def by_field(vectors: np.ndarray, affine: np.ndarray) -> Transform:
    return Transform((DisplacementField(vectors=vectors.astype(np.float32), affine=affine),))


def direct(points: np.ndarray, mask: np.ndarray, affine: np.ndarray) -> tuple[float, float]:
    """The definition: ten determinants a voxel, from differences in voxel units."""
    inverse = np.linalg.inv(affine)[:3, :3]
    voxels = points @ inverse.T
    volume = folded = seen = 0.0
    for at in product(*(range(1, n - 1) for n in mask.shape)):
        if not mask[at]:
            continue
        seen += 1
        here, values = voxels[at], []
        for signs in product((1, -1), repeat=3):
            steps = [
                signs[a] * (voxels[tuple(np.add(at, np.eye(3, dtype=int)[a] * signs[a]))] - here) for a in range(3)
            ]
            values.append(np.linalg.det(steps))
        for way in (1, -1):
            ends = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]]) * way
            values.append(np.linalg.det([way * (voxels[tuple(np.add(at, e))] - here) for e in ends]))
        volume -= sum(min(v, 0) for v in values) / 12
        folded += min(values) <= 0
    return 100 * volume / seen, 100 * folded / seen


@pytest.mark.parametrize("affine", [np.eye(4), OBLIQUE, OBLIQUE @ np.diag([-1, 1, 1, 1])])
@pytest.mark.parametrize("threads", [1, 3])
def test_is_its_definition(affine, threads):
    random = np.random.default_rng(3)
    vectors = random.normal(0, 0.6, (*SHAPE, 3))
    mask = random.random(SHAPE) < 0.7
    transform = by_field(vectors, affine)
    grid = np.stack(np.indices(SHAPE), -1) @ affine[:3, :3].T + affine[:3, 3]
    found = non_diffeomorphic(transform, mask, affine, threads=threads)
    assert found == pytest.approx(direct(transform.apply(grid), mask, affine))
    assert found.volume_percent > 0


def test_affine_maps_do_not_fold_and_mirrors_fold_everything():
    mask = np.ones(SHAPE)
    assert non_diffeomorphic(Transform((OBLIQUE,)), mask, OBLIQUE) == (0, 0)
    mirror = non_diffeomorphic(Transform((np.diag([-1.0, 1, 1, 1]),)), mask, np.eye(4))
    # Eight corners of a sixth and two middles of a third, halved: the volume of a voxel.
    assert mirror == pytest.approx((100, 100))


def test_sees_what_central_differences_cannot():
    vectors = np.zeros((*SHAPE, 3))
    vectors[4, 4, 3] = 1.6, 0, 0  # one voxel beyond its neighbour
    transform, mask = by_field(vectors, np.eye(4)), np.zeros(SHAPE)
    mask[4, 4, 3] = 1
    determinant = jacobian_determinant(transform, SHAPE, np.eye(4))
    assert folding_percent(determinant, mask) == 0
    found = non_diffeomorphic(transform, mask, np.eye(4))
    assert found.voxels_percent == 100
    # The four corners before it have turned over, 1 - 1.6 of a sixth each; the middle ones, 2 ± 1.6, have not.
    assert found.volume_percent == pytest.approx(100 * 4 * 0.6 / 12, rel=1e-5)


def test_refuses_what_cannot_be_measured():
    with pytest.raises(BadDataError, match="empty"):
        non_diffeomorphic(Transform(), np.zeros(SHAPE), np.eye(4))
    vectors = np.zeros((*SHAPE, 3))
    vectors[4, 4, 3] = np.nan
    with pytest.raises(BadDataError, match="diverged"):
        non_diffeomorphic(by_field(vectors, np.eye(4)), np.ones(SHAPE), np.eye(4))
