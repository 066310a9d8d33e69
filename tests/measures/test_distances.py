"""Surface distances against brute force over the corners, and shapes whose distances are known."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.measures.distances import landmark_errors, surface_distances
from lumirage_bids.spatial.transforms import Transform

maps = arrays(np.int16, (4, 3, 3), elements=st.integers(0, 3))


def corners(mask: np.ndarray, spacing: np.ndarray) -> dict[tuple[float, ...], float]:
    """Corner → area, by walking over every face of every voxel."""
    found: dict[tuple[float, ...], float] = {}
    padded = np.pad(mask, 1)
    for voxel in product(*map(range, mask.shape)):
        for axis, step in product(range(3), (-1, 1)):
            other = [i + 1 + step * (a == axis) for a, i in enumerate(voxel)]
            if not mask[voxel] or padded[tuple(other)]:
                continue
            for ends in product((0, 1), repeat=2):
                place, free = list(voxel), iter(ends)
                for a in range(3):
                    place[a] += (step + 1) // 2 if a == axis else next(free)
                key = tuple(float(x) for x in place * spacing)
                found[key] = found.get(key, 0) + np.prod(spacing) / spacing[axis] / 4
    return found


def brute(fixed: np.ndarray, moved: np.ndarray, spacing: np.ndarray) -> tuple[float, float]:
    both = [corners(m, spacing) for m in (fixed, moved)]
    directed = []
    for one, other in (both, both[::-1]):
        there = np.array(list(other))
        directed.append([(float(np.linalg.norm(there - p, axis=1).min()), a) for p, a in one.items()])
    everything = [pair for of in directed for pair in of]
    average = sum(d * a for d, a in everything) / sum(a for _, a in everything)
    return max(percentile(of) for of in directed), average


def percentile(pairs: list[tuple[float, float]]) -> float:
    reached, total = 0.0, sum(a for _, a in pairs)
    for distance, area in sorted(pairs):
        reached += area
        if reached >= 0.95 * total - 1e-9:
            return distance
    raise AssertionError


@settings(max_examples=60)
@given(maps, maps, st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 3))
def test_distances_are_those_of_every_corner_to_every_other(fixed, moved, size):
    spacing = np.array(size)
    found = surface_distances(fixed, moved, [3, 1, 2], spacing)
    for n, index in enumerate((3, 1, 2)):
        if (fixed == index).any() and (moved == index).any():
            hd95, average = brute(fixed == index, moved == index, spacing)
            assert found.hd95[n] == pytest.approx(hd95)
            assert found.average[n] == pytest.approx(average)
        else:
            assert np.isnan(found.hd95[n])
            assert np.isnan(found.average[n])


def test_a_shift_is_measured_in_mm_along_its_axis():
    cube = np.zeros((20, 20, 20), np.uint8)
    cube[5:10, 5:10, 5:10] = 7
    for axis, spacing in enumerate((0.5, 1.0, 2.5)):
        found = surface_distances(cube, np.roll(cube, 2, axis), [7], (0.5, 1.0, 2.5))
        assert found.hd95[0] == pytest.approx(2 * spacing)
        assert 0 < found.average[0] < 2 * spacing


def test_equal_maps_are_no_distance_apart_also_at_the_edge_of_the_grid():
    labels = np.arange(27).reshape(3, 3, 3)
    found = surface_distances(labels, labels, np.arange(1, 27), (1, 1, 1))
    assert not found.hd95.any()
    assert not found.average.any()


def test_outliers_beyond_five_percent_of_the_area_do_not_count():
    fixed = np.zeros((30, 30, 30), np.uint8)
    fixed[2:22, 2:22, 2:22] = 1
    moved = fixed.copy()
    moved[28, 28, 28] = 1  # 6 mm² of 2406
    found = surface_distances(fixed, moved, [1], (1, 1, 1))
    assert found.hd95[0] == 0
    assert found.average[0] > 0


def test_symmetric():
    a, b = (np.random.default_rng(seed).integers(0, 3, (8, 9, 7)) for seed in (0, 1))
    one, other = surface_distances(a, b, [1, 2], (1, 2, 3)), surface_distances(b, a, [1, 2], (1, 2, 3))
    np.testing.assert_allclose(one, other)


def test_no_structures_no_distances():
    labels = np.ones((3, 3, 3), np.int32)
    assert surface_distances(labels, labels, [], (1, 1, 1)).hd95.shape == (0,)


@pytest.mark.parametrize(
    ("moved", "spacing", "told"),
    [
        (np.zeros((2, 2, 3), int), (1, 1, 1), r"\(2, 2, 3\)"),
        (np.zeros((2, 2, 2)), (1, 1, 1), "float64"),
        (np.zeros((2, 2, 2), int), (1, 0, 1), "three positive"),
    ],
)
def test_refuses(moved, spacing, told):
    with pytest.raises(BadDataError, match=told):
        surface_distances(np.ones((2, 2, 2), int), moved, [1], spacing)


def test_landmarks():
    fixed = np.array([[0.0, 0, 0], [1, 2, 3]])
    shift = np.eye(4)
    shift[:3, 3] = 0, 3, 4
    np.testing.assert_allclose(landmark_errors(fixed, fixed, Transform((shift,))), [5, 5])
    np.testing.assert_allclose(landmark_errors(fixed, fixed + shift[:3, 3], Transform((shift,))), [0, 0], atol=1e-12)
    with pytest.raises(BadDataError, match="in order"):
        landmark_errors(fixed, fixed[:1], Transform())
    with pytest.raises(BadDataError, match="finite"):
        landmark_errors(fixed, fixed * np.nan, Transform())
