"""Reading, writing, regridding, intensities and preparation, against what they must mean in the world."""

from __future__ import annotations

import gzip
import hashlib
import itertools
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import aff2axcodes

from lumirage_bids.errors import BadDataError, CannotWriteError, MissingInputError, UsageError
from lumirage_bids.images import (
    Preparation,
    Volume,
    bounding_box,
    crop,
    grid_for,
    mask_on,
    pad_to,
    prepare,
    read_image,
    read_labels,
    reorient,
    resample,
    resample_isotropic,
    rescale,
    same_grid,
    winsorise,
    write_image,
)

AXES = ["".join(p) for order in itertools.permutations(("LR", "AP", "IS")) for p in itertools.product(*order)]
seeds = st.integers(0, 2**32 - 1)


def affine(rng: np.random.Generator, spacing: tuple[float, float, float] | None = None) -> np.ndarray:
    """A random oblique affine, mostly RAS, with spacings from 0.5 to 2 mm."""
    a, b, c = rng.uniform(-0.3, 0.3, 3)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    out = np.eye(4)
    out[:3, :3] = x @ y @ z @ np.diag(rng.uniform(0.5, 2, 3) if spacing is None else spacing)
    out[:3, 3] = rng.uniform(-50, 50, 3)
    return out


def noise(rng: np.random.Generator) -> Volume:
    return Volume(array=rng.random(rng.integers(3, 9, 3)).astype(np.float32), affine=affine(rng))


def world(volume: Volume) -> np.ndarray:
    """World positions of all voxels, shape (X, Y, Z, 3)."""
    return np.moveaxis(np.indices(volume.shape), 0, -1) @ volume.affine[:3, :3].T + volume.affine[:3, 3]


def by_place(volume: Volume) -> dict[tuple[int, ...], float]:
    """World position (µm) → value."""
    places = np.rint(world(volume) * 1000).astype(int).reshape(-1, 3)
    return dict(zip(map(tuple, places), volume.array.reshape(-1).tolist(), strict=True))


def save(path: Path, array: np.ndarray, matrix: np.ndarray | None = None) -> Path:
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4) if matrix is None else matrix), path)
    return path


RAMP = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)


# Reading


def test_read_scales_squeezes_and_keeps_the_affine(tmp_path: Path) -> None:
    matrix = affine(np.random.default_rng(0))
    image = nibabel.Nifti1Image(RAMP.astype(np.int16)[..., None], matrix)
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "a.nii.gz")
    volume = read_image(tmp_path / "a.nii.gz")
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, np.asarray(nibabel.load(tmp_path / "a.nii.gz").dataobj)[..., 0])
    np.testing.assert_allclose(volume.affine, matrix, atol=1e-4)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 5, 6), np.float32), "same value"),
        (np.full((4, 5, 6), np.nan, np.float32), "same value"),
        (np.stack([RAMP, RAMP], -1), "one three-dimensional volume"),
        (RAMP[..., 0], "one three-dimensional volume"),
        (RAMP[:, :, :1], "two voxels or more"),
        (RAMP.astype(np.complex64), "complex"),
        (np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "colours"),
    ],
)
def test_read_refuses_what_is_no_image(tmp_path: Path, array: np.ndarray, said: str) -> None:
    with pytest.raises(BadDataError, match=said):
        read_image(save(tmp_path / "a.nii", array))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_read_refuses_truncated_files(tmp_path: Path, suffix: str, share: float) -> None:
    path = save(tmp_path / f"a{suffix}", np.random.default_rng(0).random((20, 20, 20)).astype(np.float32))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(BadDataError, match=r"a\.nii"):
        read_image(path)


