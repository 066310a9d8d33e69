"""What somebody else, without an account, gets to see."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

NOBODY_KNOWS = 54321
only_root = pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another user")


def in_a_fork(tell: Callable[[], object], user: int | None = None) -> str:
    """What a function returns, as text, in a process of its own, of another user if one is given."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        try:
            if user is not None:
                os.setuid(user)
            os.write(writer, str(tell()).encode())
        except BaseException as error:
            os.write(writer, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        return answer.read()
