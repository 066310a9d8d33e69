"""What the program needs of whoever started it, and makes up for: streams, signals, a home folder."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path

from lumirage_bids.app.checks import temporary_folder
from lumirage_bids.base.progress import ENDING, Interrupt


def settle_streams() -> None:
    """Let there be streams to write to, which a parent may have closed, and letters of any path on a terminal."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.set_inheritable(nowhere, True)
            if nowhere != number:
                os.dup2(nowhere, number)
            setattr(sys, name, os.fdopen(number, "w"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def settle_signals() -> None:
    """Treat the signals by which terminals and clusters end a program as an interrupt from the keyboard."""
    end = Interrupt()
    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:  # as `nohup` has it
            signal.signal(number, end)


def leave_closed_pipes() -> None:
    """Let Python flush what nobody reads any more, as after ``| head``, without a word and a code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def settle_folder() -> None:
    """Let there be a current folder, which may have been deleted: libraries and new processes ask for it."""
    try:
        Path.cwd()
    except FileNotFoundError:
        os.chdir("/")
        sys.path[:] = filter(None, sys.path)  # nothing more is imported from the current folder


def settle_libraries() -> None:
    """Let HOME be a folder that can be looked into, and Matplotlib need no display.

    PyBIDS looks into HOME when it is imported, and fails where it cannot: a container's user may have no account, and
    HOME may be another user's. A notebook sets a backend of its own, which is not there for other programs.
    """
    os.environ["MPLBACKEND"] = "agg"
    try:
        (Path.home() / "x").exists()
    except (RuntimeError, OSError):
        os.environ["HOME"] = temporary_folder()


RUNNERS = {"APPTAINER_CONTAINER": "apptainer", "SINGULARITY_CONTAINER": "singularity", "CH_RUNNING": "charliecloud"}
"""Variables that programs which run images set in them."""


def find_container() -> dict[str, str] | None:
    """The image of ours that this runs in, as BIDS tells of containers; None outside one."""
    tag = os.environ.get("LUMIRAGE_IMAGE")
    if not tag:
        return None
    kind = next((kind for variable, kind in RUNNERS.items() if variable in os.environ), "docker")
    return {"Type": kind, "Tag": tag}
