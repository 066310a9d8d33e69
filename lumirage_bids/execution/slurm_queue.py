"""What SLURM is asked: to list jobs, to take them, also when it is busy, and to end them."""

from __future__ import annotations

import itertools
import logging
import os
import re
import secrets
import shlex
import signal
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lumirage_bids.base.progress import ENDING

logger = logging.getLogger("lumirage")

POLL_S = 3.0  # between two questions to the controller, whatever the number of jobs
PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0  # after a submission that failed for now; each is twice the one before
GIVE_UP_S = 3600.0  # of such failures, when no job of the run is left that may make room for another
CANCELLATIONS = 5  # tries of the last one
WARN_S = 300.0  # between two messages about the same trouble
FOR_NOW = re.compile(
    "timed out|temporarily|try again|unable to contact|not responding|communication|message (send|receive) failure"
    "|zero bytes|connection (refused|reset)|standby|authentication error|job submit limit",
    re.IGNORECASE,
)
"""SLURM's words for what passes: a controller that is busy or away, and as many jobs as one may have at once."""
FOR_GOOD = re.compile(r"\b(QOS|Assoc)(?!\w*Submit)\w*Limit\b")
"""The names of the other limits, which it gives before that same sentence of a `job submit limit`."""
LISTED = re.compile(r"(\d+) +(\S+) +(\d+) +(\S*) *")


@contextmanager
def interrupts_later() -> Iterator[None]:
    """Have interrupts wait for the end of the block: a job that is submitted but not noted would never be cancelled."""
    came: list[int] = []
    kinds = [kind for kind in ENDING if signal.getsignal(kind) != signal.SIG_IGN]  # as `nohup` has it
    handlers = [signal.signal(kind, lambda number, _: came.append(number)) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, handlers, strict=True):
            signal.signal(kind, handler)
        if came:
            raise KeyboardInterrupt


@dataclass
class Job:
    """A node and the job that does it now.

    Attributes
    ----------
    name : str
        Of the job; no other has it.
    script : Path
        What is submitted.
    number : int or None
        SLURM's; None until SLURM has taken the job.
    tried : bool
        Whether it has been submitted, with or without success.
    deaths : int
        How often in a row the node has died without being at a pair.
    gone_since : float or None
        When it was first missing from the list.
    note, seen, spent
        What the node has noted of its pair, the list by which that was looked at last, and how long the pair has
        taken until then, s.
    """

    node: Any
    name: str
    script: Path
    number: int | None = None
    tried: bool = False
    deaths: int = 0
    gone_since: float | None = None
    note: dict[str, Any] | None = None
    seen: float = 0.0
    spent: float = 0.0

    @property
    def output(self) -> Path:
        """Where it is written what the job says."""
        return self.script.with_suffix(".out")


class Listed(NamedTuple):
    """A line of the controller's list: what a job is at, how often it has been requeued, its name."""

    state: str
    restarts: str
    name: str


