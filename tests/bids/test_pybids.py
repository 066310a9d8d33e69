"""What PyBIDS is shown of a dataset, and when."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lumirage_bids.base import errors
from tests.bids.trees import look, make, names, put


def test_folders_above_the_dataset_do_not_name_entities(tmp_path: Path) -> None:
    root = make(
        tmp_path / "sub-9_acq-x" / "ses-8" / "run-7" / "anat" / "data (1)+", "sub-1_T1w.nii", "sub-2_ses-1_T1w.nii"
    )
    assert names(look(root, {"t1w": {"acquisition": None, "run": None}})) == ["sub-1_T1w", "sub-2_ses-1_T1w"]
    assert names(look(root, {"t1w": {"session": None}})) == ["sub-1_T1w"]


def test_raw_folders_besides_anat_are_not_read(tmp_path: Path) -> None:
    others = ("sourcedata/sub-1/anat/sub-1_T2w.nii", "code/sub-1_T2w.nii", "sub-1/func/sub-1_T2w.nii")
    root = make(tmp_path, "sub-1_T1w.nii", *others, "sub-1/meg/sub-1_meg.ds/sub-1_T2w.nii", ".datalad/sub-1_T2w.nii")
    with pytest.raises(errors.NothingSelectedError, match="Anatomical images there: 1 T1w"):
        look(root, {"t2w": {}})


def test_dangling_images_and_sidecars(tmp_path: Path) -> None:
    root = make(tmp_path, "!sub-1_T1w.nii", "sub-2_T1w.nii", **{"T1w.json": {"PulseSequenceType": "MP-RAGE"}})
    put(root / "sub-2/anat/sub-2_T1w.json", None)
    dataset = look(root)
    assert [(scan.present, scan.sequence) for scan in dataset.scans] == [(False, "MPRAGE"), (True, "MPRAGE")]
    assert "content not here" in dataset.notes[0]


def test_pybids_is_imported_late() -> None:
    code = "import sys, lumirage_bids.bids.dataset; sys.exit('bids' in sys.modules or 'nibabel' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ}).returncode == 0
