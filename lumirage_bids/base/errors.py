"""Errors a user can act on, each with its exit code (BIDS execution draft)."""

from __future__ import annotations

import errno
from typing import ClassVar

NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
"""What the system says of a full disk, or of a user's full share of it."""


class LumirageError(Exception):
    """An error with a message for the user and an exit code; shown without a traceback.

    The message says what was wrong, the value got, what is allowed and what to do.
    """

    exit_code: ClassVar[int] = 1


class InvalidDatasetError(LumirageError):
    """The folder is not a BIDS dataset."""

    exit_code = 16


class NothingSelectedError(LumirageError):
    """The filters or labels select no scan, or too few to form a pair."""

    exit_code = 18


class UsageError(LumirageError):
    """The command line, protocol or filter file is wrong."""

    exit_code = 64


class BadDataError(LumirageError):
    """A file's content cannot be used: truncated, 4D, not finite, empty."""

    exit_code = 65


class MissingInputError(LumirageError):
    """A file or participant that was asked for is not there.

    Parameters
    ----------
    what : str
        What is not there.
    get : str
        Command that fetches it.
    """

    exit_code = 66

    def __init__(self, what: str, get: str = "") -> None:
        super().__init__(f"{what} To get it: {get}" if get else what)
        self.what, self.get = what, get


class NotNowError(LumirageError):
    """Something is in the way that may pass or be fixed; the same command may work then."""

    exit_code = 75


class OverdueError(NotNowError):
    """A program has not ended in the time that it is given."""


class CannotWriteError(LumirageError):
    """The output or work directory cannot be written."""

    exit_code = 73


class InputOutputError(LumirageError):
    """The file system failed: disk full, connection to it lost."""

    exit_code = 74


class NoRoomError(InputOutputError):
    """The disk is full, or the user's share of it."""
