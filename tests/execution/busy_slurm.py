"""A SLURM that is busy, forgetful or talkative, played by small programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lumirage_bids.execution.slurm import Watch
from lumirage_bids.execution.slurm_queue import POLL_S

# Answers as the files beside it say, each time with the next file answer-1, answer-2, … where there is one.
SBATCH = """#!/bin/bash
cd "$SLURM_HERE"
n=$(($(ls call-* 2>/dev/null | wc -l) + 1))
printf '%s\\n' "$@" > call-$n
env > environment
if [ -f answer-$n ]; then . ./answer-$n; else echo $n; fi
"""


SQUEUE = """#!/bin/bash
cd "$SLURM_HERE"
printf '%s\\n' "$@" > squeue-call
env > squeue-environment
if [ -f squeue-fails ]; then cat squeue-fails >&2; exit 1; fi
cat listing 2>/dev/null
exit 0
"""
SCANCEL = """#!/bin/bash
cd "$SLURM_HERE"
if [ -s scancel-fails ]; then
    echo "scancel: error: Unable to contact slurm controller" >&2
    sed -i 1d scancel-fails
    exit 1
fi
printf '%s\\n' "$@" >> "$SLURM_HERE/cancelled"
"""
TIMED_OUT = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
LIMIT = (
    "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy "
    "(job submit limit, user's size and/or time limits)"
)


class Slurm:
    """A SLURM of which everything is known."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def answer(self, call: int, *, says: str = "", complains: str = "", code: int = 0) -> None:
        """What `sbatch` says the next time but so many."""
        for name, text in (("says", says), ("complains", complains)):
            (self.folder / f"{name}-{call}").write_text(text)
        (self.folder / f"answer-{call}").write_text(f"cat says-{call}\ncat complains-{call} >&2\nexit {code}\n")

    def fail(self, call: int, complains: str) -> None:
        self.answer(call, complains=complains, code=1)

    def lists(self, *lines: str) -> None:
        (self.folder / "listing").write_text("".join(f"{line}\n" for line in lines))

    def forgets(self) -> None:
        (self.folder / "squeue-fails").write_text("slurm_load_jobs error: Unable to contact slurm controller")

    def recovers(self) -> None:
        (self.folder / "squeue-fails").unlink()

    @property
    def calls(self) -> int:
        return len(list(self.folder.glob("call-*")))

    def call(self, number: int) -> list[str]:
        return (self.folder / f"call-{number}").read_text().splitlines()

    @property
    def cancelled(self) -> set[int]:
        file = self.folder / "cancelled"
        return {int(number) for number in file.read_text().split()} if file.exists() else set()


def line(number: int, name: str, state: str = "RUNNING", restarts: int = 0) -> str:
    return f"{number:<12}{state:<20}{restarts:<12}{name:<200}"


class Clock:
    """Time that passes when it is told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


PAIR = SimpleNamespace(pair=SimpleNamespace(fixed=SimpleNamespace(name="sub-02")))
BATCH: Any = SimpleNamespace(arm=SimpleNamespace(label="greedy"), digest="0", tasks=(PAIR,))


Begin = Callable[..., Watch]


def look(watch: Watch, clock: Clock, seconds: float = POLL_S + 0.1) -> Any:
    clock.now += seconds
    return watch.look(1)


def name_of(watch: Watch) -> str:
    return watch.jobs[1].name
