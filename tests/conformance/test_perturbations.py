"""What every kind of perturbation must do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lumirage_bids.base.errors import UsageError
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.perturbations import Perturbation, kinds

SMALL = {"rotation": 10.0, "blur": 4.0, "slices": 6.0}
every = pytest.mark.parametrize("kind", kinds())


def head(flip: bool = False) -> tuple[Volume, Volume]:
    """A ball of waves at 2 mm, with its mask; axes in an odd order."""
    affine = np.array(
        [[0, 0, -2.0, 40], [2.0, 0, 0, -35], [0, -2.0 if flip else 2.0, 0, 30 if flip else -30], [0] * 3 + [1]]
    )
    places = np.moveaxis(np.indices((36, 32, 40)), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    waves = 0.6 + 0.2 * np.sin(places @ [0.2, 0.1, 0.15]) + 0.1 * np.cos(places @ [-0.1, 0.3, 0.25])
    inside = np.linalg.norm(places, axis=-1) < 26
    return (
        Volume(array=np.where(inside, waves, 0).astype(np.float32), affine=affine),
        Volume(array=inside.astype(np.float32), affine=affine),
    )


def change(kind: str, size: float, **more: object) -> float:
    """How far the image is from what it was: intensities, or mm where it is moved."""
    image, mask = head()
    worse = Perturbation(kind=kind, size=size, **more).of(image, mask, "sub-01_T1w")
    moved = np.abs(worse.affine - image.affine).max()
    return float(np.sqrt(np.square(worse.array - image.array)[mask.array > 0].mean()) + moved)


@every
def test_more_is_more_and_the_input_stays(kind: str) -> None:
    image, mask = head()
    before = image.array.copy()
    image.array.setflags(write=False)
    size = SMALL.get(kind, 0.1)
    worse = Perturbation(kind=kind, size=size).of(image, mask, "sub-01_T1w")
    assert worse.shape == image.shape
    assert worse.array.dtype == np.float32
    assert np.isfinite(worse.array).all()
    np.testing.assert_array_equal(image.array, before)
    sizes = [size, 2 * size, 4 * size]
    changes = [change(kind, s) for s in sizes]
    assert 0 < changes[0] < changes[1] < changes[2]


@every
def test_it_is_the_same_each_time_and_another_for_another_scan_and_seed_where_it_is_drawn(kind: str) -> None:
    image, mask = head()
    size = SMALL.get(kind, 0.1)
    first, again, other, seeded = (
        Perturbation(kind=kind, size=size, seed=seed).of(image, mask, scan)
        for scan, seed in (("a", 0), ("a", 0), ("b", 0), ("a", 1))
    )
    same = [
        np.array_equal(first.array, x.array) and np.array_equal(first.affine, x.affine) for x in (again, other, seeded)
    ]
    drawn = kind in {"noise", "bias", "rotation"}
    assert same == [True, not drawn, not drawn]


@every
def test_sizes_that_make_no_sense_are_refused(kind: str) -> None:
    for size in (0, -1, kinds()[kind].largest * 1.01, float("nan")):
        with pytest.raises(UsageError, match=f"allowed for {kind}: above 0, up to"):
            Perturbation(kind=kind, size=size)
    assert kinds()[kind].unit in Perturbation(kind=kind, size=kinds()[kind].largest).words


def test_kinds_that_there_are_not_are_refused() -> None:
    with pytest.raises(
        UsageError, match="kind is 'nose'; allowed: bias, blur, crop, inversion, noise, rotation, slices"
    ):
        Perturbation(kind="nose", size=1)
    with pytest.raises(UsageError, match="seed is -1"):
        Perturbation(kind="noise", size=1, seed=-1)


def test_noise_has_its_standard_deviation_and_stays_in_the_brain() -> None:
    image, mask = head()
    worse = Perturbation(kind="noise", size=0.2).of(image, mask, "x")
    low, high = np.percentile(image.array[mask.array > 0], (1, 99))
    added = (worse.array - image.array)[mask.array > 0]
    assert added.std() == pytest.approx(0.2 * (high - low), rel=0.02)
    np.testing.assert_array_equal(worse.array[mask.array == 0], image.array[mask.array == 0])


def test_a_bias_field_is_smooth_and_reaches_its_size() -> None:
    image, mask = head()
    worse = Perturbation(kind="bias", size=0.5).of(image, mask, "x")
    inside = mask.array > 0
    factor = worse.array[inside] / image.array[inside]
    assert (factor.min(), factor.max()) == pytest.approx((1 / 1.5, 1.5), rel=1e-5)
    field = np.where(inside, worse.array / np.where(inside, image.array, 1), np.nan)
    assert np.nanmax(np.abs(np.diff(field, axis=0))) < 0.1


def test_inversion_turns_the_order_over_and_a_half_leaves_nothing() -> None:
    image, mask = head()
    inside = mask.array > 0
    turned = Perturbation(kind="inversion", size=1).of(image, mask, "x")
    assert np.corrcoef(turned.array[inside], image.array[inside])[0, 1] < -0.99
    flat = Perturbation(kind="inversion", size=0.5).of(image, mask, "x")
    assert flat.array[inside].std() < 0.1 * image.array[inside].std()


@pytest.mark.parametrize("flip", [False, True])
def test_crop_takes_the_lowest_part_however_the_scan_is_stored(flip: bool) -> None:
    image, mask = head(flip)
    worse = Perturbation(kind="crop", size=0.25).of(image, mask, "x")
    gone = np.argwhere((worse.array == 0) & (mask.array > 0))
    left = np.argwhere((worse.array != 0) & (mask.array > 0))
    heights = [places @ mask.affine[2, :3] + mask.affine[2, 3] for places in (gone, left)]
    assert heights[0].max() < heights[1].min()
    assert heights[0].max() - heights[0].min() + 2 == pytest.approx(0.25 * 52, abs=1.1)


def test_slices_are_means_over_slabs() -> None:
    image, mask = head()
    worse = Perturbation(kind="slices", size=6).of(image, mask, "x")  # three of 2 mm
    stack, thick = (np.moveaxis(v.array, 1, 0) for v in (image, worse))  # the second axis points up
    for first in range(0, 30, 3):
        np.testing.assert_allclose(thick[first + 1], stack[first : first + 3].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(thick[14] + thick[15], thick[13] + thick[16], atol=1e-6)
    thin = Perturbation(kind="slices", size=1.5).of(image, mask, "x")
    np.testing.assert_array_equal(thin.array, image.array)


def test_blur_is_of_its_width_on_any_grid() -> None:
    point = np.zeros((31, 31, 31), np.float32)
    point[15, 15, 15] = 1
    image = Volume(array=point, affine=np.diag([1.0, 2.0, 0.5, 1]))
    mask = replace(image, array=np.ones_like(point))
    blurred = Perturbation(kind="blur", size=4).of(image, mask, "x").array
    for axis, spacing in enumerate((1.0, 2.0, 0.5)):
        line = blurred.sum(axis=tuple(a for a in range(3) if a != axis))
        places = (np.arange(31) - 15) * spacing
        assert np.sqrt((line * places**2).sum() / line.sum()) * 2.3548 == pytest.approx(4, rel=0.06)


def test_a_rotation_keeps_the_middle_of_the_brain_and_turns_by_its_angle() -> None:
    image, mask = head()
    worse = Perturbation(kind="rotation", size=30).of(image, mask, "x")
    motion = worse.affine @ np.linalg.inv(image.affine)
    angle = np.degrees(np.arccos((np.trace(motion[:3, :3]) - 1) / 2))
    assert angle == pytest.approx(30)
    middle = np.append(mask.affine[:3, :3] @ np.argwhere(mask.array > 0).mean(axis=0) + mask.affine[:3, 3], 1)
    np.testing.assert_allclose(motion @ middle, middle, atol=1e-9)
    np.testing.assert_array_equal(worse.array, image.array)
