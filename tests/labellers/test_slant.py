"""Label maps as SLANT leaves them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.labellers.imported import NAME, leave, look


@pytest.mark.parametrize("folder", ["", "{}", "sub-{0[4]}", "sub-{0[4]}/ses-1"])
def test_slant_for_one_or_many_scans_at_once(raw: Path, tmp_path: Path, folder: str) -> None:
    out = tmp_path / "out"
    made = {
        s: leave(out / folder.format(NAME.format(s)) / "FinalResult" / f"{NAME.format(s)}_seg.nii.gz") for s in "AB"
    }
    dataset = look(raw, "slant", out, "slant")
    assert {scan.subject: scan.labels["slant"].path for scan in dataset.scans} == made
    assert dataset.found["slant"] == "existing maps seg-slant from derivatives 'slant' for 2 of 2 scans"
