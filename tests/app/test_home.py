"""HOME is looked into by libraries when they are imported: it must be a folder, whoever runs the program."""

from __future__ import annotations

import os
from pathlib import Path

from lumirage_bids.app.surroundings import settle_libraries
from tests.other_user import NOBODY_KNOWS, in_a_fork, only_root


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
