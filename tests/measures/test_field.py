"""Regularity of transforms whose Jacobians are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.measures.field import folding_percent, inverse_consistency, jacobian_determinant, sdlogj
from lumirage_bids.spatial.transforms import DisplacementField, Transform

seeds = st.integers(0, 2**32 - 1)


def oblique(rng, spacing=None):
    """Affine of an oblique, anisotropic, perhaps mirrored grid."""
    affine = np.eye(4)
    scale = rng.uniform(0.4, 3, 3) if spacing is None else np.asarray(spacing, dtype=float)
    affine[:3, :3] = Rotation.random(random_state=rng).as_matrix() * scale * rng.choice([-1, 1], 3)
    affine[:3, 3] = rng.uniform(-100, 100, 3)
    return affine


def world_of(shape, affine):
    return np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]


@given(seeds)
@settings(max_examples=40)
def test_affine_gives_the_determinant_of_its_matrix(seed):
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3] = rng.normal(0, 1, (3, 4))
    matrix[:3, 3] *= 50
    shape = tuple(int(n) for n in rng.integers(2, 7, 3))
    determinant = jacobian_determinant(Transform.affine(matrix), shape, oblique(rng))
    expected = np.linalg.det(matrix)
    np.testing.assert_allclose(determinant, expected, rtol=1e-5, atol=1e-7)
    assert folding_percent(determinant, np.ones(shape)) == (100 if expected <= 0 else 0)
    if expected > 0:
        assert sdlogj(determinant, np.ones(shape)) < 1e-5


@given(seeds)
@settings(max_examples=10)
def test_smooth_map_gives_its_analytic_determinant(seed):
    """u = a (sin k·x) d for every point x has the determinant 1 + a cos(k·x) k·d, on whatever grid."""
    rng = np.random.default_rng(seed)
    shape, affine = (20, 21, 22), oblique(rng, rng.uniform(0.5, 1.2, 3))
    k, d = 0.1 * Rotation.random(random_state=rng).as_matrix()[:2] * [[1], [30]]
    d += 20 * k
    world = world_of(shape, affine)
    field = DisplacementField(vectors=(np.sin(world @ k)[..., None] * d).astype(np.float32), affine=affine)
    expected = 1 + np.cos(world @ k) * (k @ d)
    determinant = jacobian_determinant(Transform((field,)), shape, affine, threads=2)
    inner = (slice(1, -1),) * 3
    np.testing.assert_allclose(determinant[inner], expected[inner], atol=5e-3)
    assert sdlogj(determinant[inner], np.ones_like(expected[inner])) == pytest.approx(
        np.log(expected[inner]).std(), abs=5e-3
    )


def test_known_fold_is_counted():
    """Along x, planes 4 and 5 go past each other: of ten planes these two have negative differences."""
    shape = (10, 6, 6)
    vectors = np.zeros((*shape, 3), np.float32)
    vectors[4, ..., 0], vectors[5, ..., 0] = 3, -3
    determinant = jacobian_determinant(
        Transform((DisplacementField(vectors=vectors, affine=np.eye(4)),)), shape, np.eye(4)
    )
    # x of the mapped planes: 0 1 2 3 7 2 6 7 8 9
    expected = np.array([1, 1, 1, 2.5, -0.5, -0.5, 2.5, 1, 1, 1])
    np.testing.assert_allclose(determinant, np.broadcast_to(expected[:, None, None], shape), atol=1e-6)
    mask = np.zeros(shape, np.uint8)
    mask[:, 2:4, 2:4] = 1
    assert folding_percent(determinant, mask) == 20
    assert folding_percent(determinant, mask[:, ::-1] * (np.arange(10) < 4)[:, None, None]) == 0
    assert sdlogj(determinant, mask) == pytest.approx(np.log([1, 1, 1, 2.5, 2.5, 1, 1, 1]).std())


@given(seeds, st.permutations(range(3)), st.tuples(*[st.sampled_from([-1, 1])] * 3))
@settings(max_examples=20)
def test_numbers_do_not_depend_on_storage_or_place(seed, axes, signs):
    """The same map, on a grid stored in another orientation and turned in the world as a whole."""
    rng = np.random.default_rng(seed)
    shape, affine = (9, 8, 10), np.diag([1.0, 0.8, 1.3, 1.0])
    vectors = rng.normal(0, 0.4, (*shape, 3)).astype(np.float32)
    mask = rng.random(shape) < 0.7
    determinant = jacobian_determinant(Transform((DisplacementField(vectors=vectors, affine=affine),)), shape, affine)

    flip = tuple(slice(None, None, sign) for sign in signs)
    turn = np.eye(4)
    turn[:3, :3] = Rotation.random(random_state=rng).as_matrix()
    turn[:3, 3] = rng.uniform(-50, 50, 3)
    stored = vectors.transpose(*axes, 3)[flip] @ turn[:3, :3].T
    mirror = np.diag([*signs, 1.0])
    mirror[:3, 3] = [n - 1 if sign < 0 else 0 for n, sign in zip(stored.shape[:3], signs, strict=True)]
    place = turn @ affine @ np.eye(4)[:, [*axes, 3]] @ mirror
    other = jacobian_determinant(Transform((DisplacementField(vectors=stored, affine=place),)), stored.shape[:3], place)

    there = mask.transpose(axes)[flip]
    assert 0 < folding_percent(determinant, mask) < 100
    np.testing.assert_allclose(other, determinant.transpose(axes)[flip], atol=1e-4)
    assert folding_percent(other, there) == pytest.approx(folding_percent(determinant, mask), abs=0.3)
    assert sdlogj(np.abs(other) + 0.1, there) == pytest.approx(sdlogj(np.abs(determinant) + 0.1, mask), abs=1e-3)


def test_slabs_and_threads_do_not_show():
    """Planes of 300 × 300 voxels are worked on one by one; the result is that of NumPy on the whole grid."""
    rng = np.random.default_rng(8)
    shape, affine = (5, 300, 300), oblique(rng)
    coarse = affine @ np.diag([1.0, 60, 60, 1])
    transform = Transform((DisplacementField(vectors=rng.normal(0, 1, (5, 6, 6, 3)), affine=coarse),))
    points = transform.apply(world_of(shape, affine))
    columns = np.stack(np.gradient(points, axis=(0, 1, 2)), axis=-1)
    expected = np.linalg.det(columns) / np.linalg.det(affine[:3, :3])
    for threads in (1, 3):
        determinant = jacobian_determinant(transform, shape, affine, threads=threads)
        np.testing.assert_allclose(determinant, expected, rtol=1e-4, atol=1e-5)


def test_clipping_and_nothing_left():
    determinant = np.array([1e-12, 1e-9, 1e12, 1e9], np.float32).reshape(4, 1, 1)
    assert sdlogj(determinant, np.ones((4, 1, 1))) == pytest.approx(np.log(1e9), rel=1e-6)
    assert np.isnan(sdlogj(-determinant, np.ones((4, 1, 1))))


def test_what_cannot_be_measured_is_refused():
    determinant = np.ones((2, 2, 2), np.float32)
    with pytest.raises(BadDataError, match="empty"):
        folding_percent(determinant, np.zeros((2, 2, 2)))
    with pytest.raises(BadDataError, match="shape"):
        sdlogj(determinant, np.ones((2, 2, 1)))
    with pytest.raises(BadDataError, match="diverged"):
        folding_percent(determinant * np.nan, np.ones((2, 2, 2)))
    with pytest.raises(BadDataError, match="at least 2"):
        jacobian_determinant(Transform(), (1, 4, 4), np.eye(4))


def test_distance_of_a_wrong_inverse_is_told() -> None:
    shift = np.eye(4)
    shift[0, 3] = 3.0
    half = np.eye(4)
    half[0, 3] = -2.5
    mask, affine = np.ones((3, 4, 5), bool), np.diag([2.0, -1.0, 1.5, 1.0])
    assert inverse_consistency(Transform((shift,), inverse=Transform((half,))), mask, affine) == pytest.approx(0.5)
    assert np.isnan(inverse_consistency(Transform((shift,)), mask, affine))
    field = DisplacementField(vectors=np.full((3, 4, 5, 3), [0.0, 0.2, 0.0]), affine=affine)
    there = Transform((field,), inverse=Transform())
    assert inverse_consistency(there, mask, affine) == pytest.approx(0.2)
