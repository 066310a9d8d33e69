"""Preparation: intensities, and the place of what is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import aff2axcodes
from scipy.ndimage import binary_dilation

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.spatial.grids import grid_for, mask_on, pad_to, reorient, resample
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.preparation import (
    Preparation,
    bring_to_common_grid,
    common_grid,
    prepare,
    rescale,
    winsorise,
)
from tests.random_volumes import affine, by_place


def test_winsorise_uses_percentiles_of_the_whole_array() -> None:
    array = np.arange(1001, dtype=np.float32).reshape(7, 11, 13)
    out = winsorise(array, 1, 99)
    assert (out.min(), out.max()) == (10, 990)
    np.testing.assert_array_equal(out[(array >= 10) & (array <= 990)], array[(array >= 10) & (array <= 990)])
    scaled = rescale(out)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, (out - 10) / 980, atol=1e-6)
    with pytest.raises(BadDataError, match="no contrast"):
        rescale(array * 0)


def head(axes: str = "RAS", spacing: float = 2.0) -> tuple[Volume, Volume]:
    """A bright ball ("brain") in a dimmer box, and the ball's mask."""
    grid = np.indices((40, 44, 36)) - np.array([20, 22, 18])[:, None, None, None]
    ball = (grid**2).sum(0) < 12**2
    rng = np.random.default_rng(5)
    array = np.where(ball, 500 + 100 * rng.random(ball.shape), 300).astype(np.float32)
    matrix = affine(rng, (spacing,) * 3)
    volumes = (Volume(array=a, affine=matrix) for a in (array, ball.astype(np.int32)))
    image, mask = (reorient(v, axes) for v in volumes)
    return image, mask


@pytest.mark.parametrize("preparation", [Preparation(), Preparation(spacing=3.0), Preparation(crop="none")])
def test_storage_does_not_change_preparation(preparation: Preparation) -> None:
    expected = prepare(*head(), preparation)
    for axes in ("LPS", "PSR", "AIL"):
        got = prepare(*head(axes), preparation)
        np.testing.assert_allclose(got.image.affine, expected.image.affine, atol=1e-9)
        np.testing.assert_allclose(got.image.array, expected.image.array, atol=1e-4)
        np.testing.assert_array_equal(got.mask.array, expected.mask.array)


def test_prepared_image_is_masked_scaled_and_cropped() -> None:
    image, mask = head()
    out = prepare(image, mask, Preparation())
    assert out.image.array.dtype == np.float32
    assert (out.image.array.min(), out.image.array.max()) == (0, 1)
    assert not out.image.array[~out.mask.array].any()
    assert out.mask.array.sum() == mask.array.sum()
    assert out.image.shape == out.mask.shape == (23 + 10,) * 3  # a ball 23 voxels wide, 10 mm on both sides
    whole = prepare(image, mask, Preparation(crop="none", skull_strip=False))
    assert whole.image.shape == image.shape
    assert whole.image.array[0, 0, 0] == 0
    assert whole.image.array[~whole.mask.array].max() == pytest.approx(0, abs=1e-3)  # the box is the darkest there is
    darkest = np.percentile(image.array[mask.array > 0], 0.1)  # the box lies too far below to count
    masked = np.where(mask.array, image.array - darkest, 0)
    low, high = np.percentile(masked, (1, 99))
    expected = (np.clip(masked, low, high) - low) / (high - low)
    full = prepare(image, mask, Preparation(crop="none")).image.array
    np.testing.assert_allclose(full, expected, atol=1e-4)


@pytest.mark.parametrize("preparation", [Preparation(), Preparation(spacing=3.0), Preparation(skull_strip=False)])
@given(scale=st.floats(1e-3, 1e3), offset=st.floats(-3, 3), dtype=st.sampled_from([np.float32, np.float64, np.int32]))
@settings(max_examples=12, deadline=None)
def test_an_affine_change_of_intensity_changes_nothing(
    preparation: Preparation, scale: float, offset: float, dtype: type
) -> None:
    image, mask = head()
    image = replace(image, array=np.where(mask.array, image.array, image.array - 300 * (image.array < 400)))
    expected = prepare(image, mask, preparation)
    values = image.array.astype(np.float64) / 600  # 0 to 1, then around any mean
    top = 1e6 if dtype is np.int32 else scale
    got = prepare(replace(image, array=(top * (values + offset)).astype(dtype)), mask, preparation)
    np.testing.assert_allclose(got.image.array, expected.image.array, atol=2e-4)
    np.testing.assert_array_equal(got.mask.array, expected.mask.array)


