"""The scratch folder of a run is removed at its end, and what dead runs left beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lumirage_bids.app import work_folder
from lumirage_bids.output.folder import Output

HOLD = """
import sys
from pathlib import Path
from lumirage_bids.app import work_folder
from lumirage_bids.output.folder import Output
out, folder = map(Path, sys.argv[1:])
with work_folder.hold(folder, Output(out)):
    print("held", flush=True)
    sys.stdin.read()
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def another_run(out: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(out), str(out / "work" / name)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_killed_run_leaves_a_folder_and_the_next_one_sweeps_it_away(tmp_path: Path) -> None:
    with another_run(tmp_path, "killed") as process:
        process.kill()
    assert (tmp_path / "work" / "killed").is_dir()
    with work_folder.hold(tmp_path / "work" / "next", Output(tmp_path)):
        assert (tmp_path / "work" / "next" / "scratch").is_dir()
    assert not (tmp_path / "work").exists()


def test_a_run_that_lives_keeps_its_folder(tmp_path: Path) -> None:
    with another_run(tmp_path, "alive"):
        with work_folder.hold(tmp_path / "work" / "mine", Output(tmp_path)):
            pass
        assert names(tmp_path / "work") == ["alive"]


def test_a_run_that_is_broken_off_loses_its_scratch_files_alone(tmp_path: Path) -> None:
    folder = tmp_path / "work" / "mine"
    with pytest.raises(KeyboardInterrupt), work_folder.hold(folder, Output(tmp_path)):
        raise KeyboardInterrupt
    assert not (folder / "scratch").exists()
    assert folder.is_dir()


def test_what_others_have_in_a_shared_work_folder_stays(tmp_path: Path) -> None:
    """Another output folder's runs, and anything that is no run's."""
    shared = tmp_path / "shared"
    mine, theirs = Output(tmp_path / "out"), Output(tmp_path / "other")
    with pytest.raises(KeyboardInterrupt), work_folder.hold(shared / "theirs", theirs, given=True):
        raise KeyboardInterrupt
    (shared / "photos").mkdir()
    with work_folder.hold(shared / "mine", mine, given=True):
        pass
    assert names(shared) == ["photos", "theirs"]
    with work_folder.hold(shared / "mine", theirs, given=True):
        pass
    assert names(shared) == ["photos"]


def test_jobs_of_a_cluster_may_outlive_their_run(tmp_path: Path) -> None:
    folder = tmp_path / "work" / "cluster"
    with pytest.raises(KeyboardInterrupt), work_folder.hold(folder, Output(tmp_path), cluster=True):
        raise KeyboardInterrupt
    with work_folder.hold(tmp_path / "work" / "next", Output(tmp_path)):
        pass
    assert folder.is_dir()
    long_ago = time.time() - 3 * 86400
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (long_ago, long_ago))
    with work_folder.hold(tmp_path / "work" / "next", Output(tmp_path)):
        pass
    assert not (tmp_path / "work").exists()


def test_a_work_folder_that_the_run_made_goes_with_it_and_one_that_was_there_stays(tmp_path: Path) -> None:
    mine, there = tmp_path / "mine", tmp_path / "there"
    there.mkdir()
    for around in (mine, there):
        with work_folder.hold(around / "run", Output(tmp_path / "out"), given=True):
            assert names(around) == ["run"]
    assert not mine.exists()
    assert names(there) == []
