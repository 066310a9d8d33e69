"""Planes in which a region ends are found however they lie; rounded ends are none."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.spatial.ends import FlatEnd, cut_planes, flat_ends
from lumirage_bids.spatial.grids import reorient
from lumirage_bids.spatial.images import FloatArray, Volume

RADII = np.array([62.0, 80.0, 52.0])


def unit(*components: float) -> FloatArray:
    return np.asarray(np.array(components) / np.linalg.norm(components))


def brain(spacing: tuple[float, float, float] = (3, 3, 3), *cuts: tuple[FloatArray, float]) -> Volume:
    """An ellipsoid around the origin of which planes, given by normal and offset (mm), cut off what is beyond."""
    shape = np.ceil(2.4 * RADII / spacing).astype(int)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -np.array(spacing) * (shape - 1) / 2 + 0.3
    points = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    inside = ((points / RADII) ** 2).sum(-1) < 1
    for normal, offset in cuts:
        inside &= points @ normal <= offset
    return Volume(array=inside.astype(np.uint8), affine=affine)


def tilted(degrees: float) -> FloatArray:
    """Downwards, tilted to the front and a little to the right."""
    away = unit(0.3, 1, 0)
    return np.cos(np.radians(degrees)) * np.array([0, 0, -1.0]) + np.sin(np.radians(degrees)) * away


@pytest.mark.parametrize("spacing", [(3, 3, 3), (1.5, 1.5, 4.0)])
@pytest.mark.parametrize("degrees", [0, 5, 15, 30, 45])
def test_a_cut_is_found_however_it_is_tilted(degrees: float, spacing: tuple[float, float, float]) -> None:
    normal = tilted(degrees)
    (end,) = flat_ends(brain(spacing, (normal, 32.0)))
    assert not end.at_edge
    assert end.normal @ normal > np.cos(np.radians(2.5))
    assert end.offset == pytest.approx(32.0, abs=0.6 * max(spacing))
    reach = np.linalg.norm(normal * RADII)
    assert end.share == pytest.approx(1 - (32.0 / reach) ** 2, abs=0.08)


@pytest.mark.parametrize("spacing", [(2, 2, 2), (4, 4, 4), (1, 1, 4)])
def test_a_whole_brain_ends_in_no_plane(spacing: tuple[float, float, float]) -> None:
    assert flat_ends(brain(spacing)) == []


def test_a_field_of_view_that_was_turned_has_all_its_planes() -> None:
    normals = [tilted(20), -tilted(20), unit(1, -0.3, 0)]
    ends = flat_ends(brain((3, 3, 3), *((n, 35.0) for n in normals)))
    assert len(ends) == 3
    for normal in normals:
        assert max(end.normal @ normal for end in ends) > np.cos(np.radians(2))


def test_storage_does_not_move_a_plane() -> None:
    cut = brain((3, 3, 3), (tilted(15), 30.0))
    expected, got = (cut_planes(volume) for volume in (cut, reorient(cut, "PSL")))
    np.testing.assert_allclose(got, expected, atol=0.5)


def test_planes_along_the_grid_are_exact_and_those_within_leave_out_what_is_mixed() -> None:
    whole = brain((3, 3, 3))
    affine = whole.affine.copy()
    affine[:3, 3] += 15 * affine[:3, 2]
    part = Volume(array=whole.array[:, :, 15:], affine=affine)
    face = whole.affine[2, 3] + 14.5 * 3
    np.testing.assert_allclose(cut_planes(part), [[0, 0, -1, -face]], atol=1e-9)
    padded = Volume(array=np.where(np.arange(whole.shape[2]) >= 15, whole.array, 0), affine=whole.affine)
    np.testing.assert_allclose(cut_planes(padded), [[0, 0, -1, -face - 3]], atol=1e-9)


def test_a_corner_at_the_edge_is_told_but_is_no_cut() -> None:
    whole = brain((3, 3, 3))
    part = Volume(array=whole.array[:, :, 4:], affine=whole.affine)
    (end,) = flat_ends(part)
    assert (end.side, end.at_edge) == ("I", True)
    assert end.share < 0.3
    assert cut_planes(part).shape == (0, 4)


def test_nothing_ends_nowhere() -> None:
    assert flat_ends(Volume(array=np.zeros((5, 5, 5)), affine=np.eye(4))) == []


@pytest.mark.parametrize(
    ("normal", "side"),
    [((0, 0, -1), "I"), ((0, 0.3, -1), "I"), ((0, 0.8, -1), "IA"), ((-1, -0.9, 0.8), "LPS"), ((1, 0, 0), "R")],
)
def test_sides_are_named_by_anatomy(normal: tuple[float, float, float], side: str) -> None:
    assert FlatEnd(normal=unit(*normal), offset=0.0, share=1.0, at_edge=False).side == side
