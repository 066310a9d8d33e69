"""HOME is looked into by libraries when they are imported: it must be a folder, whoever runs the program."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lumirage_bids.cli import settle_home

NOBODY_KNOWS = 54321


def home_of(user: int | None, given: str | None) -> str:
    """What HOME is after it was settled in a process of its own, of another user if one is given."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        try:
            if user is not None:
                os.setuid(user)
            os.environ.pop("HOME", None)
            if given is not None:
                os.environ["HOME"] = given
            settle_home()
            (Path.home() / "pybids_config.json").exists()
            os.write(writer, str(Path.home()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        return answer.read()


def test_a_home_that_can_be_looked_into_stays(tmp_path: Path) -> None:
    assert home_of(None, str(tmp_path)) == str(tmp_path)
    assert home_of(None, str(tmp_path / "not made yet")) == str(tmp_path / "not made yet")


def test_a_home_that_cannot_be_looked_into_gives_way() -> None:
    assert Path(home_of(None, "/" + "x" * 300)).is_dir()


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another user")
def test_a_user_without_account_or_with_anothers_home(tmp_path: Path) -> None:
    """As ``docker run --user 1234`` has it."""
    tmp_path.chmod(0o700)
    assert Path(home_of(NOBODY_KNOWS, None)).is_dir()
    assert Path(home_of(NOBODY_KNOWS, str(tmp_path))) not in (Path(), tmp_path)
