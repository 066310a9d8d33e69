"""A SLURM that is busy, forgetful or talkative, played by small programs; end_to_end/test_slurm.py has a real one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lumirage_bids.base.failures import Failure
from lumirage_bids.execution import slurm, slurm_queue
from lumirage_bids.execution.nodes import Progress, Register
from lumirage_bids.execution.slurm import Watch
from lumirage_bids.execution.slurm_queue import CANCELLATIONS, POLL_S, Queue, interrupts_later
from tests.conftest import in_the_foreground

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


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    programs, folder = tmp_path / "bin", tmp_path / "slurm"
    for each in (programs, folder):
        each.mkdir()
    for name, text in (("sbatch", SBATCH), ("squeue", SQUEUE), ("scancel", SCANCEL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_HERE", str(folder))
    return Slurm(folder)


class Clock:
    """Time that passes when it is told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (slurm, slurm_queue):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(slurm_queue.logger, "warning", lambda form, *more: said.append(form % more))
    return said


PAIR = SimpleNamespace(pair=SimpleNamespace(fixed=SimpleNamespace(name="sub-02")))
BATCH: Any = SimpleNamespace(arm=SimpleNamespace(label="greedy"), digest="0", tasks=(PAIR,))


@pytest.fixture
def node(tmp_path: Path) -> Any:
    """A batch of one pair."""
    inputs = SimpleNamespace(job=BATCH, progress_dir=str(tmp_path), ended_file=str(tmp_path / "ended"))
    return SimpleNamespace(name="register_0", interface=Register(), inputs=inputs)


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why pairs were given up; what follows from that is tested elsewhere."""
    reasons: list[str] = []

    def recover(node: Any, why: Failure, deaths: int) -> int:
        reasons.append(why.reason)
        return deaths

    monkeypatch.setattr(slurm, "recover", recover)
    return reasons


Begin = Callable[..., Watch]


@pytest.fixture
def begin(cluster: Slurm, clock: Clock, node: Any, tmp_path: Path) -> Begin:
    def begin(**arguments: Any) -> Watch:
        watch = Watch(arguments, Queue("--mem=1 --job-name=mine"))
        watch.begin(node, tmp_path / "script.sh")
        return watch

    return begin


def look(watch: Watch, clock: Clock, seconds: float = POLL_S + 0.1) -> Any:
    clock.now += seconds
    return watch.look(1)


def name_of(watch: Watch) -> str:
    return watch.jobs[1].name


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


# Pairs that take too long


@pytest.fixture
def at_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Note that a job begins with the pair, in its run of that number; by a clock that is a day behind."""
    monkeypatch.setattr(time, "time", lambda: 1e9)

    def at_pair(restarts: int) -> None:
        # As SLURM has it: nothing in a job's first run.
        monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))
        if not restarts:
            monkeypatch.delenv("SLURM_RESTART_COUNT")
        Progress(tmp_path, BATCH).started(PAIR)  # type: ignore[arg-type]

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


# Jobs that are gone


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