class Queue:
    """What the controller lists of the user's jobs, and what it is asked to do for one run.

    Parameters
    ----------
    arguments : str
        Further ones of ``sbatch``.

    Attributes
    ----------
    listed : dict
        Jobs by number, as of the last answer.
    answered : float
        When that came, by the clock of `time.monotonic`; at first, when the run began.
    """

    def __init__(self, arguments: str) -> None:
        self.arguments = shlex.split(arguments)
        self.listed: dict[int, Listed] = {}
        self.answered = time.monotonic()
        self._asked = self._not_before = float("-inf")
        self._mark = f"-{secrets.token_hex(4)}-"  # in the names of this run's jobs
        self._count = itertools.count(1)
        self._pause = PAUSE_S
        self._failing_since: float | None = None
        self._warned: dict[str, float] = {}

    def new_name(self, node: Any) -> str:
        """A name for a job that no other job has."""
        return f"lumirage-{node.name}{self._mark}{next(self._count)}"

    def list_own(self) -> set[int]:
        """The run's jobs that wait or are at work."""
        return {n for n, job in self.listed.items() if self._mark in job.name and job.state != "COMPLETING"}

    def refresh(self) -> bool:
        """Ask the controller if the last time is a while ago; whether it has answered."""
        return time.monotonic() - self._asked > POLL_S and self.ask()

    def ask(self) -> bool:
        """Ask the controller for the list; False when it is busy or restarts, and nothing is known to have changed."""
        done = query()
        self._asked = time.monotonic()
        if done.returncode:
            self._warn("squeue", f"squeue: {one_line(done.stderr)}")
            return False
        lines = filter(None, map(LISTED.fullmatch, done.stdout.splitlines()))
        self.listed = {int(number): Listed(*more) for number, *more in (line.groups() for line in lines)}
        self.answered = self._asked
        return True

    def submit(self, job: Job) -> None:
        """Submit a job; it has no number then if it is to be tried again.

        Raises
        ------
        RuntimeError
            SLURM does not take it, or has taken none for long.
        """
        if time.monotonic() < self._not_before:
            return
        if job.tried and not self.ask():
            why = "squeue gives no answer"
        else:
            job.number = self._number(job.name)  # taken the last time without our hearing of it
            why = "" if job.number is not None else self._try(job)
        if job.number is None:
            self._put_off(why)
        else:
            self._pause, self._failing_since = PAUSE_S, None

    def _try(self, job: Job) -> str:
        """Run ``sbatch``; what it says."""
        job.tried = True
        command = ["sbatch", "--parsable", f"--output={job.output}", *self.arguments, f"--job-name={job.name}"]
        # A job inherits what is set here, and SLURM sets this only in those that were requeued. The variables SBATCH_…
        # stay: they are the user's wishes for all jobs.
        environment = {name: value for name, value in os.environ.items() if name != "SLURM_RESTART_COUNT"}
        with interrupts_later():
            # A session of its own: Ctrl-C, which reaches every process of a terminal, does not cut it short.
            done = _run([*command, str(job.script)], environment, start_new_session=True)
            job.number = number_in(done.stdout) if done.returncode == 0 else None
        said = one_line(done.stderr + done.stdout)
        if done.returncode == 0 and job.number is None and self.ask():
            job.number = self._number(job.name)
        if job.number is not None:
            self.listed.setdefault(job.number, Listed("PENDING", "0", job.name))
        elif done.returncode == 0:
            raise RuntimeError(f"sbatch gave no number for a job, only: {said!r}")
        elif not passes(said):
            raise RuntimeError(f"sbatch refused a job: {said}")
        return said

    def cancel(self, numbers: Collection[int]) -> bool:
        """Have jobs ended that nobody waits for any more; False when the controller is busy."""
        if not numbers:
            return True
        done = _run(["scancel", *map(str, sorted(numbers))], dict(os.environ))
        # That a job has ended meanwhile is an error to some versions.
        return done.returncode == 0 or not passes(done.stderr)

    def cancel_for_good(self, numbers: Collection[int]) -> None:
        """The same when nobody will look again: tried a few times, then it is said what is left to do."""
        for _ in range(CANCELLATIONS):
            if self.cancel(numbers):
                return
            time.sleep(PAUSE_S)
        jobs = " ".join(map(str, sorted(numbers)))
        logger.error("SLURM does not answer, so jobs may go on. To end them: scancel %s", jobs)

    def _number(self, name: str) -> int | None:
        return min((n for n, job in self.listed.items() if job.name == name), default=None)

    def _put_off(self, why: str) -> None:
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since > GIVE_UP_S and not self.list_own():
            raise RuntimeError(f"SLURM has taken no job for {GIVE_UP_S / 60:.0f} min: {why}")
        self._warn("sbatch", f"SLURM takes no job for now, it is tried again: {why}")
        self._not_before = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_S)

    def _warn(self, what: str, message: str) -> None:
        now = time.monotonic()
        if now - self._warned.get(what, float("-inf")) > WARN_S:
            logger.warning("%s", message)
            self._warned[what] = now


def query() -> subprocess.CompletedProcess[str]:
    """Have the controller list the user's jobs."""
    # All: a partition may be hidden. The user's settings are for the user's eyes.
    command = ["squeue", f"--user={os.getuid()}", "--all", "--noheader"]
    command += ["--Format=JobID:12,State:20,RestartCnt:12,Name:200"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SQUEUE_")}
    return _run(command, environment)


def _run(command: list[str], environment: dict[str, str], **more: Any) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, errors="replace", check=False, **more
        )
    except BlockingIOError as error:  # as many processes here as the user may have: it passes, too
        return subprocess.CompletedProcess(command, 1, "", f"{command[0]}: {error.strerror}")


def number_in(answer: str) -> int | None:
    r"""The job's number in an answer of ``sbatch --parsable``, among a site's own lines.

    Examples
    --------
    >>> number_in("Welcome to cluster 7\n123;here\n")
    123
    """
    numbers = re.findall(r"^(\d+)(?:;\S*)?$", answer, re.MULTILINE)
    return int(numbers[-1]) if numbers else None


def passes(said: str) -> bool:
    """Whether what ``sbatch`` says may be otherwise after a while.

    Examples
    --------
    >>> passes("Batch job submission failed: Socket timed out on send/recv operation")
    True
    >>> passes("Batch job submission failed: Invalid partition name specified")
    False
    """
    return FOR_NOW.search(said) is not None and FOR_GOOD.search(said) is None


def one_line(text: str) -> str:
    """A text's lines in one."""
    return "; ".join(filter(None, map(str.strip, text.splitlines())))
