"""The program in folders that vanish or bear odd names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import run_program


def test_help_and_commands_answer_without_a_dataset() -> None:
    told = run_program(["--help"])
    assert told.code == 0
    for word in ("--only", "--nthreads", "lumirage demo DIR", "not as in fMRIPrep", "75 interrupted"):
        assert word in told.out
    for command in ("demo", "methods", "labellings", "protocols"):
        about = run_program([command, "--help"])
        assert about.code == 0, about.said
        assert about.out.startswith(f"usage: lumirage {command}")
    wrong = run_program(["demo"])
    assert wrong.code == 64
    assert "lumirage demo --help" in wrong.err


def test_a_current_folder_that_was_deleted_matters_to_relative_paths_alone(demo_dataset: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    command = [sys.executable, "-m", "lumirage_bids"]
    for out, code in ((str(tmp_path / "out"), 0), ("out", 64)):
        gone.mkdir()
        script = 'cd "$0" && rmdir "$0" && exec "$@"'
        arguments = [*command, str(demo_dataset), out, "participant", "--dry-run"]
        done = subprocess.run(
            ["bash", "-c", script, str(gone), *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert (code == 0) != ("current folder has been deleted" in done.stderr)


def test_folders_of_any_name(demo_dataset: Path, tmp_path: Path) -> None:
    """Nipype's configuration takes a % for one of its references; shells and HTML have characters of their own."""
    folder = tmp_path / "My%20study 100% {a} $HOME <b>"
    shutil.copytree(demo_dataset, folder / "bids")
    protocol = tmp_path / "p.toml"
    protocol.write_text('[preparation]\nspacing = 8.0\n[alignment]\nstart = "none"\n[methods.identity]\n')
    options = ["--derivatives", f"truth={folder / 'bids' / 'derivatives' / 'truth'}", "--labellings", "demo"]
    options += ["--protocol", str(protocol), "--participant-label", "02", "--fixed-label", "01", "--nprocs", "1"]
    options += ["--stage", "prepare"]
    done = run_program([folder / "bids", folder / "out", "participant", "-w", folder / "work", *options])
    assert done.code == 0, done.said
    assert list((folder / "out").glob("sub-*/anat/*_xfm.txt"))
    assert not (folder / "work").exists()  # the run made it
