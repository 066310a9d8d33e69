"""What is written in several files of the project agrees."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lumirage_bids import __version__

REPOSITORY = Path(__file__).parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
PINNED = {
    canonicalize_name(name): pinned
    for name, pinned in re.findall(r"^([^#=\s]+)==(\S+)$", (REPOSITORY / "constraints.txt").read_text(), re.MULTILINE)
}
OPTIONAL = PROJECT["optional-dependencies"]


NEEDED = [*PROJECT["dependencies"], *OPTIONAL["methods"], *OPTIONAL["test"], *OPTIONAL["lint"]]


@pytest.mark.parametrize("text", [text for text in NEEDED if not text.startswith("lumirage-bids[")])
def test_every_dependency_is_pinned_within_what_is_allowed(text: str) -> None:
    needed = Requirement(text)
    assert needed.specifier.contains(PINNED[canonicalize_name(needed.name)])


def test_the_image_says_the_version() -> None:
    assert f"\nARG VERSION={__version__}\n" in (REPOSITORY / "Dockerfile").read_text("utf-8")


@pytest.mark.slow
def test_every_loop_is_compiled_for_the_image(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "lumirage_bids.app.precompile"], env=environment, check=True)
    compiled = {file.name.partition("-")[0] for file in tmp_path.rglob("*.nbi")}
    assert compiled == {
        f"{file.stem}.{function}"
        for file in (REPOSITORY / "lumirage_bids").rglob("*.py")
        for function in re.findall(r"^@compile_loop\ndef (\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
