"""The commands of the tutorial, run as they stand there, page after page in one folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "tutorial"
OWN = {"one": "01", "two": "02", "three": "03"}
"""What the tutorial calls the reader's scans → the subject of the demo that stands in for each."""


def commands(page: str) -> str:
    """The blocks of a page that are marked ``sh``; how to install is marked ``shell``, and done by make."""
    return "\n".join(re.findall(r"^```sh\n(.*?)^```", (PAGES / page).read_text("utf-8"), re.MULTILINE | re.DOTALL))


def run(page: str, folder: Path) -> str:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands(page)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_tutorial_leads_to_a_verdict(tmp_path: Path) -> None:
    run("first-verdict.md", tmp_path)
    demo = tmp_path / "demo"
    assert "above every other for certain" in (demo / "out" / "group" / "report.html").read_text("utf-8")
    for folder, source in (
        ("scans", "bids/sub-{}/anat/sub-{}_T1w.nii.gz"),
        ("maps", "bids/derivatives/truth/sub-{}/anat/sub-{}_seg-demo_dseg.nii.gz"),
    ):
        (tmp_path / folder).mkdir()
        for name, subject in OWN.items():
            shutil.copy(demo / source.format(subject, subject), tmp_path / folder / f"{name}.nii.gz")
    run("own-scans.md", tmp_path)
    page = (tmp_path / "out" / "group" / "report.html").read_text("utf-8")
    assert "6 pairs of 3 subjects" in re.sub(r"\s+", " ", page)
    assert "label 12" in (tmp_path / "out" / "group" / "structures.tsv").read_text("utf-8")