def test_read_refuses_damaged_compression_and_other_files(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", np.random.default_rng(0).random((20, 20, 20)).astype(np.float32))
    content = bytearray(path.read_bytes())
    content[5000:5100] = bytes(100)
    path.write_bytes(content)
    (tmp_path / "b.nii.gz").write_text("not an image")
    (tmp_path / "c.txt").write_text("not an image")
    for name in ("a.nii.gz", "b.nii.gz", "c.txt"):
        with pytest.raises(BadDataError, match="cannot be read"):
            read_image(tmp_path / name)


def test_read_refuses_singular_affine(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", RAMP)
    image = nibabel.load(path)
    header = image.header.copy()
    header["srow_y"] = header["srow_x"]
    header["sform_code"], header["qform_code"] = 1, 0
    path.write_bytes(header.binaryblock + bytes(4) + RAMP.tobytes(order="F"))
    with pytest.raises(BadDataError, match="singular"):
        read_image(path)


def test_read_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        read_image(tmp_path / "a.nii.gz")
    (tmp_path / "b.nii.gz").symlink_to(tmp_path / "nowhere")
    with pytest.raises(MissingInputError, match="datalad get"):
        read_labels(tmp_path / "b.nii.gz")


def test_read_replaces_what_is_not_finite(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    array = RAMP.copy()
    array[0, 0, 1], array[1, 2, 3] = np.nan, np.inf
    volume = read_image(save(tmp_path / "a.nii", array))
    assert "2 of 120 voxels are not finite" in caplog.text
    array[0, 0, 1] = array[1, 2, 3] = 0
    np.testing.assert_array_equal(volume.array, array)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_labels_of_any_type_become_integers(tmp_path: Path, dtype: type) -> None:
    array = (RAMP % 100).astype(dtype)
    labels = read_labels(save(tmp_path / "a.nii.gz", array))
    assert labels.array.dtype == np.int32
    np.testing.assert_array_equal(labels.array, RAMP % 100)


def test_large_labels_are_not_rounded(tmp_path: Path) -> None:
    array = np.zeros((4, 5, 6), np.int32)
    array[1, 2, 3] = 2**24 + 1
    assert read_labels(save(tmp_path / "a.nii", array)).array[1, 2, 3] == 2**24 + 1


@pytest.mark.parametrize(
    ("array", "said"),
    [(RAMP + 0.4, r"holds \d+\.4,"), (RAMP - 5, "-5"), (RAMP * 0, "every label is 0"), (RAMP * np.nan, "NaN")],
)
def test_labels_are_checked(tmp_path: Path, array: np.ndarray, said: str) -> None:
    with pytest.raises(BadDataError, match=said):
        read_labels(save(tmp_path / "a.nii", array.astype(np.float32)))


def test_nearly_whole_labels_are_accepted(tmp_path: Path) -> None:
    labels = read_labels(save(tmp_path / "a.nii", RAMP + np.float32(0.0005)))
    np.testing.assert_array_equal(labels.array, RAMP)


# Writing


@settings(max_examples=20)
@given(seed=seeds, packed=st.booleans())
def test_write_then_read(tmp_path_factory: pytest.TempPathFactory, seed: int, packed: bool) -> None:
    volume = noise(np.random.default_rng(seed))
    path = tmp_path_factory.mktemp("w") / ("a.nii.gz" if packed else "a.nii")
    write_image(volume, path)
    back = read_image(path)
    np.testing.assert_array_equal(back.array, volume.array)
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-4)
    image = nibabel.load(path)
    np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-3)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert int(image.header["qform_code"]) == int(image.header["sform_code"]) == 1


def test_same_volume_same_bytes_under_any_name(tmp_path: Path) -> None:
    volume = noise(np.random.default_rng(1))
    digests = set()
    for name in ("a.nii.gz", "b.nii.gz"):
        write_image(volume, tmp_path / name)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1
    assert gzip.decompress((tmp_path / "a.nii.gz").read_bytes())[344:347] == b"n+1"


def test_shear_is_written_to_the_sform_only(tmp_path: Path) -> None:
    matrix = np.eye(4)
    matrix[0, 1] = 0.2
    write_image(Volume(array=RAMP, affine=matrix), tmp_path / "a.nii")
    image = nibabel.load(tmp_path / "a.nii")
    assert int(image.header["qform_code"]) == 0
    np.testing.assert_allclose(image.affine, matrix, atol=1e-6)


def test_write_refuses_what_does_not_fit(tmp_path: Path) -> None:
    for array in (RAMP * 3, RAMP + 0.5, RAMP - 1):
        with pytest.raises(ValueError, match="uint8"):
            write_image(Volume(array=array, affine=np.eye(4)), tmp_path / "a.nii", np.uint8)
    write_image(Volume(array=RAMP > 7, affine=np.eye(4)), tmp_path / "a.nii", np.uint8)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.nii").array, RAMP > 7)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    write_image(Volume(array=RAMP, affine=np.eye(4)), path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="int16"):
        write_image(Volume(array=RAMP * 1e6, affine=np.eye(4)), path, np.int16)
    assert path.read_bytes() == before
    with pytest.raises(CannotWriteError):
        write_image(Volume(array=RAMP, affine=np.eye(4)), path / "b.nii")
    assert [p.name for p in tmp_path.iterdir()] == ["a.nii"]


# Grids: what is where in the world


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


# Intensities


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


# Preparation


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
    assert whole.image.array[~whole.mask.array].max() == 0  # the box is the darkest there is
    masked = np.where(mask.array, image.array, 0)
    low, high = np.percentile(masked, (1, 99))
    expected = (np.clip(masked, low, high) - low) / (high - low)
    full = prepare(image, mask, Preparation(crop="none")).image.array
    np.testing.assert_allclose(full, expected, atol=1e-6)


def test_cropping_comes_last_so_that_intensities_do_not_depend_on_it() -> None:
    image, mask = head()
    cut, whole = (prepare(image, mask, Preparation(crop=c)).image for c in ("brain", "none"))
    assert by_place(cut).items() <= by_place(whole).items()


def test_orientation_is_a_choice_that_moves_nothing() -> None:
    ras, lps = (prepare(*head(), Preparation(orientation=o)) for o in ("RAS", "LPS"))
    assert aff2axcodes(lps.image.affine) == ("L", "P", "S")
    assert by_place(lps.image) == by_place(ras.image)


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
