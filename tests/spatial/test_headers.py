"""What the file of an image says of it is checked, whoever wrote it."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError, MissingInputError
from lumirage_bids.spatial.headers import check_packing
from lumirage_bids.spatial.images import read_grid, read_image, read_labels
from tests.other_user import NOBODY_KNOWS, in_a_fork, only_root
from tests.random_volumes import RAMP, save


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


@only_root
@pytest.mark.parametrize("closed", ["file", "folder"])
def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path, closed: str) -> None:
    path = tmp_path / "folder" / "a.nii.gz"
    path.parent.mkdir()
    save(path, RAMP)
    for folder in path.parents[:-2]:  # all but the root and the folder for temporary files
        folder.chmod(0o755)
    (path if closed == "file" else path.parent).chmod(0)
    said = in_a_fork(lambda: read_image(path), NOBODY_KNOWS)
    assert said.startswith("MissingInputError")
    assert "Permission denied" in said


@pytest.mark.parametrize(
    ("unit", "stored", "spacing", "said"),
    [
        ("meter", 8e-4, 0.8, "in meter; they are converted"),
        ("micron", 800, 0.8, "in micron; they are converted"),
        ("meter", 0.8, 0.8, "taken as mm"),
        ("micron", 1.5, 1.5, "taken as mm"),
        ("micron", 8, 8, "taken as mm"),
        ("mm", 0.8, 0.8, ""),
        ("unknown", 0.8, 0.8, ""),
    ],
)
def test_lengths_are_in_mm(
    tmp_path: Path, unit: str, stored: float, spacing: float, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    affine = np.diag([stored, stored, -stored, 1])
    affine[:3, 3] = 10 * stored
    image = nibabel.Nifti1Image(np.random.default_rng(0).random((5, 6, 7), dtype=np.float32), affine)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "i.nii.gz")
    expected = np.diag([spacing, spacing, -spacing, 1])
    expected[:3, 3] = 10 * spacing
    np.testing.assert_allclose(read_image(tmp_path / "i.nii.gz").affine, expected, rtol=1e-5)
    assert said in caplog.text
    assert bool(said) == bool(caplog.text)


@pytest.mark.parametrize(("stored", "unit"), [(0.001, "mm"), (80.0, "unknown"), (0.002, "micron")])
def test_voxels_of_no_head_or_brain_are_refused(tmp_path: Path, stored: float, unit: str) -> None:
    image = nibabel.Nifti1Image(RAMP, np.diag([stored, stored, stored, 1]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "i.nii")
    with pytest.raises(BadDataError, match=r"voxels of .* mm; allowed: 0\.01 to 50 mm\. .* xyzt_units"):
        read_image(tmp_path / "i.nii")


@pytest.mark.parametrize(("suffix", "kind"), [(".nii", nibabel.Nifti1Image), (".nii.gz", nibabel.Nifti2Image)])
def test_voxels_that_would_begin_in_the_header_are_refused(tmp_path: Path, suffix: str, kind: type) -> None:
    """NiBabel takes 0 for a place in the file, and the header for voxels."""
    image = kind(RAMP, np.eye(4))
    image.header["vox_offset"] = first = image.header.single_vox_offset
    content = image.header.binaryblock + bytes(4) + RAMP.tobytes(order="F")
    image.header["vox_offset"] = 0
    wrong = image.header.binaryblock + content[len(image.header.binaryblock) :]
    pack = gzip.compress if suffix == ".nii.gz" else bytes
    (tmp_path / f"right{suffix}").write_bytes(pack(content))
    (tmp_path / f"wrong{suffix}").write_bytes(pack(wrong))
    np.testing.assert_array_equal(read_image(tmp_path / f"right{suffix}").array, RAMP)
    with pytest.raises(BadDataError, match=f"begin at byte 0, .* vox_offset: {first} or more"):
        read_image(tmp_path / f"wrong{suffix}")


@pytest.mark.parametrize(
    ("moved", "codes", "said"),
    [
        (40.0, (1, 1), "up to 40 mm apart; the sform counts"),
        (0.1, (1, 1), ""),
        (40.0, (1, 0), ""),
        (40.0, (4, 2), "40 mm"),
    ],
)
def test_two_places_of_an_image_are_told(
    tmp_path: Path, moved: float, codes: tuple[int, int], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    image = nibabel.Nifti1Image(RAMP, np.eye(4))
    other = np.eye(4)
    other[0, 3] = moved
    image.set_sform(np.eye(4), codes[0])
    image.set_qform(other, codes[1])
    nibabel.save(image, tmp_path / "i.nii")
    np.testing.assert_array_equal(read_image(tmp_path / "i.nii").affine, np.eye(4))
    assert said in caplog.text
    assert bool(said) == bool(caplog.text)


@pytest.mark.parametrize(("code", "stored"), [(4, 1), (7, 1), (56 + 2, 1), (56 + 1, 0.001), (200 + 4, 1)])
def test_codes_of_units_that_there_are_not(tmp_path: Path, code: int, stored: float) -> None:
    """Of lengths: taken as mm, as those of no known unit are. Of times: nothing to an image of one volume."""
    affine = np.diag([stored, stored, stored, 1])
    image = nibabel.Nifti1Image(np.random.default_rng(0).random((5, 6, 7), dtype=np.float32), affine)
    image.header["xyzt_units"] = code
    nibabel.save(image, tmp_path / "i.nii.gz")
    np.testing.assert_allclose(read_image(tmp_path / "i.nii.gz").affine, np.eye(4), rtol=1e-5)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("slope", [1, 0.5])
def test_a_fourth_axis_of_length_0_is_one_volume(tmp_path: Path, suffix: str, slope: float) -> None:
    array = np.arange(210, dtype=np.int16).reshape(5, 6, 7)
    image = nibabel.Nifti1Image(array[..., None], np.diag([2.0, 2, 3, 1]))
    image.header.set_slope_inter(slope, 0)
    content = bytearray(image.to_bytes())
    content[48:50] = bytes(2)  # dim[4]
    path = tmp_path / f"i{suffix}"
    path.write_bytes(gzip.compress(bytes(content)) if suffix.endswith("gz") else bytes(content))
    assert nibabel.load(path).shape == (5, 6, 7, 0)
    np.testing.assert_array_equal(read_image(path).array, slope * array)


def test_files_that_are_packed_otherwise_than_they_are_called_are_told_how_to_be_called(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.random.default_rng(0).random((5, 6, 7)), np.eye(4))
    (tmp_path / "a.nii").write_bytes(gzip.compress(image.to_bytes()))
    (tmp_path / "b.nii.gz").write_bytes(image.to_bytes())
    with pytest.raises(BadDataError, match=r"a\.nii: is packed by gzip; rename it to a\.nii\.gz"):
        read_image(tmp_path / "a.nii")
    with pytest.raises(BadDataError, match=r"b\.nii\.gz: is not packed by gzip; rename it to b\.nii"):
        read_image(tmp_path / "b.nii.gz")


@pytest.mark.parametrize(("make", "said"), [(os.mkfifo, "a named pipe"), (os.mkdir, "a folder")])
def test_what_is_no_file_is_told_and_not_waited_for(make: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    make(tmp_path / "a.nii.gz")
    for read in (read_image, read_grid, check_packing):
        with pytest.raises(BadDataError, match=rf"a\.nii\.gz: is {said}, not a file"):
            read(tmp_path / "a.nii.gz")
