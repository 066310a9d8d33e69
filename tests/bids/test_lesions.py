"""Lesion masks: which file is whose, and what is read of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.bids.lesions import read_lesion
from lumirage_bids.bids.scans import File, Scan
from lumirage_bids.spatial.grids import region_on
from lumirage_bids.spatial.images import Volume, read_image
from tests.bids.trees import look, make, put

SHAPE = (12, 10, 8)
LPS = np.array([[-2.0, 0, 0, 9], [0, -1.5, 0, 7], [0, 0, 1, -4], [0, 0, 0, 1]])


def test_masks_are_found_beside_the_scan_and_in_derivatives_by_new_and_old_names(tmp_path: Path) -> None:
    scans = [f"sub-{s}_T1w.nii" for s in range(1, 8)]
    beside = (
        "sub-1_label-lesion_mask.nii",
        "sub-2_space-T1w_label-lesion_roi.nii.gz",
        "sub-5_space-MNI152NLin6Asym_label-lesion_mask.nii",
        "sub-5_desc-brain_mask.nii",
        "sub-6_space-FLAIR_label-lesion_mask.nii",
    )
    root = make(tmp_path / "raw", *scans, *beside)
    put(root / "sub-3/anat/sub-3_T1w_label-lesion_roi.nii", "")
    put(root / "sub-4/anat/sub-4_T1w_roi.nii", "")
    others = make(tmp_path / "lesions", "sub-7_desc-lesion_mask.nii")
    dataset = look(root, derivatives={"lesions": others})
    found = {scan.subject: scan.lesion and scan.lesion.path.name for scan in dataset.scans}
    assert found == {
        "1": "sub-1_label-lesion_mask.nii",
        "2": "sub-2_space-T1w_label-lesion_roi.nii.gz",
        "3": "sub-3_T1w_label-lesion_roi.nii",
        "4": "sub-4_T1w_roi.nii",
        "5": None,
        "6": None,
        "7": "sub-7_desc-lesion_mask.nii",
    }
    where = "label-lesion from the dataset itself (4) and desc-lesion from derivatives 'lesions' (1)"
    assert f"Lesion masks: {where} for 5 of 7 scans." in dataset.notes
    assert not [note for note in dataset.notes if "without a BIDS name" in note]
    assert any("derivatives 'lesions'" in note and note.endswith("; lesion masks are.") for note in dataset.notes)


def test_a_mask_is_no_scan_and_a_scan_needs_its_mask(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_acq-a_T1w.nii", "!sub-1_acq-a_label-lesion_mask.nii")
    (scan,) = look(root, {"t1w": {"suffix": "*", "acquisition": "a"}}).scans
    assert scan.lesion in scan.needs()
    assert not scan.lesion.present
    assert scan.lesion not in replace(scan, lesion=None).needs()


def test_a_pattern_finds_masks_elsewhere(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii")
    put(root / "lesions" / "1.nii", "")
    (scan,) = look(root, lesion_pattern="lesions/{subject}.nii").scans
    assert scan.lesion is not None
    assert scan.lesion.relative == "lesions/1.nii"


def scan_with(folder: Path, mask: np.ndarray, affine: np.ndarray) -> tuple[Scan, Volume]:
    """A scan whose image is stored LPS, and a mask with a header of its own."""
    image, lesion = (File(path=folder / name, dataset=folder) for name in ("sub-1_T1w.nii", "sub-1_lesion.nii"))
    nib.save(nib.Nifti1Image(np.indices(SHAPE)[0].astype(np.float32), LPS), image.path)
    nib.save(nib.Nifti1Image(mask, affine), lesion.path)
    scan = Scan(path=image.path, dataset=folder, subject="1", session=None, suffix="T1w", entities={}, lesion=lesion)
    return scan, read_image(image.path)


def test_a_mask_lies_where_its_own_header_says(tmp_path: Path) -> None:
    stored = np.zeros(SHAPE, np.uint8)
    stored[2:5, 1:4, 3:6] = 1
    scan, image = scan_with(tmp_path, stored, LPS)
    expected = read_lesion(scan)
    ras = nib.as_closest_canonical(nib.Nifti1Image(stored, LPS))
    assert nib.aff2axcodes(ras.affine) == ("R", "A", "S")
    assert not np.array_equal(ras.get_fdata(), stored)
    scan, _ = scan_with(tmp_path, np.asarray(ras.dataobj) * 255, ras.affine)
    turned = read_lesion(scan)
    assert expected is not None
    assert turned is not None
    np.testing.assert_array_equal(region_on(expected, image), stored > 0)
    np.testing.assert_array_equal(region_on(turned, image), stored > 0)


def test_an_empty_mask_is_no_lesion(tmp_path: Path) -> None:
    scan, _ = scan_with(tmp_path, np.zeros(SHAPE, np.uint8), LPS)
    assert read_lesion(scan) is None
    assert read_lesion(replace(scan, lesion=None)) is None


def test_what_is_no_mask_of_the_scan_is_refused(tmp_path: Path) -> None:
    scan, _ = scan_with(tmp_path, np.full(SHAPE, 0.3, np.float32), LPS)
    with pytest.raises(BadDataError, match=r"the lesion mask holds 0\.3"):
        read_lesion(scan)
    far = LPS.copy()
    far[0, 3] += 500
    scan, _ = scan_with(tmp_path, np.ones(SHAPE, np.uint8), far)
    with pytest.raises(BadDataError, match="lies outside the image of sub-1_T1w"):
        read_lesion(scan)


@pytest.mark.parametrize("voxel", [(0, 0, 0), (7, 4, 3), tuple(n - 1 for n in SHAPE)])
def test_a_lesion_of_one_small_voxel_anywhere_in_the_scan_is_one(tmp_path: Path, voxel: tuple[int, ...]) -> None:
    """It may lie between the voxels of the prepared image, or in what that leaves out: only the scan counts."""
    fine = LPS @ np.diag([0.3, 0.3, 0.3, 1])
    fine[:3, 3] = (LPS @ [*voxel, 1])[:3] - fine[:3, :3] @ [2, 2, 2]
    stored = np.zeros((5, 5, 5), np.uint8)
    stored[2, 2, 2] = 1
    scan, _ = scan_with(tmp_path, stored, fine)
    lesion = read_lesion(scan)
    assert lesion is not None
    np.testing.assert_array_equal(lesion.array, stored)


def test_a_scan_stored_with_a_fourth_axis_and_in_metres_has_its_lesion_all_the_same(tmp_path: Path) -> None:
    scan, image = scan_with(tmp_path, np.ones(SHAPE, np.uint8), LPS)
    metres = np.diag([1e-3, 1e-3, 1e-3, 1]) @ LPS
    stored = nib.Nifti1Image(image.array[..., None], metres)
    stored.header.set_xyzt_units("meter")
    nib.save(stored, scan.path)
    assert read_lesion(scan) is not None
