"""How far a run is and the time left: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeVar

from lumirage_bids.base.logs import ERASE, has_terminal

LINE_EVERY_S, DRAW_EVERY_S = 30.0, 0.5
WIDTH = 20
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals by which terminals and clusters end a program."""

T = TypeVar("T")
logger = logging.getLogger("lumirage")


class Interrupt:
    """What signals that end a run do: an interrupt, and a note, since one that is raised in a ``__del__`` is lost."""

    def __init__(self) -> None:
        self.seen = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self.seen = True
        raise KeyboardInterrupt


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of a run that is counted.

    Attributes
    ----------
    what : str
        What is counted, in words.
    total : int
        How many there are to do.
    counter : Path
        File that grows by a byte for each that has ended.
    """

    what: str
    total: int
    counter: Path

    def count(self) -> int:
        """How many have ended."""
        return self.counter.stat().st_size if self.counter.exists() else 0


class Bar:
    """How far one stage is: drawn on a terminal; elsewhere told in lines, at the beginning, now and then, at the end.

    Parameters
    ----------
    what : str
        What is counted, in words.
    total : int
        How many there are to do.
    """

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self.terminal = has_terminal(sys.stderr)
        self._begin = self._told = time.monotonic()
        # The pace counts from the first one: before, scans are read and loops compiled.
        self._first: tuple[float, int] | None = None
        if self.terminal:
            self._draw()
        else:
            logger.info("%s: %d to do", what, total)

    def show(self, done: int) -> None:
        """Show how many are done; called again and again, whether or not there are more."""
        now, done = time.monotonic(), min(done, self.total)
        more = done > self.done
        if more:
            self.done = done
            self._first = self._first or (now, done)
        if self.terminal:
            if more or now - self._told >= DRAW_EVERY_S:
                self._draw()
        elif more and now - self._told >= LINE_EVERY_S and done < self.total:
            logger.info("%s", self._text())
            self._told = now

    def close(self) -> None:
        """Have the bar go, and say how many were done in how long."""
        if self.terminal:
            _write(ERASE)
        seconds = time.monotonic() - self._begin
        logger.info("%s: %d of %d done in %s", self.what, self.done, self.total, duration(seconds))

    def _draw(self) -> None:
        full = WIDTH * self.done // self.total
        line = f"[{'#' * full}{'.' * (WIDTH - full)}] {self._text()}"
        _write(ERASE + line[: _columns() - 1])
        self._told = time.monotonic()

    def _text(self) -> str:
        now = time.monotonic()
        text = f"{self.what}: {self.done} of {self.total}, {duration(now - self._begin)} so far"
        since, before = self._first or (now, self.done)
        if self.done == before:
            return text
        return f"{text}, {duration((now - since) / (self.done - before) * (self.total - self.done))} left"


def _write(text: str) -> None:
    with suppress(OSError):  # a terminal that is gone does not end a run
        sys.stderr.write(text)
        sys.stderr.flush()


def _columns() -> int:
    with suppress(OSError):
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    return 80


@contextmanager
def show(stages: Sequence[Stage]) -> Iterator[Callable[[], None]]:
    """Show how far stages are, one bar after the other; call what is yielded now and then.

    Parameters
    ----------
    stages : sequence of Stage
        In the order in which they end; they may overlap.
    """
    left = [stage for stage in stages if stage.total]
    bar: Bar | None = None

    def tick() -> None:
        nonlocal bar
        if getattr(signal.getsignal(signal.SIGTERM), "seen", False):
            raise KeyboardInterrupt
        while left:
            bar = bar or Bar(left[0].what, left[0].total)
            bar.show(left[0].count())
            if bar.done < bar.total:
                return
            bar.close()
            bar = None
            del left[0]

    try:
        tick()
        yield tick
        tick()
    finally:
        if bar is not None:
            bar.close()


def track(items: Sequence[T], what: str) -> Iterator[T]:
    """Give items one by one, and show how many are done."""
    if not items:
        return
    bar = Bar(what, len(items))
    try:
        for done, item in enumerate(items, 1):
            yield item
            bar.show(done)
    finally:
        bar.close()


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