@pytest.mark.parametrize("fill", [-1024, -32768, -1e6])
@pytest.mark.parametrize("strip", [True, False])
def test_what_a_scanner_puts_outside_its_field_of_view_changes_nothing(fill: float, strip: bool) -> None:
    image, mask = head()
    image = replace(image, array=np.where(mask.array, 2 * image.array - 900, 20 * (image.array < 400)))
    filled = image.array.copy()
    filled[:4, :4] = fill
    for array in (filled, (filled + 5000) / 7):
        preparation = Preparation(spacing=3.0, crop="none", skull_strip=strip)
        got, expected = (prepare(replace(image, array=a), mask, preparation).image for a in (array, image.array))
        np.testing.assert_allclose(got.array, expected.array, atol=0.03)


@pytest.mark.parametrize("spacing", [None, 5.0])
@pytest.mark.parametrize("loose", [False, True])
def test_the_value_around_a_brain_changes_nothing(spacing: float | None, loose: bool) -> None:
    image, mask = head()
    inside = mask.array > 0
    brain = (image.array - image.array[inside].mean()) / image.array[inside].std()
    around = replace(mask, array=binary_dilation(inside).astype(np.uint8)) if loose else mask
    darkest = np.percentile(brain[inside], 0.1)

    def prepared(fill: float) -> np.ndarray:
        array = np.where(inside, brain, fill).astype(np.float32)
        return prepare(replace(image, array=array), around, Preparation(spacing=spacing)).image.array

    for fill in (-1.0, 0.0, 1.5, 20.0):
        np.testing.assert_allclose(prepared(fill), prepared(darkest), atol=0.02)


def test_a_background_far_below_a_brain_does_not_flatten_it() -> None:
    image, mask = head()
    for background in (0, -32768):
        out = prepare(replace(image, array=np.where(mask.array, image.array, background)), mask, Preparation())
        assert np.median(out.image.array[out.mask.array]) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("fill", [-32768.0, -1024.0, 1e6])
def test_fill_within_a_mask_that_is_larger_than_the_brain_flattens_nothing(fill: float) -> None:
    """A mask has closed holes, or reaches beyond a stripped brain."""
    at = np.indices((40, 40, 40)) - 19.5
    brain = (at**2).sum(0) < 15**2
    tissue = 20 + 60 * np.sin(at[0] / 3) ** 2 + at[1]
    mask = Volume(array=binary_dilation(brain).astype(np.float32), affine=np.eye(4))
    plain, filled = (
        prepare(Volume(array=np.where(brain, tissue, value).astype(np.float32), affine=np.eye(4)), mask, Preparation())
        for value in (0.0, fill)
    )
    inside = plain.mask.array > 0
    assert np.corrcoef(plain.image.array[inside], filled.image.array[inside])[0, 1] > 0.98


def test_the_background_of_a_brain_with_negative_values_is_its_darkest() -> None:
    image, mask = head()
    inside = mask.array > 0
    brain = (image.array - image.array[inside].mean()) / image.array[inside].std()
    stripped = replace(image, array=np.where(inside, brain, 0).astype(np.float32))
    out = prepare(stripped, mask, Preparation())
    assert not out.image.array[~out.mask.array].any()
    assert np.median(out.image.array[out.mask.array]) > 0.3
    plain = prepare(replace(image, array=np.where(inside, image.array, 0)), mask, Preparation()).image
    assert np.corrcoef(out.image.array[out.mask.array], plain.array[out.mask.array])[0, 1] > 0.99


