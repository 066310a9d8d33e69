"""Where messages go: briefly to the terminal, in full to a file of the run."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

ERASE = "\r\x1b[K"
"""Begins a terminal's line anew."""

logger = logging.getLogger("lumirage")


def has_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal that can begin its line anew."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def log_to(file: Path, verbose: int) -> list[logging.Handler]:
    """Send this program's messages to the terminal and to a file; several processes may append to one file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    to_file = _ToFile(file, encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
    to_terminal = _ToTerminal(sys.stdout)
    to_terminal.setFormatter(_Brief())
    to_terminal.setLevel(logging.DEBUG if verbose else logging.INFO)
    handlers: list[logging.Handler] = [to_file, to_terminal]
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    for handler in handlers:
        logger.addHandler(handler)
    return handlers


class _ToFile(logging.FileHandler):
    """A full disk is told of by who meets it at work, not once more for every message."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Do without the message."""


class _ToTerminal(logging.StreamHandler[TextIO]):
    """A terminal that is gone, as after ``| head``, does not end a run."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Do without the message."""


class _Brief(logging.Formatter):
    """The message alone, a traceback belongs in the file; with the time where it is kept in a file, too.

    On a terminal it takes the place of a bar, whichever process has drawn that; it is drawn again below.
    """

    def __init__(self) -> None:
        super().__init__(datefmt="%Y-%m-%d %H:%M:%S")
        self.kept = not sys.stdout.isatty()
        self.begin = ERASE if has_terminal(sys.stdout) and has_terminal(sys.stderr) else ""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        return f"{self.formatTime(record, self.datefmt)} {text}" if self.kept else self.begin + text


@contextmanager
def logging_to(file: Path, verbose: int) -> Iterator[None]:
    """Log to the terminal and to a file within the block."""
    before = logger.level, logger.propagate
    handlers = log_to(file, verbose)
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        handlers[0].close()
        logger.setLevel(before[0])
        logger.propagate = before[1]


def quieten(verbose: int) -> None:
    """Let Nipype and the registration libraries speak up only when something is wrong, or when asked."""
    for name in ("nipype", "nipype.workflow", "nipype.interface", "nipype.utils", "fireants"):
        logging.getLogger(name).setLevel(logging.INFO if verbose > 1 else logging.CRITICAL)
