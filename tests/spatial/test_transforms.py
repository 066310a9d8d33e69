"""Transforms against SciPy as oracle, on oblique, mirrored and anisotropic grids; files are tested elsewhere."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import DisplacementField, Transform, displacement_on, sample, warp
from tests.random_transforms import around, random_affine, random_chain, random_field, random_grid

seeds = st.integers(0, 2**32 - 1)


@given(seeds)
@settings(max_examples=40)
def test_field_is_interpolated_linearly_and_is_nothing_outside(seed):
    rng = np.random.default_rng(seed)
    field = random_field(rng)
    points = around(field, rng)
    voxels = (points - field.affine[:3, 3]) @ np.linalg.inv(field.affine[:3, :3]).T
    inside = ((voxels >= -0.5) & (voxels < np.array(field.vectors.shape[:3]) - 0.5)).all(axis=1)
    expected = np.stack(
        [map_coordinates(u, voxels.T, order=1, mode="nearest") for u in np.moveaxis(field.vectors, 3, 0)]
    )
    moved = Transform((field,)).apply(points) - points
    assert 0 < inside.sum() < len(points)
    np.testing.assert_allclose(moved[inside], expected.T[inside], atol=1e-5)
    assert (moved[~inside] == 0).all()


@given(seeds)
@settings(max_examples=20)
def test_images_are_interpolated_linearly_and_are_nothing_outside(seed):
    rng = np.random.default_rng(seed)
    shape, affine = random_grid(rng)
    image = Volume(array=rng.uniform(1, 2, shape).astype(np.float32), affine=affine)
    voxels = rng.uniform(-1, np.array(shape), (400, 3))
    values = sample(image, voxels @ affine[:3, :3].T + affine[:3, 3])
    np.testing.assert_allclose(values, map_coordinates(image.array, voxels.T, order=1), atol=1e-5)
    assert 0 < np.count_nonzero(values) < len(values)
    grid = Volume(array=np.empty((5, 6, 7)), affine=random_grid(rng)[1])
    grid.affine[:3, 3] = affine[:3, 3]
    world = np.moveaxis(np.indices(grid.shape), 0, -1) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    shift = Transform.affine(random_affine(rng))
    np.testing.assert_allclose(warp(image, shift, grid).array, sample(image, shift.apply(world)), atol=1e-4)


@given(seeds)
@settings(max_examples=20)
def test_then_is_application_in_order_and_folds_affines(seed):
    rng = np.random.default_rng(seed)
    a, b = Transform.affine(random_affine(rng)), Transform.affine(random_affine(rng))
    chain, points = random_chain(rng)
    np.testing.assert_allclose(a.then(chain).then(b).apply(points), b.apply(chain.apply(a.apply(points))), atol=1e-9)
    np.testing.assert_array_equal(chain.then(Transform()).apply(points), Transform().then(chain).apply(points))
    assert len(a.then(b).steps) == 1
    assert len(a.then(chain).steps) == 4


@given(seeds)
@settings(max_examples=20)
def test_displacement_on_samples_the_chain_at_voxel_centres(seed):
    rng = np.random.default_rng(seed)
    transform, _ = random_chain(rng)
    shape, affine = random_grid(rng)
    affine[:3, 3] += np.linalg.solve(transform.steps[0], transform.steps[1].affine[:, 3])[:3] - affine[:3, 3]
    field = displacement_on(transform, shape, affine, threads=2)
    world = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    np.testing.assert_allclose(world + field.vectors, transform.apply(world), atol=1e-3)
    np.testing.assert_array_equal(field.affine, affine)
    assert field.vectors.dtype == np.float32


def test_apply_keeps_shape_and_input():
    points = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    before = points.copy()
    mapped = Transform.affine(np.diag([2, 2, 2, 1])).apply(points)
    assert mapped.dtype == np.float64
    np.testing.assert_array_equal(mapped, 2 * before)
    np.testing.assert_array_equal(points, before)
    assert Transform().apply(np.empty((0, 3))).shape == (0, 3)


def test_what_cannot_be_used_is_said():
    field = random_field(np.random.default_rng(4))
    with pytest.raises(BadDataError, match="last axis"):
        Transform().apply(np.zeros((3, 2)))
    with pytest.raises(BadDataError, match="cannot be inverted"):
        Transform.affine(np.diag([1, 0, 1, 1]))
    with pytest.raises(BadDataError, match="Not an affine"):
        Transform.affine(np.full((4, 4), np.nan))
    with pytest.raises(BadDataError, match="squeezed"):
        DisplacementField(vectors=field.vectors[:, :, :, None], affine=field.affine)


def test_heavy_libraries_wait_until_they_are_used():
    code = "import sys, lumirage_bids.spatial.label_transfer, lumirage_bids.measures.field; print({*sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'lumirage_bids.spatial.transforms'" in loaded
    assert not [name for name in ("numba", "SimpleITK", "scipy") if f"'{name}'" in loaded]
