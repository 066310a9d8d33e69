"""Nodes as jobs of SLURM: Nipype's plugin, made to see jobs that die and to cancel what nobody waits for.

A job is submitted when what it needs is done. One that ends before its node did costs the pair it was at, and the rest
goes on in a new job.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nipype.pipeline.plugins.slurm import SLURMPlugin

from lumirage_bids.base.failures import Failure
from lumirage_bids.execution.nodes import outcome
from lumirage_bids.execution.recovery import read_note, recover, too_late
from lumirage_bids.execution.slurm_queue import Job, Listed, Queue

logger = logging.getLogger("lumirage")

PATIENCE_S = 30.0  # until what a job wrote must be seen here: network file systems take their time


class Watch:
    """Looks after jobs until their nodes are done.

    Parameters
    ----------
    arguments : dict
        Of the plugin: ``pair_timeout`` (seconds or None) and ``tick`` (called at every look).
    queue : Queue
        Where the jobs are submitted.

    Attributes
    ----------
    jobs : dict
        Those that are not done, by task: a node stays one task, whatever number of jobs it takes.
    """

    def __init__(self, arguments: dict[str, Any], queue: Queue) -> None:
        self.timeout: float | None = arguments.get("pair_timeout")
        self.tick: Callable[[], None] = arguments.get("tick", lambda: None)
        self.queue = queue
        self.jobs: dict[int, Job] = {}
        self._count = itertools.count(1)

    def begin(self, node: Any, script: Path) -> int:
        """Submit the script of a node; the node's task."""
        task = next(self._count)
        self._submit(task, Job(node=node, name=self.queue.new_name(node), script=script))
        return task

    def look(self, task: int) -> dict[str, Any] | None:
        """Result of a task as Nipype wants it; None while it goes on."""
        self.tick()
        if self.queue.refresh():
            self._cancel_strays()
        job = self.jobs[task]
        if job.number is None:
            # It may have been taken without our hearing of it, and have ended already.
            error = outcome(job.node) if job.tried else None
            if error is not None:
                return self._how_it_ended(task, error)
            self._submit(task, job)
            return None
        listed = self.queue.listed.get(job.number)
        if listed is not None:
            job.gone_since = None
            if self.timeout is not None and self._seconds(job, listed) > self.timeout:
                self.queue.cancel([job.number])
                return self._go_on(task, job, too_late(self.timeout))
            return None
        error = outcome(job.node)
        return self._why_it_died(task, job) if error is None else self._how_it_ended(task, error)

    def stop(self) -> None:
        """End every job that is still queued or at work, also one that SLURM took without our hearing of it."""
        if self.jobs:
            self.queue.ask()
            self.queue.cancel_for_good(self._numbers() | self.queue.list_own())

    def _submit(self, task: int, job: Job) -> None:
        self.jobs[task] = job  # before it is submitted: it is cancelled whenever an interrupt comes
        self.queue.submit(job)

    def _numbers(self) -> set[int]:
        return {job.number for job in self.jobs.values() if job.number is not None}

    def _cancel_strays(self) -> None:
        """End jobs of the run that nobody waits for: taken after all, or listed again after others took their place."""
        awaited = {job.name for job in self.jobs.values() if job.number is None}
        strays = {n for n in self.queue.list_own() - self._numbers() if self.queue.listed[n].name not in awaited}
        self.queue.cancel(strays)

    def _seconds(self, job: Job, listed: Listed) -> float:
        """How long a job has been at its pair while it ran, by the clock of this machine alone.

        A job that SLURM requeues waits, and its note is one of the run before until it begins a pair again.
        """
        if job.seen != self.queue.answered:
            before, job.seen = job.seen, self.queue.answered
            note = read_note(job.node)
            if note is None or note != job.note:
                job.note, job.spent = note, 0.0
            elif listed.state == "RUNNING" and listed.restarts == note["restarts"]:
                job.spent += job.seen - before
        return job.spent

    def _how_it_ended(self, task: int, error: str) -> dict[str, Any]:
        del self.jobs[task]
        return {"result": None, "traceback": [error] if error else None}

    def _why_it_died(self, task: int, job: Job) -> dict[str, Any] | None:
        job.gone_since = job.gone_since or time.monotonic()
        if time.monotonic() - job.gone_since < PATIENCE_S:
            return None
        said = job.output.read_text("utf-8", errors="replace").strip() if job.output.exists() else ""
        last = f": {said.splitlines()[-1]}" if said else ""
        logger.error("SLURM's job %d (%s) ended before its work was done%s", job.number, job.node.name, last)
        return self._go_on(
            task, job, Failure("killed", f"killed: SLURM's job {job.number} ended before its work was done{last}")
        )

    def _go_on(self, task: int, job: Job, why: Failure) -> dict[str, Any] | None:
        deaths = recover(job.node, why, job.deaths)
        if deaths is None:
            return self._how_it_ended(task, "")
        name = self.queue.new_name(job.node)
        self._submit(task, Job(node=job.node, name=name, script=job.script, deaths=deaths))
        return None


class JobPerNodePlugin(SLURMPlugin):  # type: ignore[misc]
    """Nipype's SLURM; its plugin arguments ``sbatch_args``, ``template`` and ``max_jobs``."""

    def __init__(self, plugin_args: dict[str, Any]) -> None:
        super().__init__(plugin_args=plugin_args)
        self.watch = Watch(plugin_args, Queue(self._sbatch_args or ""))

    def _submit_batchtask(self, scriptfile: str, node: Any) -> int:
        return self.watch.begin(node, Path(scriptfile))

    def _get_result(self, taskid: int) -> dict[str, Any] | None:
        return self.watch.look(taskid)

    def _clear_task(self, taskid: int) -> None:
        """Nothing is kept of a task that has ended."""

    def _report_crash(self, node: Any, result: dict[str, Any] | None = None) -> str:
        """No crash file: the error is in the log, and on a full disk Nipype fails over writing one."""
        return str(node.name)

    def stop(self) -> None:
        """End every job that is still queued or at work."""
        self.watch.stop()
