"""Other people's programs: is it there, run it, say what went wrong."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from lumirage_bids.base.errors import NO_ROOM, LumirageError, MissingInputError, NoRoomError, OverdueError

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context

logger = logging.getLogger("lumirage")

LINES_IN_ERROR = 5
LINES_IN_LOG = 200
LITTLE = 2**20  # bytes; a disk without them is full


def missing_program(program: str) -> str | None:
    """Say that a program is not there and what to do; None when it is."""
    if os.sep in program and not Path(program).is_absolute():
        return f"the program '{program}' is a relative path; programs run in a folder of their own, give it in full"
    if shutil.which(program):
        return None
    return f"the program '{program}' is not found; install it, put it on the PATH, or give its path in full"


@contextmanager
def scratch(context: Context) -> Iterator[Path]:
    """Make a folder for a method's files, below the context's where it has one; it is gone afterwards.

    Raises
    ------
    NoRoomError
        What failed in the block did so with the disk full: it says nothing of the method.
    """
    with tempfile.TemporaryDirectory(dir=context.work_dir, prefix="method-") as folder:
        try:
            yield Path(folder)
        except Exception as error:
            _check_room(Path(folder), error)
            raise


def _check_room(folder: Path, failure: Exception) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, LITTLE)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise NoRoomError(f"{folder}: {error.strerror}; make space for a method's files") from failure


def visible_device(device: str) -> str:
    """GPU as ``CUDA_VISIBLE_DEVICES`` wants it, so that a program sees that one only; -1 for none.

    Examples
    --------
    >>> visible_device("cpu")
    '-1'
    """
    if not device.startswith("cuda"):
        return "-1"
    index = int(device.partition(":")[2] or 0)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",")[index].strip() if visible else str(index)


def run_program(
    argv: Sequence[str],
    context: Context,
    folder: Path,
    environment: Mapping[str, str] = MappingProxyType({}),
    limit_s: float | None = None,
) -> None:
    """Run a program to its end, without a shell, in a folder of its own.

    It, and every process that it started, ends when this process does, even by SIGKILL. What it prints goes to a file
    in the folder and, if it fails, to the log of the run.

    Parameters
    ----------
    argv : sequence of str
        Program and arguments.
    context : Context
        Gives the number of threads, to OpenMP and ITK.
    folder : Path
        Working directory of the program.
    environment : mapping
        Environment variables besides the caller's.
    limit_s : float, optional
        Seconds after which it is ended; none for what a pair's time limit ends.

    Raises
    ------
    MissingInputError
        There is no such program.
    OverdueError
        It had not ended in time.
    LumirageError
        It ended with another exit code than 0.
    """
    if complaint := missing_program(argv[0]):
        raise MissingInputError(f"{complaint[0].upper()}{complaint[1:]}.")
    threads = str(context.threads)
    environment = {
        **os.environ, "OMP_NUM_THREADS": threads, "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": threads, **environment
    }  # fmt: skip
    watchdog = [sys.executable, "-I", "-S", str(Path(__file__).with_name("watchdog.py"))]
    printed = folder / "printed.log"
    with printed.open("wb") as log:
        # In a session of its own, so that a signal to our process group does not end the watchdog before the program.
        child = subprocess.Popen(
            [*watchdog, *argv], cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            code = child.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise OverdueError(
                f"killed: the program had not ended after {limit_s:g} s ({' '.join(argv)}); run it by hand and look "
                "what it waits for"
            ) from None
        finally:
            assert child.stdin is not None
            child.stdin.close()
            child.wait()
    if code:
        lines = [line for line in printed.read_text("utf-8", "replace").splitlines() if line.strip()]
        logger.error("%s ended with exit code %d:\n%s", argv, code, "\n".join(lines[-LINES_IN_LOG:]))
        last = " | ".join(line.strip() for line in lines[-LINES_IN_ERROR:]) or "nothing"
        raise LumirageError(f"The program ended with exit code {code} ({' '.join(argv)}); it said last: {last}")


def made_file(path: Path, argv: Sequence[str]) -> Path:
    """Return a file that a program should have made.

    Raises
    ------
    LumirageError
        If it is not there.
    """
    if not path.is_file():
        there = ", ".join(sorted(p.name for p in path.parent.glob("*"))) if path.parent.is_dir() else "no folder"
        raise LumirageError(f"The program made no {path.name} ({' '.join(argv)}); what is there: {there}.")
    return path
