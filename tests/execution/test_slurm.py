"""Jobs that take too long or are gone; end_to_end/test_slurm.py has a real SLURM."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lumirage_bids.base.failures import Failure
from lumirage_bids.execution import slurm
from lumirage_bids.execution.nodes import Progress
from tests.execution.busy_slurm import BATCH, PAIR, Begin, Clock, Slurm, line, look, name_of


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why pairs were given up; what follows from that is tested elsewhere."""
    reasons: list[str] = []

    def recover(node: Any, why: Failure, deaths: int) -> int:
        reasons.append(why.reason)
        return deaths

    monkeypatch.setattr(slurm, "recover", recover)
    return reasons


@pytest.fixture
def at_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Note that a job begins with the pair, in its run of that number; by a clock that is a day behind."""
    monkeypatch.setattr(time, "time", lambda: 1e9)

    def at_pair(restarts: int) -> None:
        # As SLURM has it: nothing in a job's first run.
        monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))
        if not restarts:
            monkeypatch.delenv("SLURM_RESTART_COUNT")
        Progress(tmp_path, BATCH).note_start(PAIR)  # type: ignore[arg-type]

    return at_pair


def test_a_pair_is_late_by_the_time_that_it_ran(
    begin: Begin, cluster: Slurm, clock: Clock, lost: list[str], at_pair: Callable[[int], None]
) -> None:
    watch = begin(pair_timeout=100.0)
    at_pair(0)
    cluster.lists(line(1, name_of(watch)))
    for _ in range(10):
        look(watch, clock, 10)
    cluster.lists(line(1, name_of(watch), "SUSPENDED"))
    look(watch, clock, 1000)
    cluster.lists(line(1, name_of(watch)))
    assert lost == []
    look(watch, clock, 10)
    look(watch, clock, 10)
    assert lost == ["timed out after 100 s"]
    assert cluster.cancelled == {1}
    assert watch.jobs[1].number == 2


def test_a_job_that_is_requeued_gets_the_time_again(
    begin: Begin, cluster: Slurm, clock: Clock, lost: list[str], at_pair: Callable[[int], None]
) -> None:
    watch = begin(pair_timeout=100.0)
    at_pair(0)
    for state, restarts, seconds in (
        ("RUNNING", 0, 90),
        ("COMPLETING", 1, 200),
        ("PENDING", 1, 2000),
        ("CONFIGURING", 1, 200),
        ("RUNNING", 1, 200),  # it still reads: the note is of the run before
    ):
        cluster.lists(line(1, name_of(watch), state, restarts))
        look(watch, clock)
        look(watch, clock, seconds)
    at_pair(1)
    for _ in range(10):
        look(watch, clock, 10)
    assert lost == []
    for _ in range(2):
        look(watch, clock, 10)
    assert lost == ["timed out after 100 s"]


@pytest.mark.parametrize(
    ("state", "restarts", "reasons"), [("PENDING", 1, []), ("RUNNING", 0, ["timed out after 100 s"])]
)
def test_time_without_answers_counts_when_the_job_turns_out_to_have_run(
    state: str,
    restarts: int,
    reasons: list[str],
    begin: Begin,
    cluster: Slurm,
    clock: Clock,
    lost: list[str],
    at_pair: Callable[[int], None],
) -> None:
    watch = begin(pair_timeout=100.0)
    at_pair(0)
    cluster.lists(line(1, name_of(watch)))
    look(watch, clock)
    cluster.forgets()
    look(watch, clock, 1000)
    assert lost == []
    cluster.recovers()
    cluster.lists(line(1, name_of(watch), state, restarts))
    look(watch, clock, 1000)
    assert lost == reasons


def test_no_time_counts_before_the_first_answer(
    begin: Begin, cluster: Slurm, clock: Clock, lost: list[str], at_pair: Callable[[int], None]
) -> None:
    watch = begin(pair_timeout=100.0)
    cluster.forgets()
    at_pair(0)
    look(watch, clock)
    cluster.recovers()
    cluster.lists(line(1, name_of(watch)))
    look(watch, clock)
    assert lost == []


def test_a_job_that_is_listed_again_was_not_gone(begin: Begin, cluster: Slurm, clock: Clock, lost: list[str]) -> None:
    watch = begin()
    for _ in range(3):  # twenty seconds each time, and more than thirty together
        cluster.lists()
        look(watch, clock)
        look(watch, clock, 20)
        cluster.lists("Maintenance on Sunday", line(1, name_of(watch)))
        look(watch, clock)
    assert lost == []
    cluster.lists()
    look(watch, clock)
    look(watch, clock, 31)
    assert [reason[:19] for reason in lost] == ["killed: SLURM's job"]
    assert watch.jobs[1].number == 2


def test_a_job_that_is_listed_again_after_another_took_its_place_is_cancelled(
    begin: Begin, cluster: Slurm, clock: Clock, lost: list[str]
) -> None:
    watch = begin()
    first = name_of(watch)
    look(watch, clock)
    look(watch, clock, 31)
    assert name_of(watch) != first
    cluster.lists(line(1, first), line(2, name_of(watch)))
    look(watch, clock)
    assert cluster.cancelled == {1}
    assert watch.jobs[1].number == 2
