"""Fill: values where nothing was seen, told from what was."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.ndimage import gaussian_filter

from lumirage_bids.spatial.fill import find_seen, remove_fill, remove_outer_fill

SHAPE = (40, 44, 36)


def head() -> np.ndarray:
    """Air with a little noise around a ball of many intensities, dark in the middle, float32."""
    rng = np.random.default_rng(3)
    radius = np.sqrt((((np.indices(SHAPE).T - np.array(SHAPE) / 2) / np.array([15, 17, 14])) ** 2).sum(-1)).T
    tissue = 300 - 250 * np.cos(5 * radius) + 20 * rng.standard_normal(SHAPE)
    return np.where(radius < 1, tissue, np.abs(8 * rng.standard_normal(SHAPE))).astype(np.float32)


def outside(kind: str) -> np.ndarray:
    """Where nothing was scanned: beyond a cylinder, a frame, or the corners of a field that was turned."""
    x, y, _ = np.indices(SHAPE)
    if kind == "cylinder":
        return np.hypot(x - 20, y - 22) > 20
    if kind == "frame":
        inner = np.zeros(SHAPE, dtype=bool)
        inner[2:-2, 2:-2, 2:-2] = True
        return ~inner
    return np.asarray((x + y < 8) | (x + y > 74))


@pytest.mark.parametrize("kind", ["cylinder", "frame", "corners"])
@pytest.mark.parametrize("fill", [-1024, -32768, 9999, 32767, 1e9])
@given(scale=st.sampled_from([1.0, 0.01, 30.0]), offset=st.sampled_from([0.0, -7.0, 1e3]))
@settings(max_examples=3, deadline=None)
def test_outer_fill_is_as_dark_as_air_whatever_the_scale(kind: str, fill: float, scale: float, offset: float) -> None:
    plain, region = head(), outside(kind)
    filled = np.where(region, fill, plain)
    assert 0.01 < region.mean() < 0.4
    got = remove_outer_fill(scale * filled.astype(np.float64) + offset)
    np.testing.assert_allclose((got - offset)[~region] / scale, plain[~region], atol=1e-3)
    assert ((got - offset)[region] / scale).max() < 1


def test_fill_that_was_resampled_leaves_no_rim() -> None:
    plain, region = head(), outside("corners")
    blurred = gaussian_filter(region.astype(np.float32), 0.6, truncate=2)
    blurred[blurred > 0.999] = 1
    for fill in (-1024, 9999):
        got = remove_outer_fill(((1 - blurred) * plain + blurred * fill).astype(np.float32))
        assert got.min() > -300
        assert got.max() < 900


def test_two_fills_are_both_dark() -> None:
    filled = np.where(outside("cylinder"), -1024, head())
    filled[outside("frame")] = -32768
    assert remove_outer_fill(filled.astype(np.float32)).min() >= 0


@pytest.mark.parametrize("change", ["none", "clean", "saturated", "z-scored"])
def test_what_is_no_fill_stays(change: str) -> None:
    """A plain head, one on an empty background, one with saturated fat, one that was z-scored."""
    array = head()
    if change == "clean":
        array[array < 40] = 0
    if change == "saturated":
        array = np.minimum(array, 420)
        assert (array == 420).mean() > 0.01
        array[array == 420] = 900
    if change == "z-scored":
        array = (array - array.mean()) / array.std()
    assert remove_outer_fill(array) is array


def test_the_darkest_of_a_brain_stands_in_for_what_lies_far_below_it() -> None:
    plain = head()
    brain = plain > 40
    got = remove_fill(np.where(brain, plain, -32768).astype(np.float32), brain)
    assert 0 < got[~brain].max() < np.percentile(plain[brain], 5)


def test_an_image_without_a_mask_has_nothing_around_its_brain() -> None:
    image = np.random.default_rng(0).random((9, 9, 9)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(remove_fill(image, np.ones(image.shape, bool)), image)


@pytest.mark.parametrize("value", [0, -1024, 9999])
def test_filled_space_is_told_from_what_is_dark(value: float) -> None:
    image = head() + 1
    beyond = np.indices(image.shape).sum(0) < 0.5 * image.shape[0]
    image[beyond] = value
    inner = tuple(n // 2 for n in image.shape)
    image[inner] = value
    assert find_seen(image)[inner]
    np.testing.assert_array_equal(find_seen(image), ~beyond)


@pytest.mark.parametrize("jitter", [0.0, 1e-3, 5e-3])
@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_the_background_of_a_z_scored_brain_does_not_shine_into_a_wide_mask(jitter: float, kind: str) -> None:
    """It is the brain's mean, and nearly one value alone, where an image was resampled or dithered."""
    rng = np.random.default_rng(1)
    plain = head()
    brain = plain > 40
    noise = rng.standard_normal(plain.shape) if kind == "normal" else rng.uniform(-1, 1, plain.shape)
    scored = np.where(brain, (plain - plain[brain].mean()) / plain[brain].std(), 0) + jitter * noise
    wide = ndimage.binary_dilation(brain, iterations=2)
    got = remove_fill(scored.astype(np.float32), wide)
    rim = wide & ~ndimage.binary_dilation(brain)
    assert (got[rim] < np.percentile(got[brain], 1)).mean() > 0.98
    kept = got[brain] == scored[brain].astype(np.float32)
    assert kept.mean() > 0.99


def test_noise_around_a_brain_is_no_fill() -> None:
    plain = head()
    brain = plain > 40
    np.testing.assert_array_equal(remove_fill(plain, brain), plain)
