"""What a run would do, told by a dry run."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import run_program


def test_a_dry_run_says_which_side_was_named(demo_dataset: Path, tmp_path: Path) -> None:
    """And how many pairs and scans that makes; --only names both, --exclude-participant-label neither."""
    told = {
        what: run_program([demo_dataset, tmp_path / "out", "participant", "group", "--dry-run", *what.split()]).out
        for what in ("--participant-label 02,03", "--only 02 03", "--exclude-participant-label 01 77")
    }
    one, both, neither = told.values()
    assert "6 in the protocol, 4 asked for" in one
    assert "names the moving side: 2 scan(s)" in one
    assert "3 scans are prepared" in one
    assert "the 2 pair(s) among these subjects alone: --only 02 03" in one
    assert "6 in the protocol, 2 asked for" in both
    assert "moving side" not in both
    assert "all are aligned to sub-02" in neither
    assert "2 in the protocol, 2 asked for" in neither
    assert "77: there is no scan of it" in neither
    assert not (tmp_path / "out").exists()
