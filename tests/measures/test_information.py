"""Information and contrast: known distributions, invariances, and pairwise counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.measures.information import boundary_contrast, mutual_information

SHAPE = (6, 5, 4)
maps = arrays(np.int16, SHAPE, elements=st.integers(0, 3))


def test_intensities_that_are_labels_tell_everything():
    labels = np.random.default_rng(0).integers(0, 4, (20, 20, 20))
    found = mutual_information(labels * 10.0, labels, np.ones(labels.shape))
    assert found.mutual == pytest.approx(found.entropy)
    assert found.entropy == pytest.approx(2, abs=0.01)


def test_intensities_that_know_nothing_of_labels_tell_nothing():
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, (40, 40, 40))
    found = mutual_information(random.normal(size=labels.shape), labels, np.ones(labels.shape))
    assert found.mutual < 0.005
    assert mutual_information(np.ones(labels.shape), labels, np.ones(labels.shape)).mutual == pytest.approx(0)


def test_half_of_the_labels_told_is_one_bit_of_two():
    labels = np.random.default_rng(0).integers(0, 4, (20, 20, 20))
    found = mutual_information((labels > 1).astype(float), labels, np.ones(labels.shape))
    assert found.mutual == pytest.approx(1, abs=0.01)


@settings(max_examples=40)
@given(maps, st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(-5, 5))
def test_information_does_not_depend_on_units_and_names(labels, seed, gain, offset):
    image = np.random.default_rng(seed).integers(0, 50, SHAPE).astype(float)
    mask = np.ones(SHAPE)
    found = mutual_information(image, labels, mask, bins=8)
    assert 0 <= found.mutual <= found.entropy + 1e-9
    again = mutual_information(image, 7 - labels, mask, bins=8)
    assert again == pytest.approx(found)
    # Bins of a scaled image are the same bins, but for values on a boundary between two.
    scaled = mutual_information(image * 2.0 ** round(gain), labels, mask, bins=8)
    assert scaled == pytest.approx(found)
    assert np.isfinite(mutual_information(image * gain + offset, labels, mask, bins=8)).all()


def by_pairs(image: np.ndarray, labels: np.ndarray, index: int, spacing: np.ndarray) -> tuple[float, float]:
    """Contrast and area by listing the faces and comparing all intensities inside with all outside."""
    sides: dict[int, tuple[list[float], list[float], list[float]]] = {}
    for axis in range(3):
        for i in np.ndindex(*(n - (a == axis) for a, n in enumerate(labels.shape))):
            j = tuple(np.add(i, np.eye(3, dtype=int)[axis]))
            for inside, outside in ((i, j), (j, i)):
                if labels[inside] == index != labels[outside]:
                    of = sides.setdefault(int(labels[outside]), ([], [], []))
                    of[0].append(image[inside])
                    of[1].append(image[outside])
                    of[2].append(float(np.prod(spacing) / spacing[axis]))
    areas = [sum(of[2]) for of in sides.values()]
    deltas = [abs(np.sign(np.subtract.outer(of[0], of[1])).mean()) for of in sides.values()]
    return float(np.average(deltas, weights=areas)), sum(areas)


@settings(max_examples=40)
@given(maps, st.integers(0, 2**32 - 1))
def test_contrast_is_cliffs_delta_over_the_faces(labels, seed):
    # Four intensities, each in a bin of its own.
    image = np.random.default_rng(seed).integers(0, 4, SHAPE).astype(float)
    image.flat[:2] = 0, 3
    spacing = np.array([0.5, 1, 2])
    found = boundary_contrast(image, labels, np.ones(SHAPE), [2, 1, 9], spacing)
    for n, index in enumerate((2, 1)):
        if (labels == index).any() and not (labels == index).all():
            assert (found.contrast[n], found.area[n]) == pytest.approx(by_pairs(image, labels, index, spacing))
            assert 0 <= found.bare[n] <= 1
    assert np.isnan(found.contrast[2])
    assert found.area[2] == 0


def test_brighter_and_darker_neighbours_do_not_cancel():
    labels = np.repeat([1, 2, 3], 4)[:, None, None] * np.ones((1, 5, 5), int)
    found = boundary_contrast(labels * 1.0, labels, np.ones(labels.shape), [2], (1, 1, 1))
    assert found.contrast[0] == 1
    assert found.bare[0] == 0


def test_the_bare_share_is_that_of_the_area_without_contrast():
    labels = np.repeat([1, 2, 3], 4)[:, None, None] * np.ones((1, 5, 5), int)
    image = np.where(labels == 3, 1.0, 0.0)
    found = boundary_contrast(image, labels, np.ones(labels.shape), [1, 2, 3], (1, 1, 1))
    np.testing.assert_allclose(found.bare, [1, 0.5, 0])
    np.testing.assert_allclose(found.contrast, [0, 0.5, 1])


def test_refuses_other_grids_and_images_that_are_not_finite():
    with pytest.raises(BadDataError, match="one grid"):
        mutual_information(np.ones((2, 2, 2)), np.ones((2, 2, 3), int), np.ones((2, 2, 2)))
    with pytest.raises(BadDataError, match="finite"):
        mutual_information(np.full((2, 2, 2), np.nan), np.ones((2, 2, 2), int), np.ones((2, 2, 2)))