def test_cropping_comes_last_so_that_intensities_do_not_depend_on_it() -> None:
    image, mask = head()
    cut, whole = (prepare(image, mask, Preparation(crop=c)).image for c in ("brain", "none"))
    assert by_place(cut).items() <= by_place(whole).items()


def test_orientation_is_a_choice_that_moves_nothing() -> None:
    ras, lps = (prepare(*head(), Preparation(orientation=o)) for o in ("RAS", "LPS"))
    assert aff2axcodes(lps.image.affine) == ("L", "P", "S")
    assert by_place(lps.image) == by_place(ras.image)


def test_a_brain_lost_in_a_huge_field_of_view_is_refused() -> None:
    image, mask = head()
    big = [pad_to(v, (110, 110, 110)) for v in (image, mask)]
    with pytest.raises(BadDataError, match=r"fills 0\.\d\d%"):
        prepare(*big, Preparation())
    assert prepare(*big, Preparation(percentiles=(0, 100))).image.array.max() == 1


def test_sloppy_is_three_millimetres_or_coarser() -> None:
    assert [Preparation(spacing=s).sloppy().spacing for s in (None, 0.6, 5.0)] == [3.0, 3.0, 5.0]
    prepared = prepare(*head(), Preparation(margin_mm=4).sloppy())
    np.testing.assert_allclose(prepared.image.spacing, 3)


def test_a_multiple_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="multiple is 0"):
        Preparation(multiple=0)


def test_a_prepared_scan_is_padded_to_a_multiple() -> None:
    rng = np.random.default_rng(0)
    affine = np.diag([1.0, 1.2, 0.9, 1.0])
    image = Volume(array=rng.random((40, 36, 44)).astype(np.float32), affine=affine)
    mask = Volume(array=np.pad(np.ones((20, 16, 24), bool), 10), affine=affine)
    plain, wide = (prepare(image, mask, Preparation(margin_mm=0, multiple=n)) for n in (1, 16))
    assert plain.image.shape == (20, 16, 24)
    assert wide.image.shape == wide.mask.shape == (32, 16, 32)
    assert wide.mask.array.sum() == plain.mask.array.sum()
    np.testing.assert_array_equal(resample(wide.image, plain.image.shape, plain.image.affine).array, plain.image.array)


@pytest.mark.parametrize("strip", [True, False])
def test_what_is_not_normalised_keeps_the_intensities_of_its_file(strip: bool) -> None:
    image, mask = head("LPS")
    image = replace(image, array=(image.array - 400) * 7)  # negative values too
    plain = Preparation(normalisation="none", crop="none", skull_strip=strip)
    out = prepare(image, mask, plain).image
    assert out.array.dtype == np.float32
    there = reorient(replace(image, array=np.where(mask.array > 0, image.array, 0) if strip else image.array), "RAS")
    np.testing.assert_array_equal(out.array, there.array)
    coarse = replace(plain, spacing=3.0)
    of, twice = (prepare(replace(image, array=f * image.array), mask, coarse).image.array for f in (1, 2))
    np.testing.assert_allclose(twice, 2 * of, rtol=1e-5)  # a factor counts


def test_a_shape_is_taken_about_the_middle_and_moves_nothing() -> None:
    image, mask = head()
    whole = prepare(image, mask, Preparation(crop="none"))
    out = prepare(image, mask, Preparation(crop="none", shape=(32, 50, 36)))
    assert out.image.shape == out.mask.shape == (32, 50, 36)
    assert out.lost == 0
    middle = whole.image.array[4:36]
    np.testing.assert_array_equal(out.image.array[:, 3:47], middle)
    assert not out.image.array[:, [0, 1, 2, 47, 48, 49]].any()
    np.testing.assert_allclose(
        out.image.affine @ [0, 3, 0, 1], whole.image.affine @ [4, 0, 0, 1], atol=1e-9
    )  # the world stays
    box = prepare(image, mask, Preparation(margin_mm=0, shape=(32, 32, 32), multiple=10))
    assert box.image.shape == (40, 40, 40)
    assert box.mask.array.sum() == mask.array.sum()


