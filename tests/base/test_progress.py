"""Progress, and interrupts that must not get lost on the way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lumirage_bids.base.progress import Interrupt, bar


@pytest.fixture
def handled() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, Interrupt())
    yield
    signal.signal(signal.SIGTERM, before)


class Dying:
    """Takes a signal while it is being deleted, where Python swallows what is raised."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.usefixtures("handled")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_is_swallowed_is_told_at_the_next_tick(tmp_path: Path) -> None:
    with bar(2, tmp_path / "ended") as tick:
        tick()
        Dying()
        with pytest.raises(KeyboardInterrupt):
            tick()
        signal.signal(signal.SIGTERM, Interrupt())
