"""Regridding, against what is where in the world."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import aff2axcodes

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.spatial.grids import (
    bounding_box,
    crop,
    grid_for,
    pad_to,
    reorient,
    resample,
    resample_isotropic,
    same_grid,
)
from lumirage_bids.spatial.images import Volume
from tests.random_volumes import AXES, RAMP, affine, by_place, noise, seeds, world


@settings(max_examples=60)
@given(seed=seeds, axes=st.sampled_from(AXES))
def test_reorient_moves_nothing_in_the_world(seed: int, axes: str) -> None:
    volume = noise(np.random.default_rng(seed))
    turned = reorient(volume, axes)
    assert "".join(aff2axcodes(turned.affine)) == axes
    assert by_place(turned) == by_place(volume)


@settings(max_examples=60)
@given(seed=seeds, axes=st.sampled_from(AXES), spacing=st.floats(0.6, 3))
def test_storage_does_not_change_resampling(seed: int, axes: str, spacing: float) -> None:
    volume = noise(np.random.default_rng(seed))
    stored = reorient(volume, axes)
    expected, got = resample_isotropic(volume, spacing), reorient(resample_isotropic(stored, spacing))
    np.testing.assert_allclose(got.affine, expected.affine, atol=1e-9)
    np.testing.assert_allclose(got.array, expected.array, atol=1e-5)


@settings(max_examples=40)
@given(seed=seeds, axes=st.sampled_from(AXES), margin=st.floats(0, 4), multiple=st.integers(1, 8))
def test_crop_and_pad_keep_places(seed: int, axes: str, margin: float, multiple: int) -> None:
    rng = np.random.default_rng(seed)
    volume = reorient(noise(rng), axes)
    start = rng.integers(0, np.array(volume.shape))
    box = np.stack([start, rng.integers(start + 1, np.array(volume.shape) + 1)], axis=1)
    part, whole = by_place(crop(volume, box, margin)), by_place(volume)
    assert part.items() <= whole.items()
    inner = volume.array[tuple(slice(*b) for b in box)]
    assert set(inner.reshape(-1).tolist()) <= set(part.values())
    padded = pad_to(volume, multiple)
    assert all(n % multiple == 0 and n - m < multiple for n, m in zip(padded.shape, volume.shape, strict=True))
    assert whole.items() <= by_place(padded).items()
    assert padded.array.sum() == pytest.approx(volume.array.sum(), rel=1e-5)


def test_margin_is_in_millimetres_and_ends_at_the_grid() -> None:
    volume = Volume(array=np.zeros((20, 20, 20), np.float32), affine=np.diag([2.0, 1.0, 0.5, 1]))
    box = np.array([[8, 10], [8, 10], [1, 10]])
    part = crop(volume, box, 3)
    assert part.shape == (2 + 2 * 2, 2 + 2 * 3, 9 + 1 + 6)
    np.testing.assert_allclose(part.affine[:3, 3], [6 * 2, 5 * 1, 0])


def test_pad_refuses_to_crop() -> None:
    with pytest.raises(ValueError, match="crop first"):
        pad_to(Volume(array=RAMP, affine=np.eye(4)), (4, 4, 8))


@settings(max_examples=60)
@given(seed=seeds, spacing=st.floats(0.4, 4))
def test_isotropic_grid_covers_the_field_of_view(seed: int, spacing: float) -> None:
    volume = noise(np.random.default_rng(seed))
    shape, matrix = grid_for(volume.shape, volume.affine, spacing)
    new = Volume(array=np.zeros(shape, np.float32), affine=matrix)
    np.testing.assert_allclose(new.spacing, spacing)
    np.testing.assert_allclose(world(new).mean((0, 1, 2)), world(volume).mean((0, 1, 2)), atol=1e-6)
    old_extent, extent = np.array(volume.shape) * volume.spacing, np.array(shape) * spacing
    assert np.all(extent >= old_extent - 0.002 * spacing)
    assert np.all((extent < old_extent + spacing) | (np.array(shape) == 2))


@settings(max_examples=40)
@given(seed=seeds)
def test_resampling_is_exact_for_linear_images(seed: int) -> None:
    """Linear interpolation of a plane is the plane, on any grid whose voxels are no larger."""
    rng = np.random.default_rng(seed)
    gradient = rng.normal(size=3)
    big = Volume(array=np.zeros((24, 24, 24), np.float32), affine=affine(rng, (2, 2, 2)))
    big = Volume(array=(world(big) @ gradient).astype(np.float32), affine=big.affine)
    inner = affine(rng, (1, 1, 1))
    inner[:3, 3] = world(big).mean((0, 1, 2)) - inner[:3, :3] @ [4, 4, 4]
    small = resample(big, (9, 9, 9), inner)
    np.testing.assert_allclose(small.array, world(small) @ gradient, atol=1e-3)


def test_field_of_view_ends_half_a_voxel_beyond_the_last_centre() -> None:
    volume = Volume(array=np.full((4, 4, 4), 7, np.float32), affine=np.eye(4))
    fine = np.diag([0.2, 1, 1, 1])
    fine[0, 3] = -1.0
    got = resample(volume, (30, 4, 4), fine).array[:, 0, 0]
    x = -1 + 0.2 * np.arange(30)
    np.testing.assert_array_equal(got, np.where((x > -0.51) & (x < 3.51), 7, 0))


def test_nearest_neighbour_keeps_type_and_values() -> None:
    rng = np.random.default_rng(3)
    volume = Volume(array=rng.integers(0, 200, (8, 8, 8)).astype(np.int16), affine=np.eye(4))
    out = resample(volume, (5, 5, 5), np.diag([1.6, 1.6, 1.6, 1]), order=0)
    assert out.array.dtype == np.int16
    i, j, k = np.ix_(*[np.rint(1.6 * np.arange(5)).astype(int)] * 3)
    np.testing.assert_array_equal(out.array, volume.array[i, j, k])


def test_coarser_grids_do_not_alias() -> None:
    """Stripes finer than the new grid can show become grey, and the mean stays."""
    stripes = np.tile((np.arange(60) % 2).astype(np.float32)[:, None, None], (1, 60, 60))
    out = resample_isotropic(Volume(array=stripes, affine=np.eye(4)), 4.0).array
    assert np.ptp(out[2:-2]) < 0.02
    assert out.mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("spacing", "same"), [(1.0, True), (1.009, True), (1.02, False), (0.98, False)])
def test_nearly_native_spacing_is_not_resampled(spacing: float, same: bool) -> None:
    volume = Volume(array=RAMP, affine=np.diag([-1.0, 1.0, 1.001, 1]))
    assert (resample_isotropic(volume, spacing) is volume) == same


def test_bounding_box_of_nothing() -> None:
    array = np.zeros((5, 6, 7))
    array[1:3, 2, 4:7] = 1
    np.testing.assert_array_equal(bounding_box(array), [[1, 3], [2, 3], [4, 7]])
    with pytest.raises(BadDataError, match="empty"):
        bounding_box(array * 0)


def test_same_grid_tells_a_tenth_of_a_voxel() -> None:
    a = Volume(array=np.zeros((100, 100, 100)), affine=np.eye(4))
    drift = np.diag([1.002, 1, 1, 1])
    assert same_grid(a, Volume(array=a.array, affine=np.eye(4) + 1e-6))
    assert not same_grid(a, Volume(array=a.array, affine=drift))
