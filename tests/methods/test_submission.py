"""Fields as challenges are handed them: a folder or a zip of ``disp_`` files."""

from __future__ import annotations

import zipfile

import nibabel as nib
import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.bids.scans import Pair
from lumirage_bids.methods import Context, method
from tests.methods.test_precomputed import pair_in, prepared


def submitted(made, pair):
    """Where a submission's field takes the fixed scan's voxels."""
    rng = np.random.default_rng(3)
    fixed = nib.load(pair.fixed.path).affine
    points = rng.uniform(0, 5, (20, 3)) @ fixed[:3, :3].T + fixed[:3, 3]
    start = np.eye(4)
    return made.register(*prepared(pair, start), Context(pair=pair, start=start)).apply(points)


@pytest.mark.parametrize("name", ["disp_0001_0002.nii.gz", "task/disp_1_2.nii.gz", "task/disp_0001_0002.npz"])
def test_a_submission_is_read_as_it_was_handed_in(name, tmp_path):
    """In folders or a zip, with zeros before the numbers or without, whole or at half the resolution."""
    rng = np.random.default_rng(2)
    pair = pair_in(tmp_path, rng, shape=(8, 8, 8))
    folder = tmp_path / "handed in"
    (folder / name).parent.mkdir(parents=True)
    field = rng.normal(0, 1, (8, 8, 8, 3)).astype(np.float32)
    if name.endswith(".npz"):
        np.savez(folder / name, np.moveaxis(field[:4, :4, :4], -1, 0).astype(np.float16))
    else:
        nib.save(nib.Nifti1Image(field, np.eye(4)), folder / name)
    plain = None
    if "0001" in name:
        path = str(folder / name).replace("0001", "{fixed_subject}").replace("0002", "{moving_subject}")
        plain = method("precomputed", path=path, format="learn2reg")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(folder / name, f"a/{name}")
        archive.writestr("__MACOSX/a/disp_0001_0002.nii.gz", b"x")
        archive.writestr("a/readme.txt", "x")
    by_folder, by_zip = (method("precomputed", submission=str(s)) for s in (folder, tmp_path / "all.zip"))
    found = submitted(by_folder, pair)
    np.testing.assert_array_equal(submitted(by_zip, pair), found)
    if plain is not None:
        np.testing.assert_array_equal(submitted(plain, pair), found)
    context = Context(pair=pair)
    assert by_folder.missing(context) is by_zip.missing(context) is None
    assert by_folder.files(context) == (folder / name,)
    assert by_zip.files(context) == (tmp_path / "all.zip",)
    other = Context(pair=Pair(fixed=pair.moving, moving=pair.fixed))
    for made in (by_folder, by_zip):
        (absent,) = made.files(other)
        assert absent.name == "disp_0002_0001.nii.gz"
        assert not absent.exists()


def test_what_is_no_submission_is_refused(tmp_path):
    rng = np.random.default_rng(2)
    pair = pair_in(tmp_path, rng)
    context = Context(pair=pair)
    assert "no submission" in method("precomputed", submission=str(tmp_path / "no")).missing(context)
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadDataError, match="neither a folder nor a zip"):
        method("precomputed", submission=str(tmp_path / "file")).files(context)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "disp_0001_0002.nii.gz").touch()
    with pytest.raises(BadDataError, match="two fields of fixed 1 and moving 2: a/disp"):
        method("precomputed", submission=str(tmp_path)).files(context)
    with pytest.raises(UsageError, match="path and submission are both given"):
        method("precomputed", submission=str(tmp_path), path=f"{tmp_path}/{{fixed}}_{{moving}}.nii")
    with pytest.raises(UsageError, match="give it in full"):
        method("precomputed", submission="folder")


def test_a_damaged_zip_is_bad_data(tmp_path):
    pair = pair_in(tmp_path, np.random.default_rng(2))
    file = tmp_path / "all.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("disp_0001_0002.nii.gz", bytes(range(256)) * 40)
    whole = bytearray(file.read_bytes())
    whole[60:120] = bytes(60)
    file.write_bytes(bytes(whole))
    with pytest.raises(BadDataError, match="cannot be taken out of it"):
        submitted(method("precomputed", submission=str(file)), pair)