def test_a_shape_tells_what_it_cuts_off() -> None:
    image, mask = head()
    out = prepare(image, mask, Preparation(crop="none", shape=(40, 20, 36)))
    assert out.lost == pytest.approx(1 - out.mask.array.sum() / (mask.array > 0).sum())
    assert 0.03 < out.lost < 0.05
    edge = replace(mask, array=np.where(np.indices(mask.shape)[0] < 15, mask.array, 0))
    with pytest.raises(BadDataError, match=r"shape = \[4, 44, 36\] cuts the whole brain off.*40 × 44 × 36 voxels RAS"):
        prepare(image, edge, Preparation(crop="none", shape=(4, 44, 36)))
    with pytest.raises(UsageError, match="shape is"):
        Preparation(shape=(1, 2, 3))


def test_all_are_brought_once_onto_the_references_grid() -> None:
    together = Preparation(
        grid="reference", spacing=2.5, multiple=16, crop="none", skull_strip=False, normalisation="none"
    )
    image, mask = head()
    prepared, plain = prepare(image, mask, together), prepare(image, mask, replace(together, grid="own", multiple=1))
    np.testing.assert_allclose(prepared.image.spacing, 2)  # not interpolated yet
    shape, there = common_grid(prepared.image.shape, prepared.image.affine, together)
    assert set(np.array(shape) % 16) == {0}
    turned = affine(np.random.default_rng(3), (1.1, 0.9, 1.0))
    moved = [replace(v, affine=turned @ v.affine) for v in (image, mask)]
    seen = bring_to_common_grid(prepare(*moved, together), turned, shape, there)
    here = bring_to_common_grid(prepared, np.eye(4), shape, there)
    assert seen.image.shape == here.image.shape == shape
    assert seen.lost == here.lost == 0
    middle = np.nonzero(here.mask.array)[0].mean()
    half = bring_to_common_grid(prepared, np.eye(4), (round(middle), *shape[1:]), there)
    assert half.lost == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(seen.image.affine, there)
    np.testing.assert_allclose(seen.image.array, here.image.array, atol=1e-2)
    np.testing.assert_array_equal(seen.mask.array, here.mask.array)
    # The same as resampling a scan of one's own to that spacing.
    first = np.round(np.linalg.solve(there, plain.image.affine)[:3, 3]).astype(int)
    box = tuple(slice(a, a + n) for a, n in zip(first, plain.image.shape, strict=True))
    np.testing.assert_allclose(here.image.array[box], plain.image.array, rtol=1e-4)


def test_the_reference_itself_is_not_interpolated_on_its_own_grid() -> None:
    together = Preparation(grid="reference", crop="none")
    prepared = prepare(*head(), together)
    grid = common_grid(prepared.image.shape, prepared.image.affine, together)
    seen = bring_to_common_grid(prepared, np.eye(4), *grid)
    np.testing.assert_array_equal(seen.image.array, prepared.image.array)
    assert common_grid((5, 6, 7), np.eye(4), Preparation(spacing=3.0)) == ((5, 6, 7), pytest.approx(np.eye(4)))


def test_a_sloppy_shape_covers_what_the_whole_one_does() -> None:
    sloppy = Preparation(spacing=1.0, shape=(192, 160, 224)).sloppy()
    assert (sloppy.spacing, sloppy.shape) == (3.0, (64, 53, 75))
    assert Preparation(shape=(192, 160, 224)).sloppy().shape is None


def test_mask_on_another_grid_is_carried_over() -> None:
    image, mask = head()
    fine = resample(mask, *grid_for(mask.shape, mask.affine, 1.3))
    fine = Volume(array=(fine.array >= 0.5).astype(np.int32), affine=fine.affine)
    ours = mask_on(fine, image)
    dice = 2 * (ours & (mask.array > 0)).sum() / (ours.sum() + mask.array.sum())
    assert dice > 0.97
    away = mask.affine.copy()
    away[:3, 3] += 1000
    with pytest.raises(BadDataError, match="do not overlap"):
        prepare(image, Volume(array=mask.array, affine=away), Preparation())
