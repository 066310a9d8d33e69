"""How long scans and pairs took, noted as they end, so that the next estimate knows better."""

from __future__ import annotations

import contextlib
import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lumirage_bids.base.parameters import digest
from lumirage_bids.experiment.plan import AlignmentJob, Batch, ScanJob
from lumirage_bids.methods.base import Context
from lumirage_bids.output.folder import Output

FILE = Path("logs") / "timings.txt"
"""A line each: what was done, the digest of how, the device, threads, seconds (wall clock)."""
LATEST = 200
"""So many of a kind count: a machine may be changed for another."""


def kind_of(job: ScanJob | AlignmentJob | Batch) -> tuple[str, str]:
    """What jobs that take about equally long have in common: what is done, and the digest of how."""
    if isinstance(job, Batch):
        return "pair", digest(job.arm.hash, [labels.digest for labels in job.labels])
    if isinstance(job, AlignmentJob):
        return "align", digest(job.alignment)
    made_by = [(labels.labeller.name, labels.labeller) for labels, _ in job.labels]
    return "prepare", digest([preparation for _, preparation, _ in job.variants], made_by)


def _kind(device: str) -> str:
    return device.partition(":")[0]


def note(output: Output, job: ScanJob | AlignmentJob | Batch, context: Context, seconds: float) -> None:
    """Add one measurement; a line appended is atomic, and one that cannot be written is done without."""
    line = "\t".join([*kind_of(job), _kind(context.device), str(context.threads), f"{seconds:.2f}"]) + "\n"
    with contextlib.suppress(OSError):
        handle = os.open(output / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(handle, line.encode())
        os.close(handle)


@dataclass(frozen=True, kw_only=True)
class Timings:
    """What has been measured.

    Attributes
    ----------
    seconds : mapping
        What is done, how, and device → seconds of one thread that each took, oldest first.
    """

    seconds: Mapping[tuple[str, str, str], list[float]] = field(default_factory=dict)

    def estimate(self, job: ScanJob | AlignmentJob | Batch, device: str, threads: int) -> float | None:
        """Seconds that a scan, or a pair of a batch, may take; None where nothing like it was measured."""
        known = self.seconds.get((*kind_of(job), _kind(device)))
        if not known:
            return None
        # The first of a process reads its libraries and compiles its loops.
        value = statistics.median(known[-LATEST:])
        return value if device.startswith("cuda") else value / threads


def read(output: Output) -> Timings:
    """All measurements of an output folder; lines that a machine left torn are passed over."""
    found: dict[tuple[str, str, str], list[float]] = {}
    try:
        lines = (output / FILE).read_text("utf-8", "replace").splitlines()
    except OSError:
        return Timings()
    for line in lines:
        with contextlib.suppress(ValueError):
            what, how, device, threads, seconds = line.split("\t")
            each = float(seconds) * (1 if device == "cuda" else int(threads))
            found.setdefault((what, how, device), []).append(each)
    return Timings(seconds=found)
