"""Progress, on a terminal and in files, and interrupts that must not get lost on the way."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lumirage_bids.base.progress import Interrupt, Stage, show
from tests.terminal import COLUMNS, on_terminal

# Two stages that overlap; another process has something to say in the middle of each.
SCRIPT = """
import logging, multiprocessing, sys, time
from pathlib import Path
from lumirage_bids.base import progress
from lumirage_bids.base.logs import log_to, logging_to

folder = Path(sys.argv[1])

def speak(text):
    log_to(folder / "run.log", 0)
    logging.getLogger("lumirage").error(text)

if __name__ == "__main__":
    progress.DRAW_EVERY_S = progress.LINE_EVERY_S = 0.0
    spawn = multiprocessing.get_context("spawn")
    stages = [progress.Stage(what=what, total=3, counter=folder / what) for what in ("Scans", "Pairs")]
    empty = progress.Stage(what="Nothing", total=0, counter=folder / "nothing")
    with logging_to(folder / "run.log", 0), progress.show([stages[0], empty, stages[1]]) as tick:
        stages[1].counter.write_bytes(b".")
        for stage in stages:
            for _ in range(stage.total):
                with stage.counter.open("ab") as file:
                    file.write(b".")
                tick()
                speaker = spawn.Process(target=speak, args=(f"{stage.what} have a fault",))
                speaker.start()
                speaker.join()
                tick()
        logging.getLogger("lumirage").warning("still at work")
    with logging_to(folder / "run.log", 0):
        for _ in progress.track(range(2), "Pages"):
            time.sleep(0.01)
"""
SEEN = r"""(Scans have a fault
){2}Scans: 3 of 3 done in \d+ s
Scans have a fault
(Pairs have a fault
){1,2}Pairs: 3 of 3 done in \d+ s
(Pairs have a fault
)+still at work
Pages: 2 of 2 done in 0 s
"""


@pytest.fixture
def script(tmp_path: Path) -> list[str]:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    return [sys.executable, str(file), str(tmp_path)]


def test_messages_never_share_a_line_with_a_bar(script: list[str]) -> None:
    lines, states = on_terminal(script)
    assert re.fullmatch(SEEN, "\n".join(lines))
    bars = [state for state in states if state.startswith("[")]
    assert all(re.match(r"\[#*\.*\] (Scans|Pairs|Pages): \d of \d, \d+ s so far", bar) for bar in bars)
    assert {re.split(r"[:,]", bar)[1] for bar in bars if "Scans" in bar} >= {" 0 of 3", " 1 of 3", " 2 of 3"}
    assert not any("[" in line for line in lines)
    assert max(map(len, bars)) < COLUMNS


def test_where_there_is_no_terminal_lines_have_their_time(script: list[str]) -> None:
    done = subprocess.run(script, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w", line) for line in lines)
    told = [line[20:] for line in lines if line.endswith(("to do", "left", "so far", "s"))]
    assert [line.partition(",")[0] for line in told] == [
        *("Scans: 3 to do", "Scans: 1 of 3", "Scans: 2 of 3", "Scans: 3 of 3 done in " + told[3].split(" in ")[1]),
        *("Pairs: 3 to do", "Pairs: 1 of 3", "Pairs: 2 of 3", "Pairs: 3 of 3 done in " + told[7].split(" in ")[1]),
        *("Pages: 2 to do", "Pages: 1 of 2", "Pages: 2 of 2 done in 0 s"),
    ]


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
    with show([Stage(what="Pairs", total=2, counter=tmp_path / "ended")]) as tick:
        tick()
        Dying()
        with pytest.raises(KeyboardInterrupt):
            tick()
        signal.signal(signal.SIGTERM, Interrupt())
