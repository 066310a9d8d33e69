"""A current folder that has been deleted meanwhile, as a cluster's scratch folder may be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import os, sys
os.chdir(sys.argv[1])
os.rmdir(sys.argv[1])
from lumirage_bids.app.cli import main
code = main(sys.argv[2:])
print("now in", os.getcwd() if code == 0 else "nothing")
sys.exit(code)
"""


def image(root: Path, subject: str) -> None:
    file = root / f"sub-{subject}/anat/sub-{subject}_T1w.nii"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")


@pytest.mark.parametrize("relative", [False, True])
def test_paths_in_full_work_and_relative_ones_are_refused(relative: bool, tmp_path: Path) -> None:
    for subject in "12":
        image(tmp_path / "bids", subject)
    (tmp_path / "bids/dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    gone = tmp_path / "gone"
    gone.mkdir()
    out = "out" if relative else str(tmp_path / "out")
    arguments = [str(gone), str(tmp_path / "bids"), out, "participant", "--device", "cpu", "--dry-run"]
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    if relative:
        assert done.returncode == 64
        assert "The current folder has been deleted" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert "2 scans of 2 subjects" in done.stdout
        assert done.stdout.endswith("now in /\n")
