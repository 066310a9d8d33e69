"""A terminal as a user sees it, for programs that draw on it."""

from __future__ import annotations

import os
import pty
import subprocess
import termios
from collections.abc import Sequence
from pathlib import Path

COLUMNS = 70


def on_terminal(command: Sequence[str | Path], **environment: str) -> tuple[list[str], list[str]]:
    """Run a program on a terminal; the lines that are there at the end, and every state that the last line was in."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, COLUMNS))
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, **environment})
    os.close(theirs)
    pieces = []
    try:
        while piece := os.read(ours, 65536):
            pieces.append(piece)
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert child.wait() == 0, b"".join(pieces)
    return read_screen(b"".join(pieces).decode())


def read_screen(text: str) -> tuple[list[str], list[str]]:
    """What the letters that a program writes leave on the screen, and every state that a line was in."""
    lines, line, column, states, at = [], "", 0, [], 0
    while at < len(text):
        letter = text[at]
        at += 1
        if letter == "\n":
            lines.append(line)
            line, column = "", 0
        elif letter == "\r":
            states.append(line)
            column = 0
        elif text.startswith("[K", at) and letter == "\x1b":
            line, at = line[:column], at + 2
        else:
            line, column = line[:column] + letter + line[column + 1 :], column + 1
    return [*lines, line], [*states, line]
