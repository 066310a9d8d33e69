"""Thin Nipype interfaces around what a node does; the work itself is in `prepare_scan` and `register_pairs`."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from nipype.interfaces.base import BaseInterface, BaseInterfaceInputSpec, TraitedSpec, isdefined, traits

from lumirage_bids.base.logs import log_to
from lumirage_bids.execution.align_scan import align_scan
from lumirage_bids.execution.downstream import run_downstream
from lumirage_bids.execution.prepare_scan import prepare_scan
from lumirage_bids.execution.register_pairs import run_batch
from lumirage_bids.experiment import timings
from lumirage_bids.experiment.downstream import DownstreamJob
from lumirage_bids.experiment.plan import AlignmentJob, Batch, ScanJob, Task
from lumirage_bids.methods.base import Context
from lumirage_bids.output.files import write_text
from lumirage_bids.output.folder import Output

logger = logging.getLogger("lumirage")


class _InputSpec(BaseInterfaceInputSpec):  # type: ignore[misc]
    job = traits.Any(mandatory=True, desc="what to do: ScanJob, AlignmentJob, Batch or DownstreamJob")
    output = traits.Any(mandatory=True, desc="the output folder")
    context = traits.Any(mandatory=True, desc="device, threads, seed")
    progress_dir = traits.Str(mandatory=True, desc="where it is noted what is under way")
    ended_file = traits.Str(mandatory=True, desc="where it is noted that the node has ended, and how")
    log_file = traits.Str(mandatory=True, desc="messages of the run")
    verbose = traits.Int(mandatory=True, desc="how much is said")
    save = traits.Str("none", usedefault=True, desc="what to keep of each pair")
    pictures = traits.Bool(True, usedefault=True, desc="whether to keep pictures of some pairs")
    use_gpu = traits.Bool(False, usedefault=True, desc="whether the node needs a GPU")
    after = traits.Any(desc="output of a node that must have ended before")
    after_reference = traits.Any(desc="output of the node that prepares the reference")


class _OutputSpec(TraitedSpec):  # type: ignore[misc]
    done = traits.Bool(desc="true when the node has ended")


class _Interface(BaseInterface):  # type: ignore[misc]
    input_spec = _InputSpec
    output_spec = _OutputSpec
    # What is done is known from the derivatives, not from Nipype's cache.
    _always_run = True
    stage = ""
    """Name of the file in the folder of progress that grows by a byte for all that has ended."""

    def _run_interface(self, runtime: Any) -> Any:
        context: Context = self.inputs.context
        ended = Path(self.inputs.ended_file)
        ended.unlink(missing_ok=True)
        if not logger.handlers:  # a process of its own, here or on another machine
            log_to(Path(self.inputs.log_file), self.inputs.verbose)
        try:
            self.work(self.inputs.output, context)
        except Exception as error:
            write_text(ended, f"{type(error).__name__}: {error}")
            raise
        write_text(ended, "")
        self.count()
        return runtime

    def count(self) -> None:
        """Note what of the stage has ended with the node, or with its process."""
        add_to(Path(self.inputs.progress_dir) / self.stage)

    def _list_outputs(self) -> dict[str, Any]:
        return {"done": True}

    def work(self, output: Output, context: Context) -> None:
        raise NotImplementedError


class Prepare(_Interface):
    """Prepared image, mask and label maps of one scan."""

    stage = "prepare"

    def work(self, output: Output, context: Context) -> None:
        """Do the job."""
        job: ScanJob = self.inputs.job
        begin = time.perf_counter()
        prepare_scan(job, output, context)
        seconds = time.perf_counter() - begin
        timings.note(output, job, context, seconds)
        logger.debug("%s: prepared, %.1f s", job.scan.name, seconds)


class Align(_Interface):
    """Affine map of one scan to the reference."""

    stage = "align"

    def work(self, output: Output, context: Context) -> None:
        """Do the job."""
        job: AlignmentJob = self.inputs.job
        begin = time.perf_counter()
        align_scan(job, output, context)
        seconds = time.perf_counter() - begin
        timings.note(output, job, context, seconds)
        logger.debug("%s: aligned to %s, %.1f s", job.scan.name, job.reference.name, seconds)


class Register(_Interface):
    """One batch of pairs, registered and scored."""

    stage = "register"

    def work(self, output: Output, context: Context) -> None:
        """Do the job."""
        job: Batch = self.inputs.job
        save = self.inputs.save if isdefined(self.inputs.save) else "none"
        progress = Progress(Path(self.inputs.progress_dir), job)
        progress.file.unlink(missing_ok=True)  # of the same job, before SLURM requeued it
        # Named after the batch, so that what a killed process left goes when the batch goes on.
        scratch = None if context.work_dir is None else context.work_dir / progress.file.stem
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
        under_way: list[tuple[Task, float]] = []

        def started(task: Task | None) -> None:
            for pair, since in under_way:
                seconds = time.perf_counter() - since
                timings.note(output, job, context, seconds)
                logger.debug("%s, %s: %.1f s", pair.pair, job.arm.label, seconds)
            under_way[:] = [] if task is None else [(task, time.perf_counter())]
            progress.note_start(task)

        own, left_out = replace(context, work_dir=scratch), progress.find_left_out()
        run_batch(job, output, own, save, started, left_out, pictures=self.inputs.pictures)

    def count(self) -> None:
        """Nothing: pairs are counted one by one."""


class Compose(_Interface):
    """What is found out of transforms about one scan, under one arm."""

    stage = "compose"

    def work(self, output: Output, context: Context) -> None:
        """Do the job."""
        job: DownstreamJob = self.inputs.job
        begin = time.perf_counter()
        run_downstream(job, output, context)
        seconds = time.perf_counter() - begin
        logger.debug("%s, %s: transforms composed, %.1f s", job.scan.name, job.arm.label, seconds)

    def count(self) -> None:
        """The tables that were to be made."""
        add_to(Path(self.inputs.progress_dir) / self.stage, len(self.inputs.job.products))


class Progress:
    """What pair a batch is at, told by the process that does it and read by the one that watches.

    Parameters
    ----------
    folder : Path
        Of this run; must exist.
    batch : Batch
        Which batch.
    """

    def __init__(self, folder: Path, batch: Batch) -> None:
        self.batch = batch
        self.file = folder / f"{batch.arm.label}-{batch.digest}.json"
        self.left = self.file.with_suffix(".left-out")
        self.log = folder / Register.stage

    def note_start(self, task: Task | None) -> None:
        """Note that a pair begins; None: that it ended."""
        if task is None:
            self.file.unlink(missing_ok=True)
            add_to(self.log)
            return
        temporary = self.file.with_suffix(".tmp")
        restarts = os.environ.get("SLURM_RESTART_COUNT", "0")  # tells notes apart when SLURM requeues a job
        note = {"fixed": task.pair.fixed.name, "since": time.time(), "pid": os.getpid(), "restarts": restarts}
        temporary.write_text(json.dumps(note), "utf-8")
        temporary.replace(self.file)

    def leave_out(self, task: Task) -> None:
        """Have a pair that the process died of not be tried again in this run."""
        with self.left.open("a", encoding="utf-8") as file:
            file.write(f"{task.pair.fixed.name}\n")

    def find_left_out(self) -> set[str]:
        """Names of the fixed scans of such pairs."""
        return set(self.left.read_text("utf-8").splitlines()) if self.left.exists() else set()

    def note(self) -> dict[str, Any] | None:
        """What is noted of the pair under way."""
        try:
            note: dict[str, Any] = json.loads(self.file.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return note

    def find_current(self) -> tuple[Task, float] | None:
        """The pair under way and the seconds since it began."""
        note = self.note()
        if note is None:
            return None
        for task in self.batch.tasks:
            if task.pair.fixed.name == note["fixed"]:
                return task, time.time() - note["since"]
        return None


def add_to(counter: Path, number: int = 1) -> None:
    """Let a file grow by a byte for each that has ended; bytes appended at once are atomic."""
    handle = os.open(counter, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(handle, b"." * number)
    os.close(handle)


def outcome(node: Any) -> str | None:
    """How a node ended: an empty text when well, else its error; None while it has not, or died."""
    try:
        return Path(node.inputs.ended_file).read_text("utf-8")
    except OSError:
        return None
