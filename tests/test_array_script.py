"""What the script of ``lumirage sbatch`` submits; tests/end_to_end/test_slurm.py has a real SLURM run it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lumirage_bids
from tests.conftest import options, run_here, run_program

SCRIPT = Path(lumirage_bids.__file__).parent / "app" / "sbatch_array.sh"
# Notes what it is given, and answers as a cluster of a federation does.
SBATCH = """#!/bin/bash
n=$(($(ls "$JOBS_HERE" | wc -l) / 2 + 1))
printf '%s\\n' "$@" > "$JOBS_HERE/$n.arguments"
cat > "$JOBS_HERE/$n.sh"
echo "$n;cluster"
"""


@pytest.fixture
def submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the jobs that are submitted."""
    programs, folder = tmp_path / "bin", tmp_path / "jobs"
    for each in (programs, folder):
        each.mkdir()
    (programs / "sbatch").write_text(SBATCH)
    (programs / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("JOBS_HERE", str(folder))
    return folder


def submit(bids: Path, out: Path, *more: object, **environment: str) -> subprocess.CompletedProcess[str]:
    lumirage = f"{sys.executable} -m lumirage_bids"
    known = {**os.environ, "BIDS": str(bids), "OUT": str(out), "LUMIRAGE": lumirage, **environment}
    command = ["bash", SCRIPT, *map(str, more)]
    return subprocess.run(command, env=known, capture_output=True, text=True, check=False)


def test_each_participant_that_moves_gets_a_job(demo_dataset: Path, submitted: Path, tmp_path: Path) -> None:
    out = tmp_path / "it's $out"
    done = submit(demo_dataset, out, *options(demo_dataset), "--fixed-label", "03", JOBS="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "The last job is 3.\n"
    prepare, array, group = (submitted / f"{n}.sh" for n in (1, 2, 3))
    for script in (prepare, array, group):
        subprocess.run(["bash", "-n", script], check=True)
        assert str(out) in shlex.split(script.read_text(), comments=True)
    assert "--stage prepare" in prepare.read_text()
    assert "subjects=('01' '02')\n" in array.read_text()  # 03 is a fixed one only
    assert "--array=0-0" in (submitted / "2.arguments").read_text().splitlines()
    for n in (2, 3):
        assert f"--dependency=afterany:{n - 1}" in (submitted / f"{n}.arguments").read_text().splitlines()


def test_only_the_group_level_is_left_of_a_finished_run(
    finished_run: Path, demo_dataset: Path, submitted: Path
) -> None:
    done = submit(demo_dataset, finished_run, *options(demo_dataset))
    assert done.returncode == 0, done.stderr
    (script,) = submitted.glob("*.sh")
    assert script.read_text().endswith(" group\n")
    assert "--dependency" not in (submitted / "1.arguments").read_text()


def test_nothing_is_submitted_where_no_pair_can_run(demo_dataset: Path, submitted: Path, tmp_path: Path) -> None:
    partial = tmp_path / "partial"
    shutil.copytree(demo_dataset, partial)
    for image in partial.glob("sub-*/anat/*.nii.gz"):
        image.unlink()
        image.symlink_to("nowhere")
    done = submit(partial, tmp_path / "out", *options(partial))
    assert done.returncode == 66
    assert "datalad get" in done.stderr
    assert list(submitted.iterdir()) == []


def test_the_command_prints_the_script() -> None:
    done = run_program(["sbatch"])
    assert (done.code, done.out) == (0, SCRIPT.read_text("utf-8"))


def test_the_script_reads_the_table_of_work_not_the_story(demo_dataset: Path, tmp_path: Path) -> None:
    asked = [demo_dataset, tmp_path / "out", "participant", "--dry-run", "--fixed-label", "03", *options(demo_dataset)]
    done = run_here([*asked, "--print-work"])
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert rows[0] == ["work", "of"]
    assert [of for what, of in rows[1:] if what == "register"] == ["01", "02"]
    assert [what for what, _ in rows].count("prepare") == 3
    assert "Pairs: " in done.err
    both = run_here([*asked, "--print-work", "--print-needed-files"])
    assert both.code == 64


def test_nothing_is_submitted_for_what_cannot_run(demo_dataset: Path, submitted: Path, tmp_path: Path) -> None:
    done = submit(demo_dataset, tmp_path / "out", "--methods", "nothing")
    assert done.returncode == 64
    assert "nothing" in done.stderr
    assert list(submitted.iterdir()) == []
