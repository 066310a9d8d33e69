"""Nipype's MultiProc with a process of its own for every node.

Nipype 1.11 keeps a pool of workers; when the kernel kills one, the pool breaks, its callback raises, and the loop waits
for ever for every batch in flight. Here a node's process is its own: when it dies, only that node is concerned, it is
known which pair it was at, and the node goes on with the next pair in a new process.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from nipype.pipeline.plugins.multiproc import MultiProcPlugin, run_node

from lumirage_bids.interfaces import Progress, Register
from lumirage_bids.logs import log_to, quieten

logger = logging.getLogger("lumirage")


@dataclass
class _Job:
    node: Any
    process: Any
    pipe: Connection
    deaths_without_pair: int = 0
    result: dict[str, Any] | None = field(default=None)


def _work(pipe: Connection, node: Any, taskid: int, log_file: str | None, verbose: int) -> None:
    # The parent decides what an interrupt means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    quieten(verbose)
    if log_file is not None:
        log_to(Path(log_file), verbose)
    result = run_node(node, False, taskid)
    pipe.send({"taskid": taskid, "traceback": result["traceback"], "result": None})
    pipe.close()


def _end_with_parent(parent: int) -> None:
    """End this process when the program is gone: the server it was forked from then ends, and its parent changes."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


class ProcessPerNodePlugin(MultiProcPlugin):  # type: ignore[misc]
    """Run each node in a process of its own; a process that dies or is too slow costs one pair.

    Further plugin arguments: ``pair_timeout`` (seconds or None), ``tick`` (called at every turn of the loop),
    ``log_file`` and ``verbose`` (of the processes).
    """

    def __init__(self, plugin_args: dict[str, Any] | None = None) -> None:
        super().__init__(plugin_args=plugin_args)
        self.pool.shutdown()
        # A fork of a small server that has loaded the libraries: quick to start, and safe with CUDA and threads.
        self.spawn = multiprocessing.get_context("forkserver")
        self.spawn.set_forkserver_preload(["lumirage_bids.workflows.preload"])
        self.log = (self.plugin_args.get("log_file"), self.plugin_args.get("verbose", 0))
        self.timeout: float | None = self.plugin_args.get("pair_timeout")
        self.tick: Callable[[], None] = self.plugin_args.get("tick", lambda: None)

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        self._taskid += 1
        self._task_obj[self._taskid] = self._start(node)
        return int(self._taskid)

    def _start(self, node: Any, deaths: int = 0) -> _Job:
        receive, send = self.spawn.Pipe(duplex=False)
        process = self.spawn.Process(target=_work, args=(send, node, self._taskid, *self.log), daemon=False)
        process.start()
        send.close()
        return _Job(node=node, process=process, pipe=receive, deaths_without_pair=deaths)

    def _get_result(self, taskid: int) -> dict[str, Any] | None:
        self.tick()
        job: _Job = self._task_obj[taskid]
        if job.pipe.poll():
            try:
                result: dict[str, Any] = job.pipe.recv()
            except EOFError:
                return self._died(taskid, job)
            job.process.join()
            if result["traceback"]:
                logger.error("%s: %s", job.node.name, result["traceback"][-1].strip())
            return result
        if not job.process.is_alive():
            return self._died(taskid, job)
        if self.timeout is not None:
            self._stop_if_late(taskid, job, self.timeout)
        return None

    def _died(self, taskid: int, job: _Job) -> dict[str, Any] | None:
        job.process.join()
        reason = death(job.process.exitcode)
        logger.error("The process of %s died: %s", job.node.name, reason)
        return self._go_on(taskid, job, reason)

    def _stop_if_late(self, taskid: int, job: _Job, limit: float) -> None:
        current = _progress(job.node).current() if isinstance(job.node.interface, Register) else None
        if current is not None and current[1] > limit:
            job.process.kill()
            job.process.join()
            self._go_on(taskid, job, f"timed out after {limit:g} s")

    def _go_on(self, taskid: int, job: _Job, reason: str) -> dict[str, Any] | None:
        """Note the failure of the pair under way and go on with the rest; give up after two other deaths."""
        from lumirage_bids.preparing import note_failure
        from lumirage_bids.registering import Rows

        if not isinstance(job.node.interface, Register):
            note_failure(job.node.inputs.job, Path(job.node.inputs.out_dir), reason)
            return {"taskid": taskid, "traceback": None, "result": None}

        progress = _progress(job.node)
        rows = Rows(progress.batch, Path(job.node.inputs.out_dir))
        current = progress.current()
        deaths = 0 if current else job.deaths_without_pair + 1
        if deaths < 2:
            failed = [current[0]] if current else []
        else:
            failed = [t for t in progress.batch.tasks if not rows.finished(t)]
        for task in failed:
            rows.fail(task, reason)
            progress.started(None)
        if deaths >= 2:
            return {"taskid": taskid, "traceback": None, "result": None}
        self._task_obj[taskid] = self._start(job.node, deaths)
        return None

    def _clear_task(self, taskid: int) -> None:
        self._task_obj.pop(taskid).pipe.close()

    def _postrun_check(self) -> None:
        self.stop()

    def stop(self) -> None:
        """End every process that is still at work."""
        for job in self._task_obj.values():
            job.process.kill()
            job.process.join()


def _progress(node: Any) -> Progress:
    return Progress(Path(node.inputs.progress_dir), node.inputs.job)


def death(exitcode: int | None) -> str:
    """How a process ended, in words.

    Examples
    --------
    >>> death(-9)
    'killed by SIGKILL (out of memory?)'
    """
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return f"killed: the process ended with code {exitcode}"
