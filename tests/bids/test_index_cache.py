"""The index of a tree: kept, made again, shared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lumirage_bids.base import errors
from lumirage_bids.bids.dataset import Dataset, Query, open_dataset
from tests.bids.trees import T1W, look, make, names, put


def test_index_is_kept_and_remade_when_the_tree_changes(tmp_path: Path) -> None:
    root, index = make(tmp_path / "raw", "sub-1_T1w.nii", **{"sub-1/anat/sub-1_T1w.json": "[]"}), tmp_path / "index"

    def opened() -> Dataset:
        return open_dataset(root, Query(filters=T1W), database_dir=index)

    def written() -> int:
        (file,) = index.rglob("*.sqlite")
        return file.stat().st_mtime_ns

    first, at_first = opened(), written()
    assert opened() == first == look(root)
    assert first.notes
    assert written() == at_first
    make(root, "sub-2_T1w.nii")
    assert names(opened()) == ["sub-1_T1w", "sub-2_T1w"]
    assert written() > at_first
    put(root / "sub-2/anat/sub-2_T1w.json", json.dumps({"PulseSequenceType": "MP2RAGE"}))
    assert opened().scans[1].sequence == "MP2RAGE"
    (root / "sub-1/anat/sub-1_T1w.nii").unlink()
    assert names(opened()) == ["sub-2_T1w"]
    assert not list(index.rglob(".building*"))


@pytest.mark.parametrize("damage", [b"", b"not a database", None])
def test_damaged_index_is_remade(tmp_path: Path, damage: bytes | None) -> None:
    root, index = make(tmp_path / "raw", "sub-1_T1w.nii"), tmp_path / "index"
    good = open_dataset(root, Query(filters=T1W), database_dir=index)
    (file,) = index.rglob("*.sqlite")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if damage is None else damage)
    assert open_dataset(root, Query(filters=T1W), database_dir=index) == good


def test_index_that_cannot_be_written(tmp_path: Path) -> None:
    put(tmp_path / "file", "")
    with pytest.raises(errors.CannotWriteError, match="--bids-database-dir"):
        open_dataset(make(tmp_path / "raw", "sub-1_T1w.nii"), Query(filters=T1W), database_dir=tmp_path / "file")


def test_concurrent_runs_share_an_index(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", *(f"sub-{i}_T1w.nii" for i in range(20)))
    code = (
        "import os, sys; from pathlib import Path; from lumirage_bids.bids.dataset import *\n"
        "for i in range(6):\n"
        "    query = Query(filters={'t1w': {}})\n"
        "    dataset = open_dataset(Path(sys.argv[1]), query, database_dir=Path(sys.argv[2]))\n"
        "    assert len(dataset.scans) == 20\n"
        "    os.utime(Path(sys.argv[1], 'sub-1/anat/sub-1_T1w.nii'))\n"  # makes the index stale for all
    )
    command = [sys.executable, "-c", code, str(root), str(tmp_path / "index")]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for run in runs:
        _, complaints = run.communicate(timeout=120)
        assert run.returncode == 0, complaints
