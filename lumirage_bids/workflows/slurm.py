"""Nodes as jobs of SLURM: Nipype's two plugins, made to see jobs that die and to cancel what nobody waits for.

`JobPerNodePlugin` submits a job when what it needs is done; `JobGraphPlugin` submits all at once and leaves the order
to SLURM. Either way a job that ends before its node did costs the pair it was at, and the rest goes on in a new job.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nipype.pipeline.plugins.slurm import SLURMPlugin
from nipype.pipeline.plugins.slurmgraph import SLURMGraphPlugin

from lumirage_bids.interfaces import outcome
from lumirage_bids.workflows.recovery import is_late, late, recover

logger = logging.getLogger("lumirage")

POLL_S = 3.0  # between two questions to the controller, whatever the number of jobs
PATIENCE_S = 30.0  # until what a job wrote must be seen here: network file systems take their time


@contextmanager
def interrupts_later() -> Iterator[None]:
    """Have interrupts wait for the end of the block: a job that is submitted but not noted would never be cancelled."""
    came: list[int] = []
    kinds = (signal.SIGINT, signal.SIGTERM)
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
    """A node and the job that does it now."""

    node: Any
    number: int
    output: Path
    deaths: int = 0
    gone_since: float | None = None


class Queue:
    """What the controller lists of the user's jobs."""

    def __init__(self) -> None:
        self._listed: set[int] = set()
        self._asked = float("-inf")

    def __contains__(self, number: int) -> bool:
        if time.monotonic() - self._asked > POLL_S:
            self._ask()
        return number in self._listed

    def _ask(self) -> None:
        command = ["squeue", f"--user={os.getuid()}", "--noheader", "--format=%A"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:  # the controller is busy or restarts: nothing is known to have changed
            logger.warning("squeue: %s", done.stderr.strip())
        else:
            self._listed = {int(number) for number in done.stdout.split()}
        self._asked = time.monotonic()

    def submit(self, node: Any, script: Path, arguments: str, after: Sequence[int] = ()) -> Job:
        """Submit the script of a node, to begin when the jobs `after` have ended."""
        output = script.with_suffix(".out")
        command = ["sbatch", "--parsable", f"--job-name=lumirage-{node.name}", f"--output={output}"]
        command += shlex.split(arguments)
        command += [f"--dependency=afterany:{':'.join(map(str, after))}"] if after else []
        # A session of its own: Ctrl-C, which reaches every process of a terminal, does not cut it short.
        done = subprocess.run(
            [*command, str(script)], capture_output=True, text=True, check=False, start_new_session=True
        )
        if done.returncode:
            raise RuntimeError(f"sbatch refused a job: {done.stderr.strip()}")
        number = int(done.stdout.split(";")[0])
        self._listed.add(number)
        return Job(node=node, number=number, output=output)

    def cancel(self, jobs: Sequence[Job]) -> None:
        """Have jobs ended that nobody waits for any more."""
        if jobs:
            subprocess.run(["scancel", *(str(job.number) for job in jobs)], capture_output=True, check=False)


class Watch:
    """Looks after jobs until their nodes are done.

    Parameters
    ----------
    arguments : dict
        Of the plugin: ``pair_timeout`` (seconds or None) and ``tick`` (called at every look).
    submit : callable
        Submits the job of a node again.
    """

    def __init__(self, arguments: dict[str, Any], queue: Queue, submit: Callable[[Any], Job]) -> None:
        self.timeout: float | None = arguments.get("pair_timeout")
        self.tick: Callable[[], None] = arguments.get("tick", lambda: None)
        self.queue, self.submit = queue, submit
        self.jobs: dict[int, Job] = {}

    def look(self, task: int) -> dict[str, Any] | None:
        """Result of a task as Nipype wants it; None while it goes on."""
        self.tick()
        job = self.jobs[task]
        if job.number in self.queue:
            if self.timeout is not None and is_late(job.node, self.timeout):
                self.queue.cancel([job])
                return self._go_on(task, job, late(self.timeout))
            return None
        error = outcome(job.node)
        if error is None:
            return self._died(task, job)
        del self.jobs[task]
        return {"result": None, "traceback": [error] if error else None}

    def _died(self, task: int, job: Job) -> dict[str, Any] | None:
        job.gone_since = job.gone_since or time.monotonic()
        if time.monotonic() - job.gone_since < PATIENCE_S:
            return None
        said = job.output.read_text("utf-8", errors="replace").strip() if job.output.exists() else ""
        last = f": {said.splitlines()[-1]}" if said else ""
        logger.error("SLURM's job %d (%s) ended before its work was done%s", job.number, job.node.name, last)
        return self._go_on(task, job, f"killed: SLURM's job {job.number} ended before its work was done{last}")

    def _go_on(self, task: int, job: Job, reason: str) -> dict[str, Any] | None:
        deaths = recover(job.node, reason, job.deaths)
        if deaths is None:
            del self.jobs[task]
            return {"result": None, "traceback": None}
        with interrupts_later():
            self.jobs[task] = self.submit(job.node)
        self.jobs[task].deaths = deaths
        return None

    def stop(self) -> None:
        """End every job that is still queued or at work."""
        self.queue.cancel(list(self.jobs.values()))


class JobPerNodePlugin(SLURMPlugin):  # type: ignore[misc]
    """Nipype's SLURM; its plugin arguments ``sbatch_args``, ``template`` and ``max_jobs``."""

    def __init__(self, plugin_args: dict[str, Any]) -> None:
        super().__init__(plugin_args=plugin_args)
        self.queue = Queue()
        self.watch = Watch(plugin_args, self.queue, self._submit)

    def _submit(self, node: Any) -> Job:
        job: Job = super()._submit_job(node)
        return job

    def _submit_batchtask(self, scriptfile: str, node: Any) -> Job:
        return self.queue.submit(node, Path(scriptfile), self._sbatch_args or "")

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        with interrupts_later():
            job = self._submit(node)
            self.watch.jobs[job.number] = job
        return job.number

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


class JobGraphPlugin(SLURMGraphPlugin):  # type: ignore[misc]
    """Nipype's SLURMGraph, which waits for its jobs; its plugin arguments ``sbatch_args`` and ``template``."""

    def __init__(self, plugin_args: dict[str, Any]) -> None:
        super().__init__(plugin_args=plugin_args)
        self.scripts: dict[str, Path] = {}
        self.queue = Queue()
        self.watch = Watch(plugin_args, self.queue, self._submit)

    def _submit(self, node: Any, after: Sequence[int] = ()) -> Job:
        return self.queue.submit(node, self.scripts[node.name], self._sbatch_args, after)

    def _submit_graph(self, pyfiles: list[str], dependencies: dict[int, list[int]], nodes: list[Any]) -> None:
        jobs = self.watch.jobs
        numbers: list[int] = []
        for i, (file, node) in enumerate(zip(pyfiles, nodes, strict=True)):
            (template,) = self._get_args(node, ["template"])
            script = Path(file).with_suffix(".sh")
            script.write_text(f"{template.rstrip()}\n{shlex.join([sys.executable, file])}\n", "utf-8")
            self.scripts[node.name] = script
            with interrupts_later():
                job = self._submit(node, [numbers[j] for j in dependencies[i]])
                jobs[job.number] = job
            numbers.append(job.number)
        errors: list[str] = []
        while jobs:
            time.sleep(POLL_S)
            results = [self.watch.look(task) for task in list(jobs)]
            errors += [error for result in results if result for error in result["traceback"] or ()]
        if errors:
            raise RuntimeError(errors[0])

    def stop(self) -> None:
        """End every job that is still queued or at work."""
        self.watch.stop()
