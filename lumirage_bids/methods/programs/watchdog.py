"""Run a program and end it, with everything it started, as soon as whoever wanted it is gone.

Run as a script with the program's arguments; only the standard library is there. The caller holds the other end of
standard input and never writes: when the caller ends, however it ends, that pipe closes. A signal on the parent's death
(Linux's PR_SET_PDEATHSIG) would not do: it reaches the program alone, not what the program started, it is sent when the
thread that started the program ends, and setting it needs Python code between fork and exec, which may deadlock in a
process with threads.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress


def _kill(group: int) -> None:
    """End all processes of a group that are still there."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _end_with_caller(group: int) -> None:
    while os.read(0, 1):
        pass
    _kill(group)


def main(argv: list[str]) -> int:
    """Run a program and return its exit code, 128 + n where signal n ended it."""
    program = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_end_with_caller, args=(program.pid,), daemon=True).start()
    code = program.wait()
    _kill(program.pid)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    # At once, without waiting for the thread that reads standard input.
    os._exit(main(sys.argv[1:]))
