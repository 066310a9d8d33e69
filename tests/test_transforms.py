"""Transforms against SciPy and ITK as oracles, on oblique, mirrored and anisotropic grids."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

import lumirage_bids
from lumirage_bids.errors import BadDataError, CannotWriteError, MissingInputError, UsageError
from lumirage_bids.transforms import DisplacementField, Transform, displacement_on, read_itk, write_itk

seeds = st.integers(0, 2**32 - 1)
LPS = np.array([-1.0, -1.0, 1.0])


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


def itk_points(itk, points):
    return np.array([itk.TransformPoint(point) for point in (points * LPS).tolist()]) * LPS


@given(seeds)
@settings(max_examples=40, deadline=None)
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
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_written_chain_is_what_itk_understands_and_reads_back(tmp_path, seed):
    transform, points = random_chain(np.random.default_rng(seed))
    path = tmp_path / "chain.h5"
    write_itk(transform, path)
    mapped = transform.apply(points)
    assert np.abs(itk_points(SimpleITK.ReadTransform(str(path)), points) - mapped).max() < 1e-3
    assert np.abs(read_itk(path).apply(points) - mapped).max() < 1e-3


@pytest.mark.parametrize("suffix", [".txt", ".tfm", ".h5"])
def test_affine_files(tmp_path, suffix):
    rng = np.random.default_rng(1)
    transform = Transform.affine(random_affine(rng)).then(Transform.affine(random_affine(rng)))
    points = rng.uniform(-80, 80, (50, 3))
    path = tmp_path / f"affine{suffix}"
    write_itk(transform, path)
    np.testing.assert_allclose(
        itk_points(SimpleITK.ReadTransform(str(path)), points), transform.apply(points), atol=1e-9
    )
    np.testing.assert_allclose(read_itk(path).steps[0], transform.steps[0], atol=1e-9)


def test_files_are_lps_and_the_identity_can_be_written(tmp_path):
    shift = np.eye(4)
    shift[:3, 3] = 1, 2, 3
    write_itk(Transform.affine(shift), tmp_path / "shift.tfm")
    assert SimpleITK.ReadTransform(str(tmp_path / "shift.tfm")).TransformPoint((0.0, 0.0, 0.0)) == (-1, -2, 3)
    write_itk(Transform(), tmp_path / "identity.txt")
    np.testing.assert_array_equal(read_itk(tmp_path / "identity.txt").apply([4.0, 5.0, 6.0]), [4, 5, 6])


def test_reads_linear_and_composite_transforms_of_other_programs(tmp_path):
    euler = SimpleITK.Euler3DTransform((3.0, 4.0, 5.0), 0.1, 0.2, 0.3, (1.0, 2.0, 3.0))
    scale = SimpleITK.ScaleTransform(3, (1.1, 0.9, 1.2))
    shift = SimpleITK.TranslationTransform(3, (7.0, 8.0, 9.0))
    chain = SimpleITK.CompositeTransform([euler, shift, scale])
    points = np.random.default_rng(2).uniform(-80, 80, (20, 3))
    for name, itk in {"euler.txt": euler, "shift.tfm": shift, "chain.h5": chain}.items():
        SimpleITK.WriteTransform(itk, str(tmp_path / name))
        np.testing.assert_allclose(read_itk(tmp_path / name).apply(points), itk_points(itk, points), atol=1e-9)


def test_reads_a_displacement_image_as_ants_writes_it(tmp_path):
    rng = np.random.default_rng(3)
    image = SimpleITK.GetImageFromArray(rng.normal(size=(6, 5, 4, 3)).astype(np.float32), isVector=True)
    image.SetSpacing((1.5, 0.7, 2.0))
    image.SetOrigin((10.0, -20.0, 30.0))
    image.SetDirection(Rotation.from_euler("xyz", (20, 30, 40), degrees=True).as_matrix().ravel().tolist())
    SimpleITK.WriteImage(image, str(tmp_path / "1Warp.nii.gz"))
    itk = SimpleITK.DisplacementFieldTransform(SimpleITK.Cast(image, SimpleITK.sitkVectorFloat64))
    transform = read_itk(tmp_path / "1Warp.nii.gz")
    points = around(transform.steps[0], rng)
    away_from_rim = points[np.abs(itk_points(itk, points) - points).max(axis=1) > 0]
    assert len(away_from_rim) > 50
    np.testing.assert_allclose(transform.apply(away_from_rim), itk_points(itk, away_from_rim), atol=1e-3)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_then_is_application_in_order_and_folds_affines(seed):
    rng = np.random.default_rng(seed)
    a, b = Transform.affine(random_affine(rng)), Transform.affine(random_affine(rng))
    chain, points = random_chain(rng)
    np.testing.assert_allclose(a.then(chain).then(b).apply(points), b.apply(chain.apply(a.apply(points))), atol=1e-9)
    np.testing.assert_array_equal(chain.then(Transform()).apply(points), Transform().then(chain).apply(points))
    assert len(a.then(b).steps) == 1
    assert len(a.then(chain).steps) == 4


@given(seeds)
@settings(max_examples=20, deadline=None)
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


def test_what_cannot_be_used_is_said(tmp_path):
    field = random_field(np.random.default_rng(4))
    with pytest.raises(BadDataError, match="last axis"):
        Transform().apply(np.zeros((3, 2)))
    with pytest.raises(BadDataError, match="cannot be inverted"):
        Transform.affine(np.diag([1, 0, 1, 1]))
    with pytest.raises(BadDataError, match="Not an affine"):
        Transform.affine(np.full((4, 4), np.nan))
    with pytest.raises(BadDataError, match="squeezed"):
        DisplacementField(vectors=field.vectors[:, :, :, None], affine=field.affine)
    with pytest.raises(UsageError, match=r"must end with \.h5"):
        write_itk(Transform((field,)), tmp_path / "field.txt")
    with pytest.raises(CannotWriteError, match="nowhere"):
        write_itk(Transform(), tmp_path / "nowhere" / "affine.txt")
    with pytest.raises(MissingInputError, match="no transform file"):
        read_itk(tmp_path / "none.h5")
    (tmp_path / "broken.txt").write_text("nothing of the kind")
    with pytest.raises(BadDataError, match=r"broken\.txt"):
        read_itk(tmp_path / "broken.txt")
    SimpleITK.WriteTransform(SimpleITK.Euler2DTransform(), str(tmp_path / "flat.txt"))
    with pytest.raises(BadDataError, match="2 dimensions"):
        read_itk(tmp_path / "flat.txt")


def test_heavy_libraries_wait_until_they_are_used():
    code = "import sys, lumirage_bids.label_transfer, lumirage_bids.measures.field; print({*sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'lumirage_bids.transforms'" in loaded
    assert not [name for name in ("numba", "SimpleITK", "scipy") if f"'{name}'" in loaded]


def run_kernels_copy(folder, **environment):
    """Compile and call a kernel from a copy of the module in `folder`, in a fresh interpreter."""
    shutil.copy(Path(lumirage_bids.__file__).parent / "_kernels.py", folder)
    code = "import numpy as np, _kernels; p = np.ones((2, 3)); _kernels.map_affine(p, 2 * np.eye(4)); print(p.sum())"
    command = [sys.executable, "-B", "-c", code]
    result = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) == 12


def test_kernels_work_where_nothing_can_be_cached(tmp_path):
    (tmp_path / "__pycache__").touch()  # a file in the place of the folder, so that even root cannot write
    run_kernels_copy(tmp_path, NUMBA_CACHE_DIR="/dev/null/a", HOME="/dev/null", XDG_CACHE_HOME="/dev/null/b")


def test_kernels_are_cached_where_the_user_says(tmp_path):
    (tmp_path / "code").mkdir()
    run_kernels_copy(tmp_path / "code", NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert list((tmp_path / "cache").rglob("*.nbi"))
