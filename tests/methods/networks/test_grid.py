"""Grids of networks: where they are placed, what comes onto them, and what comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from nibabel.affines import apply_affine
from nibabel.orientations import aff2axcodes
from scipy.spatial.transform import Rotation

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.methods.networks.grid import (
    NetworkGrid,
    Normalisation,
    cut_off_percent,
    field_on,
    network_grid,
    network_input,
    normalise,
    padded_grid,
)
from lumirage_bids.spatial.grids import reorient
from lumirage_bids.spatial.images import Volume

RANDOM = np.random.default_rng(3)
ORIENTATIONS = [
    "".join(letters[i] for i in order)
    for letters in (("R", "A", "S"), ("L", "A", "S"), ("L", "P", "S"), ("R", "P", "I"), ("L", "P", "I"))
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0))
]
orientations = st.sampled_from(ORIENTATIONS)


def head(spacing: Any = 1.0, turn: Rotation | None = None) -> Volume:
    """Noise in a box that is off the middle of a larger grid; background is 0."""
    array = np.zeros((21, 26, 18), dtype=np.float32)
    array[4:17, 3:22, 5:15] = RANDOM.uniform(0.1, 1, (13, 19, 10))
    affine = np.eye(4)
    affine[:3, :3] = (turn or Rotation.identity()).as_matrix() @ np.diag(np.broadcast_to(spacing, 3).astype(float))
    affine[:3, 3] = [-30, 12, 7]
    return Volume(array=array, affine=affine)


def middle_of_foreground(image: Volume) -> npt.NDArray[np.float64]:
    found = np.argwhere(image.array > 0)
    return np.asarray(apply_affine(image.affine, (found.min(axis=0) + found.max(axis=0)) / 2))


def test_grid_is_in_the_middle_and_points_where_it_should() -> None:
    image = head(spacing=(1, 1.2, 0.9), turn=Rotation.from_euler("xyz", [10, -15, 20], degrees=True))
    wanted = NetworkGrid(shape=(32, 40, 24), orientation="LPS", spacing=(1.5, 1, 2))
    placed = network_grid(image, wanted)
    assert placed.shape == wanted.shape
    assert aff2axcodes(placed.affine) == tuple("LPS")
    np.testing.assert_allclose(placed.spacing, wanted.spacing)
    centre = apply_affine(placed.affine, (np.array(placed.shape) - 1) / 2)
    off = np.linalg.solve(image.affine[:3, :3], centre - middle_of_foreground(image))
    assert np.abs(off).max() <= 0.5 + 1e-3


@given(turn=st.tuples(*[st.floats(-20, 20)] * 3), orientation=orientations)
def test_grid_turns_with_an_oblique_scan(turn: tuple[float, float, float], orientation: str) -> None:
    rotation = np.eye(4)
    rotation[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    rotation[:3, 3] = [100, -50, 3]
    image, wanted = head(), NetworkGrid(shape=(24, 22, 23), orientation=orientation, spacing=1.3)
    straight = network_grid(image, wanted)
    oblique = network_grid(replace(image, affine=rotation @ image.affine), wanted)
    np.testing.assert_allclose(oblique.affine, rotation @ straight.affine, atol=1e-9)


@given(stored=orientations, orientation=orientations)
def test_storage_of_an_image_does_not_matter(stored: str, orientation: str) -> None:
    image, wanted = head(spacing=(1, 1.2, 0.9)), NetworkGrid(shape=(24, 23, 22), orientation=orientation)
    other = reorient(image, stored)
    one, two = network_grid(image, wanted), network_grid(other, wanted)
    np.testing.assert_allclose(one.affine, two.affine, atol=1e-9)
    np.testing.assert_allclose(
        network_input(image, one, "none", "fixed"), network_input(other, two, "none", "fixed"), atol=1e-5
    )


@pytest.mark.parametrize("orientation", ["RAS", "LPI", "SPL"])
def test_equal_spacing_needs_no_interpolation(orientation: str) -> None:
    image = head(turn=Rotation.from_euler("xyz", [10, -15, 20], degrees=True))
    grid = network_grid(image, NetworkGrid(shape=(24, 24, 24), orientation=orientation))
    seen = network_input(image, grid, "none", "fixed")
    # Weights of neighbours are not exactly 0 after the rounding of oblique headers.
    np.testing.assert_allclose(np.sort(seen[seen > 0.01]), np.sort(image.array[image.array > 0]), atol=1e-5)


def test_axes_are_at_right_angles_where_the_fixed_image_shears() -> None:
    image = head()
    sheared = image.affine @ np.array([[1, 0.1, 0, 0], [0, 1, 0.05, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    axes = network_grid(replace(image, affine=sheared), NetworkGrid(shape=(30, 30, 30))).affine[:3, :3]
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)


def test_moving_image_comes_by_its_headers_shear_included() -> None:
    grid = network_grid(head(), NetworkGrid(shape=(12, 12, 8)))
    affine = np.array([[0.9, 0.1, 0, -45], [0, 0.8, 0.1, 0], [0.05, 0, 0.7, -5], [0, 0, 0, 1.0]])
    slope = np.array([0.3, -0.2, 0.5])
    points = apply_affine(affine, np.moveaxis(np.indices((60, 60, 60)), 0, -1))
    moving = Volume(array=(100 + points @ slope).astype(np.float32), affine=affine)
    expected = 100 + apply_affine(grid.affine, np.moveaxis(np.indices(grid.shape), 0, -1)) @ slope
    # A linear image stays itself under smoothing and linear interpolation, away from the border.
    np.testing.assert_allclose(network_input(moving, grid, "none", "moving"), expected, rtol=1e-4)


def test_a_coarser_grid_averages_instead_of_picking() -> None:
    checkers = np.indices((32, 32, 32)).sum(axis=0) % 2 + 1.0
    image = Volume(array=checkers.astype(np.float32), affine=np.eye(4))
    seen = network_input(image, network_grid(image, NetworkGrid(shape=(10, 10, 10), spacing=2.0)), "none", "fixed")
    np.testing.assert_allclose(seen, 1.5, atol=0.1)


def test_what_is_cut_off_is_measured_and_said(caplog: pytest.LogCaptureFixture) -> None:
    image = Volume(array=np.ones((10, 20, 10), dtype=np.float32), affine=np.eye(4))
    grid = network_grid(image, NetworkGrid(shape=(10, 15, 10)))
    assert cut_off_percent(image, grid) == pytest.approx(25)
    assert "25.00 % of the fixed image's foreground" in caplog.text
    caplog.clear()
    network_grid(image, NetworkGrid(shape=(10, 20, 10)))
    assert not caplog.text
    moving = replace(image, affine=np.diag([2.0, 1, 1, 1]))
    network_input(moving, network_grid(image, NetworkGrid(shape=(10, 20, 10))), "none", "moving")
    assert "50.00 % of the moving image's foreground" in caplog.text


def test_own_grid_is_lengthened_at_the_ends_only() -> None:
    image = head(turn=Rotation.from_euler("z", 30, degrees=True))
    grid = padded_grid(image, 8)
    assert grid.shape == (24, 32, 24)
    np.testing.assert_array_equal(grid.affine, image.affine)
    seen = network_input(image, grid, "none", "fixed")
    np.testing.assert_allclose(seen[:21, :26, :18], image.array, atol=1e-6)
    assert seen.sum() == pytest.approx(image.array.sum())
    assert padded_grid(grid, 8).shape == grid.shape


@given(
    arrays(np.float32, (5, 4, 3), elements=st.floats(-1e4, 1e4, width=16)).filter(lambda a: np.ptp(a) > 1),
    st.sampled_from(["minmax", "percentile"]),
)
def test_normalised_to_the_unit_range(array: npt.NDArray[np.float32], how: Normalisation) -> None:
    if np.ptp(np.percentile(array, (1, 99))) == 0:
        return
    values = normalise(array, how)
    assert (values.min(), values.max()) == (0, 1)
    order = np.argsort(array, axis=None)
    assert (np.diff(values.ravel()[order]) >= 0).all()


def test_normalised_to_zscores_or_not_at_all() -> None:
    array = RANDOM.uniform(3, 9, (6, 7, 8)).astype(np.float32)
    scores = normalise(array, "zscore")
    assert scores.mean() == pytest.approx(0, abs=1e-5)
    assert scores.std() == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(normalise(array, "none"), array)
    array[0, 0, 0] = 1e6
    assert normalise(array, "percentile")[1:].std() > 1000 * normalise(array, "minmax")[1:].std()


@given(orientations, st.tuples(*[st.floats(-3, 3, width=32)] * 3))
def test_one_voxel_of_displacement_is_one_step_of_the_grid(
    orientation: str, voxels: tuple[float, float, float]
) -> None:
    grid = network_grid(
        head(turn=Rotation.from_euler("xyz", [10, -15, 20], degrees=True)),
        NetworkGrid(shape=(20, 22, 24), orientation=orientation, spacing=(1, 1.5, 2)),
    )
    transform = field_on(grid, np.broadcast_to(np.array(voxels, dtype=np.float32), (*grid.shape, 3)))
    index = RANDOM.uniform(0, np.array(grid.shape) - 1, (10, 3))
    expected = apply_affine(grid.affine, index + voxels)
    np.testing.assert_allclose(transform.apply(apply_affine(grid.affine, index)), expected, atol=1e-4)


def test_what_cannot_be_used_is_said() -> None:
    grid = network_grid(head(), NetworkGrid(shape=(20, 22, 24)))
    with pytest.raises(BadDataError, match=r"shape \(3, 20, 22, 24\)"):
        field_on(grid, np.zeros((3, 20, 22, 24)))
    with pytest.raises(BadDataError, match="not finite"):
        field_on(grid, np.full((20, 22, 24, 3), np.nan))
    far = replace(head(), affine=np.array([[1.0, 0, 0, 900], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    with pytest.raises(BadDataError, match="moving image does not reach"):
        network_input(far, grid, "minmax", "moving")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"shape": (10, 10)}, "three whole numbers"),
        ({"shape": (10, 10, 1)}, "at least 2"),
        ({"orientation": "RLS"}, "'RLS'"),
        ({"orientation": "ras"}, "'ras'"),
        ({"spacing": 0.0}, "above 0"),
        ({"spacing": (1.0, 1.0)}, "one number or three"),
    ],
)
def test_what_is_no_grid_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        NetworkGrid(**{"shape": (10, 10, 10), **wrong})  # type: ignore[arg-type]
