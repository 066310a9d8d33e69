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
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any

from nipype.pipeline.plugins.multiproc import MultiProcPlugin, run_node

from lumirage_bids.base.failures import Failure
from lumirage_bids.base.logs import quieten
from lumirage_bids.execution.recovery import is_late, recover, too_late

logger = logging.getLogger("lumirage")

ATTEMPTS, PAUSE_S = 5, 1.0


@dataclass
class _Job:
    node: Any
    process: Any
    pipe: Connection
    device: str | None
    deaths: int = 0
    result: dict[str, Any] | None = field(default=None)


def _work(pipe: Connection, node: Any, taskid: int, verbose: int) -> None:
    # The parent decides what an interrupt means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    quieten(verbose)
    try:
        traceback = run_node(node, False, taskid)["traceback"]
    except Exception as error:  # Nipype's own, where it cannot write below the work folder
        traceback = [f"{type(error).__name__}: {error}"]
    with suppress(BrokenPipeError):  # given up for dead, when the server that it was forked from was killed
        pipe.send({"taskid": taskid, "traceback": traceback, "result": None})
    pipe.close()


def _end_with_parent(parent: int) -> None:
    """End this process when the program is gone: the server it was forked from then ends, and its parent changes."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


class ProcessPerNodePlugin(MultiProcPlugin):  # type: ignore[misc]
    """Run each node in a process of its own; a process that dies or is too slow costs one pair.

    Further plugin arguments: ``pair_timeout`` (seconds or None), ``tick`` (called at every turn of the loop),
    ``gpus`` (devices to share out among the processes) and ``verbose`` (of the processes).
    """

    def __init__(self, plugin_args: dict[str, Any] | None = None) -> None:
        super().__init__(plugin_args=plugin_args)
        self.pool.shutdown()
        # A fork of a small server that has loaded the libraries: quick to start, and safe with CUDA and threads.
        self.spawn = multiprocessing.get_context("forkserver")
        self.spawn.set_forkserver_preload(["lumirage_bids.execution.preload"])
        self.verbose: int = self.plugin_args.get("verbose", 0)
        self.gpus: tuple[str, ...] = self.plugin_args.get("gpus", ())
        self.timeout: float | None = self.plugin_args.get("pair_timeout")
        self.tick: Callable[[], None] = self.plugin_args.get("tick", lambda: None)

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        self._taskid += 1
        device = least_used(self.gpus, [job.device for job in self._task_obj.values()])
        self._task_obj[self._taskid] = self._start(node, device)
        return int(self._taskid)

    def _start(self, node: Any, device: str | None, deaths: int = 0) -> _Job:
        if device is not None:
            node.inputs.context = replace(node.inputs.context, device=device)
        receive, send = self.spawn.Pipe(duplex=False)
        for attempt in range(ATTEMPTS):
            process = self.spawn.Process(target=_work, args=(send, node, self._taskid, self.verbose), daemon=False)
            try:
                process.start()
                break
            except (EOFError, OSError) as error:
                # The server was killed under our hands; the next attempt starts another.
                if attempt + 1 == ATTEMPTS:
                    raise RuntimeError(f"no process can be started: {type(error).__name__} {error}") from error
                time.sleep(PAUSE_S)
        send.close()
        return _Job(node=node, process=process, pipe=receive, device=device, deaths=deaths)

    def _get_result(self, taskid: int) -> dict[str, Any] | None:
        self.tick()
        job: _Job = self._task_obj[taskid]
        if job.pipe.poll():
            try:
                result: dict[str, Any] = job.pipe.recv()
            except EOFError:
                return self._why_it_died(taskid, job)
            job.process.join()
            if result["traceback"]:
                logger.error("%s: %s", job.node.name, result["traceback"][-1].strip().splitlines()[-1].strip())
            return result
        if not job.process.is_alive():
            return self._why_it_died(taskid, job)
        if self.timeout is not None and is_late(job.node, self.timeout):
            job.process.kill()
            job.process.join()
            return self._go_on(taskid, job, too_late(self.timeout))
        return None

    def _why_it_died(self, taskid: int, job: _Job) -> dict[str, Any] | None:
        job.process.join()
        reason = death(job.process.exitcode)
        logger.error("The process of %s died: %s", job.node.name, reason)
        return self._go_on(taskid, job, Failure("killed", reason))

    def _go_on(self, taskid: int, job: _Job, why: Failure) -> dict[str, Any] | None:
        deaths = recover(job.node, why, job.deaths)
        if deaths is None:
            return {"taskid": taskid, "traceback": None, "result": None}
        job.pipe.close()
        self._task_obj[taskid] = self._start(job.node, job.device, deaths)
        return None

    def _clear_task(self, taskid: int) -> None:
        self._task_obj.pop(taskid).pipe.close()

    def _report_crash(self, node: Any, result: dict[str, Any] | None = None) -> str:
        """No crash file: the error is in the log, and on a full disk Nipype fails over writing one."""
        return str(node.name)

    def _postrun_check(self) -> None:
        self.stop()

    def stop(self) -> None:
        """End every process that is still at work."""
        for job in self._task_obj.values():
            job.process.kill()
            job.process.join()


def least_used(devices: Sequence[str], used: Sequence[str | None]) -> str | None:
    """The device that the fewest processes use, the first of several; None where there is none to choose.

    Examples
    --------
    >>> least_used(["cuda:0", "cuda:1"], ["cuda:0"])
    'cuda:1'
    >>> least_used(["cuda:0", "cuda:1"], ["cuda:0", "cuda:1"])
    'cuda:0'
    """
    return min(devices, key=used.count, default=None)


def death(exitcode: int | None) -> str:
    """How a process ended, in words.

    Examples
    --------
    >>> death(-9)
    'killed by SIGKILL (out of memory?)'
    """
    if exitcode is not None and exitcode < 0:
        known = -exitcode in {s.value for s in signal.Signals}  # real-time signals have no names
        name = signal.Signals(-exitcode).name if known else f"signal {-exitcode}"
        return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return f"killed: the process ended with code {exitcode}"
