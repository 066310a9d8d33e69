"""Streams, signals, folders and homes that a program may be started with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lumirage_bids.app.surroundings import find_container, settle_libraries
from tests.other_user import NOBODY_KNOWS, in_a_fork, only_root

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


def home_of(given: str | None, user: int | None = None) -> str:
    """What HOME is after it was settled."""

    def settled() -> Path:
        os.environ.pop("HOME", None)
        if given is not None:
            os.environ["HOME"] = given
        settle_libraries()
        (Path.home() / "pybids_config.json").exists()
        return Path.home()

    return in_a_fork(settled, user)


def test_a_home_that_can_be_looked_into_stays(tmp_path: Path) -> None:
    assert home_of(str(tmp_path)) == str(tmp_path)
    assert home_of(str(tmp_path / "not made yet")) == str(tmp_path / "not made yet")


def test_a_home_that_cannot_be_looked_into_gives_way() -> None:
    assert Path(home_of("/" + "x" * 300)).is_dir()


@only_root
def test_a_user_without_account_or_with_anothers_home(tmp_path: Path) -> None:
    """As ``docker run --user 1234`` has it."""
    tmp_path.chmod(0o700)
    assert Path(home_of(None, NOBODY_KNOWS)).is_dir()
    other = Path(home_of(str(tmp_path), NOBODY_KNOWS))
    assert other.is_dir()
    assert other != tmp_path


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        ({}, None),
        ({"APPTAINER_CONTAINER": "/other.sif"}, None),
        ({"LUMIRAGE_IMAGE": "lumirage:1"}, "docker"),
        ({"LUMIRAGE_IMAGE": "lumirage:1", "APPTAINER_CONTAINER": "/x.sif", "SINGULARITY_CONTAINER": "/x"}, "apptainer"),
        ({"LUMIRAGE_IMAGE": "lumirage:1", "CH_RUNNING": "Weird Al Yankovic"}, "charliecloud"),
    ],
)
def test_our_image_is_told_apart(variables: dict[str, str], kind: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LUMIRAGE_IMAGE", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "CH_RUNNING"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert find_container() == (None if kind is None else {"Type": kind, "Tag": "lumirage:1"})
