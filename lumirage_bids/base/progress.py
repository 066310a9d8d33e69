"""Progress over pairs with the time left: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

LINE_EVERY_S = 30.0
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals by which terminals and clusters end a program."""

logger = logging.getLogger("lumirage")


class Interrupt:
    """What signals that end a run do: an interrupt, and a note, since one that is raised in a ``__del__`` is lost."""

    def __init__(self) -> None:
        self.seen = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self.seen = True
        raise KeyboardInterrupt


@contextmanager
def bar(total: int, counter: Path) -> Iterator[Callable[[], None]]:
    """Show how many pairs have ended; call what is yielded now and then.

    Parameters
    ----------
    total : int
        Pairs to be done.
    counter : Path
        File that grows by a byte for every pair that has ended.
    """
    from tqdm import tqdm

    terminal = sys.stderr.isatty()
    shown = tqdm(total=total, unit="pair", disable=not terminal, dynamic_ncols=True)
    begin = last = time.monotonic()
    done = 0
    first: tuple[float, int] | None = None  # the pace counts from here: before, scans are read and loops compiled

    def tick() -> None:
        nonlocal done, last, first
        if getattr(signal.getsignal(signal.SIGTERM), "seen", False):
            raise KeyboardInterrupt
        size = counter.stat().st_size if counter.exists() else 0
        if size == done:
            return
        shown.update(size - done)
        done = size
        now = time.monotonic()
        first = first or (now, done)
        if not terminal and (now - last > LINE_EVERY_S or done == total):
            left = (now - first[0]) / (done - first[1]) * (total - done) if done > first[1] else None
            more = f", {duration(left)} left" if left is not None else ""
            logger.info("%d of %d pairs, %s so far%s", done, total, duration(now - begin), more)
            last = now

    try:
        yield tick
        tick()
    finally:
        shown.close()


def duration(seconds: float) -> str:
    """Seconds in words.

    Examples
    --------
    >>> duration(45), duration(90), duration(7500), duration(200_000)
    ('45 s', '1.5 min', '2.1 h', '2.3 d')
    """
    for limit, unit, name in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}" if unit == 1 else f"{seconds / unit:.1f} {name}"
    return f"{seconds / 86400:.1f} d"
