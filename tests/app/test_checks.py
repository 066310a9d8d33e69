"""Folders are checked before anything is written."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from lumirage_bids.app.checks import check_folders, temporary_folder
from lumirage_bids.base.errors import CannotWriteError
from lumirage_bids.experiment.settings import Settings


def test_nowhere_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a read-only root and nothing at /tmp."""
    settings = Settings(bids_dir=tmp_path / "bids", out_dir=tmp_path / "out", level="participant")
    check_folders(settings)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/none"])
    with pytest.raises(CannotWriteError, match=r"/proc/none.*TMPDIR.*--tmpfs /tmp"):
        check_folders(settings)


def test_a_temporary_folder_with_too_long_a_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes talk through sockets in it."""
    long = tmp_path / ("x" * 80)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with pytest.raises(CannotWriteError, match=r"70 at most. Set TMPDIR"):
        temporary_folder()
