"""Reading and writing of volumes."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumirage_bids.base.errors import BadDataError, CannotWriteError
from lumirage_bids.spatial.images import Volume, read_image, read_labels, write_image
from tests.random_volumes import RAMP, affine, noise, save, seeds


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
        (np.full((4, 5, 6), np.nan, np.float32), "every voxel is NaN"),
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


def test_read_replaces_what_is_not_finite(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    array = RAMP.copy()
    array[0, 0, 1], array[1, 2, 3] = np.nan, np.inf
    volume = read_image(save(tmp_path / "a.nii", array))
    assert "2 of 120 voxels are not finite" in caplog.text
    array[0, 0, 1] = array[1, 2, 3] = 0
    np.testing.assert_array_equal(volume.array, array)


@pytest.mark.parametrize("offset", [1000, -1000, -50])
def test_what_is_not_finite_is_as_dark_as_the_darkest(tmp_path: Path, offset: float) -> None:
    array = RAMP.copy()
    array[0, 0, 1] = np.nan
    expected = read_image(save(tmp_path / "a.nii", array)).array + offset
    np.testing.assert_array_equal(read_image(save(tmp_path / "b.nii", array + np.float32(offset))).array, expected)


def test_labels_that_a_header_has_scaled_away_are_told_from_images(tmp_path: Path) -> None:
    labels = np.arange(200, dtype=np.float64).reshape(50, 2, 2)
    image = nibabel.Nifti1Image(labels, np.eye(4))
    image.set_data_dtype(np.int8)  # nibabel finds slope and intercept
    image.to_filename(tmp_path / "a.nii")
    with pytest.raises(BadDataError, match=r"scales what is stored by steps of 0\.78.*save it again"):
        read_labels(tmp_path / "a.nii")
    with pytest.raises(BadDataError, match="neither an image nor a probability map"):
        read_labels(save(tmp_path / "b.nii", labels.astype(np.float32) / 3))


@pytest.mark.parametrize("stored", [np.float64, np.int16])
def test_small_differences_of_large_values_are_kept(tmp_path: Path, stored: type) -> None:
    image = nibabel.Nifti1Image(RAMP.astype(np.float64) + 1e9, np.eye(4))
    image.set_data_dtype(stored)  # nibabel finds slope and intercept
    image.to_filename(tmp_path / "a.nii")
    found = read_image(tmp_path / "a.nii").array
    assert np.corrcoef(found.ravel() - found.min(), RAMP.ravel())[0, 1] > 0.998  # the header's own numbers are float32
    plain = save(tmp_path / "b.nii", RAMP.astype(np.float64))
    assert read_image(plain).array.dtype == np.float32


@pytest.mark.parametrize(("factor", "says"), [(1e300, "too large for float32"), (1e-300, "float32 can tell")])
def test_values_that_do_not_fit_are_said(tmp_path: Path, factor: float, says: str) -> None:
    with pytest.raises(BadDataError, match=says):
        read_image(save(tmp_path / "a.nii", (RAMP.astype(np.float64) + 1) * factor))


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


@pytest.mark.parametrize("dtype", [np.int16, np.uint8])
def test_labels_saved_with_an_integer_header_are_the_nearest_integers(
    tmp_path: Path, dtype: type, caplog: pytest.LogCaptureFixture
) -> None:
    ids = np.array([0, 2, 4, 12, 41, 53, 60] if dtype is np.uint8 else [0, 2, 41, 1035, 2035, 12175])
    labels = ids[np.random.default_rng(0).integers(0, len(ids), (9, 8, 7))]
    header = nibabel.Nifti1Header()
    header.set_data_dtype(dtype)
    nibabel.save(nibabel.Nifti1Image(labels.astype(float), np.eye(4), header), tmp_path / "l.nii.gz")
    back = nibabel.load(tmp_path / "l.nii.gz").get_fdata()
    assert np.abs(back - np.rint(back)).max() > 1e-3
    np.testing.assert_array_equal(read_labels(tmp_path / "l.nii.gz").array, labels)
    assert "nearest integers" in caplog.text


@pytest.mark.parametrize("top", [1.0, 700.0])
def test_images_saved_with_an_integer_header_are_no_labels(tmp_path: Path, top: float) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    array = top * np.random.default_rng(0).random((9, 8, 7))
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4), header), tmp_path / "l.nii.gz")
    with pytest.raises(BadDataError, match="labels are integers"):
        read_labels(tmp_path / "l.nii.gz")
