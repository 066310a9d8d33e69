"""Maps of formats that are not read."""

from __future__ import annotations

from pathlib import Path

from tests.bids.trees import look, make, put


def test_maps_of_other_formats_and_parts_are_told(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-2_T1w.nii")
    maps = ("sub-1_desc-aseg_dseg.mgz", "sub-2_desc-aseg_dseg.nii", "sub-2_desc-aseg_dseg.mgz", "sub-1_seg-x_dseg.mgz")
    made = make(root / "derivatives/d", *maps, "sub-1_hemi-L_seg-y_dseg.nii", "sub-2_hemi-L_seg-y_dseg.nii")
    found = look(root, labellings=("aseg", "x", "y"), derivatives={"d": made})
    assert found.found == {"aseg": "existing maps desc-aseg from derivatives 'd' for 1 of 2 scans"}
    folder = made / "sub-1/anat"
    assert found.hints["aseg"].endswith(f"nib-convert {folder}/{maps[0]} {folder}/sub-1_desc-aseg_dseg.nii.gz.")
    assert "'x' of 1 scan(s) cannot be used" in found.hints["x"]
    assert "'y' of 2 scan(s) cannot be used" in found.hints["y"]
    assert "of a part of the brain (hemi-)" in found.hints["y"]
    assert set(found.hints.values()) <= set(found.notes)


def test_an_image_that_lies_there_as_nifti_too_needs_no_conversion(tmp_path: Path) -> None:
    images = ("sub-1_T1w.nii.gz", "sub-1_T1w.mgz", "sub-2_T1w.nii", "!sub-3_T1w.nii.gz", "sub-3_T1w.mgz")
    root = make(tmp_path, *images)
    assert look(root).notes == ()
    put(root / "sub-2/anat/sub-2_acq-x_T1w.mgz", "")
    (note,) = look(root).notes
    assert "1 image(s)" in note
    assert "nib-convert" in note.partition("acq-x_T1w.mgz")[2]
