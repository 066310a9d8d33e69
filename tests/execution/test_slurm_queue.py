"""A SLURM that is busy, forgetful or talkative, played by small programs; end_to_end/test_slurm.py has a real one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lumirage_bids.execution import slurm_queue
from lumirage_bids.execution.slurm import Watch
from lumirage_bids.execution.slurm_queue import CANCELLATIONS, Queue, interrupts_later
from tests.conftest import in_the_foreground
from tests.execution.busy_slurm import LIMIT, TIMED_OUT, Begin, Clock, Slurm, line, look, name_of


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(slurm_queue.logger, "warning", lambda form, *more: said.append(form % more))
    return said


# Submitting


@pytest.mark.parametrize(
    "said",
    [
        TIMED_OUT,
        "sbatch: error: Batch job submission failed: Resource temporarily unavailable",
        "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
        LIMIT,
        f"sbatch: error: AssocMaxSubmitJobLimit\n{LIMIT}",
        f"sbatch: error: QOSMaxSubmitJobPerUserLimit\n{LIMIT}",
    ],
)
def test_a_job_that_is_refused_for_now_is_submitted_again(
    said: str, begin: Begin, cluster: Slurm, clock: Clock, warnings: list[str]
) -> None:
    for call in (1, 2, 3):
        cluster.fail(call, said)
    watch = begin()
    numbers = []
    for _ in range(20):
        assert look(watch, clock, 1) is None
        numbers.append(cluster.calls)
    assert cluster.calls == 4
    assert numbers.count(1) < numbers.count(2) < numbers.count(3)  # the pauses grow
    assert watch.jobs[1].number == 4
    assert len(warnings) == 1
    assert said.splitlines()[-1] in warnings[0]


@pytest.mark.parametrize(
    "said",
    [
        "sbatch: error: invalid partition specified: nope\nsbatch: error: Batch job submission failed: Invalid",
        "sbatch: unrecognized option '--nonsense'\nTry \"sbatch --help\" for more information",
        f"sbatch: error: QOSMaxWallDurationPerJobLimit\n{LIMIT}",
    ],
)
def test_a_job_that_is_refused_for_good_ends_the_run_with_the_words_of_slurm(
    said: str, begin: Begin, cluster: Slurm
) -> None:
    cluster.fail(1, said)
    with pytest.raises(RuntimeError) as error:
        begin()
    assert str(error.value) == "sbatch refused a job: " + said.replace("\n", "; ")
    assert cluster.calls == 1


def test_trying_again_ends_when_nothing_is_left_to_wait_for(
    begin: Begin, cluster: Slurm, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_queue, "GIVE_UP_S", 600.0)
    for call in range(1, 100):
        cluster.fail(call, TIMED_OUT)
    watch = begin()
    began = clock.now

    def wait(seconds: float) -> None:
        end = clock.now + seconds
        while clock.now < end:
            look(watch, clock, 61)

    cluster.lists(line(7, watch.queue.new_name(watch.jobs[1].node)))  # another job of the run, which may make room
    wait(800)
    cluster.lists()
    with pytest.raises(RuntimeError, match=r"taken no job for 10 min: .*Socket timed out"):
        wait(200)
    assert clock.now - began > 800


def test_a_job_that_was_taken_without_an_answer_is_found(begin: Begin, cluster: Slurm, clock: Clock) -> None:
    cluster.fail(1, TIMED_OUT)
    watch = begin()
    cluster.forgets()
    for _ in range(5):
        look(watch, clock)
    assert cluster.calls == 1  # not again before it is known whether it is there
    cluster.recovers()
    cluster.lists(line(5, "other"), line(77, name_of(watch)))
    look(watch, clock, 60)
    assert watch.jobs[1].number == 77
    assert cluster.calls == 1
    watch.stop()
    assert cluster.cancelled == {77}


def test_a_job_that_was_taken_without_an_answer_and_has_ended_is_not_done_again(
    begin: Begin, cluster: Slurm, clock: Clock, node: Any
) -> None:
    cluster.fail(1, TIMED_OUT)
    watch = begin()
    Path(node.inputs.ended_file).write_text("")
    assert look(watch, clock) == {"result": None, "traceback": None}
    assert cluster.calls == 1


def test_a_job_that_turns_up_late_is_cancelled(begin: Begin, cluster: Slurm, clock: Clock) -> None:
    cluster.fail(1, TIMED_OUT)
    watch = begin()
    look(watch, clock)
    assert watch.jobs[1].number == 2
    cluster.lists(line(2, name_of(watch)), line(1, name_of(watch), "PENDING"), line(5, "other"))
    look(watch, clock)
    assert cluster.cancelled == {1}


def test_a_job_that_was_taken_without_an_answer_is_cancelled_in_the_end(begin: Begin, cluster: Slurm) -> None:
    cluster.fail(1, TIMED_OUT)
    watch = begin()
    cluster.lists(line(77, name_of(watch)), line(5, "lumirage-register_0-00000000-1"))
    watch.stop()
    assert cluster.cancelled == {77}


@pytest.mark.parametrize(("failures", "cancelled"), [(CANCELLATIONS - 1, {1}), (CANCELLATIONS, set())])
def test_jobs_are_cancelled_also_when_slurm_is_busy(
    failures: int, cancelled: set[int], begin: Begin, cluster: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(slurm_queue.logger, "error", lambda form, *more: said.append(form % more))
    watch = begin()
    (cluster.folder / "scancel-fails").write_text("once more\n" * failures)
    watch.stop()
    assert cluster.cancelled == cancelled
    assert [text.endswith("To end them: scancel 1") for text in said] == ([] if cancelled else [True])


@pytest.mark.parametrize("answer", ["12\n", "12;north\n", "*** Cluster 9 ***\n12;north\nSee you in 3 days\n"])
def test_the_number_is_found_in_the_answer(answer: str, begin: Begin, cluster: Slurm) -> None:
    cluster.answer(1, says=answer)
    assert begin().jobs[1].number == 12


def test_an_answer_without_number_is_told_and_its_job_is_cancelled(begin: Begin, cluster: Slurm, node: Any) -> None:
    cluster.answer(1, says="Welcome\n")
    watch = Watch({}, Queue(""))
    with pytest.raises(RuntimeError, match="gave no number for a job, only: 'Welcome'"):
        watch.begin(node, cluster.folder / "script.sh")
    cluster.lists(line(3, name_of(watch)))
    watch.stop()
    assert cluster.cancelled == {3}


def test_a_job_without_number_is_found_by_its_name(cluster: Slurm, node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.answer(1, says="Welcome\n")
    watch = Watch({}, Queue(""))
    monkeypatch.setattr(watch.queue, "new_name", lambda _: "lumirage-x")
    cluster.lists(line(3, "lumirage-x"))
    watch.begin(node, cluster.folder / "script.sh")
    assert watch.jobs[1].number == 3


def test_what_the_user_has_set_for_squeue_is_not_for_the_program(
    begin: Begin, cluster: Slurm, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUEUE_FORMAT", "%j")
    monkeypatch.setenv("SBATCH_ACCOUNT", "mine")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "3")
    look(begin(), clock)
    assert "SQUEUE" not in (cluster.folder / "squeue-environment").read_text()
    assert "--all" in (cluster.folder / "squeue-call").read_text().splitlines()
    environment = (cluster.folder / "environment").read_text()
    assert "SBATCH_ACCOUNT=mine" in environment
    assert "SLURM_RESTART_COUNT" not in environment
    assert [word for word in cluster.call(1) if "job-name" in word][-1].startswith("--job-name=lumirage-register_0-")


# Interrupts


@pytest.fixture
def signals() -> Iterator[None]:
    with in_the_foreground():
        yield


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_waits_for_the_note(number: signal.Signals) -> None:
    noted = []

    def submit() -> None:
        with interrupts_later():
            os.kill(os.getpid(), number)
            time.sleep(0.01)
            noted.append(1)

    with pytest.raises(KeyboardInterrupt):
        submit()
    assert noted == [1]


@pytest.mark.usefixtures("signals")
def test_a_signal_that_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupts_later():
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.01)
