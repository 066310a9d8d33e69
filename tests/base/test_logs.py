"""Messages: brief on the terminal, in full in the file of the run."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from lumirage_bids.base.logs import logger, logging_to


def test_a_traceback_belongs_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "logs" / "run.log"
    with logging_to(file, verbose=0):
        logger.debug("in detail")
        try:
            raise ValueError("the reason")
        except ValueError:
            logger.exception("a pair failed")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d a pair failed\n", capsys.readouterr().out)
    text = file.read_text("utf-8")
    assert "DEBUG in detail" in text
    assert "ERROR a pair failed" in text
    assert "ValueError: the reason" in text


def test_the_terminal_has_details_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(tmp_path / "run.log", verbose=1):
        logger.debug("in detail")
    assert capsys.readouterr().out.endswith(" in detail\n")


def test_nothing_is_left_of_it_afterwards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = logger.level, logger.propagate, list(logger.handlers)
    with pytest.raises(KeyboardInterrupt), logging_to(tmp_path / "run.log", verbose=0):
        raise KeyboardInterrupt
    assert (logger.level, logger.propagate, logger.handlers) == before
    logging.getLogger("lumirage").info("later")
    assert capsys.readouterr().out == ""
    assert (tmp_path / "run.log").read_text() == ""
