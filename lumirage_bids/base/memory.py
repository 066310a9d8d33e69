"""Memory that this process may use, and the peak of what a stretch of work takes."""

from __future__ import annotations

import errno
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

INTERVAL_S = 0.05


def memory_limit(membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> float:
    """Memory that this process and its children may use together, bytes.

    The least of what the machine has and what its control groups allow: a container's, or a cluster job's, which lies
    some groups below the root.

    Parameters
    ----------
    membership : Path
        Where the kernel tells the groups of this process.
    root : Path
        Where control groups are mounted.
    """
    import psutil

    return min([float(psutil.virtual_memory().total), *_group_limits(membership, root)])


def lacks_memory(error: Exception) -> bool:
    """Whether an error is one of too little memory: Python's own, the system's, PyTorch's, or another library's."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    torch = sys.modules.get("torch")  # what is not loaded has raised nothing
    return (torch is not None and isinstance(error, torch.cuda.OutOfMemoryError)) or _foreign_words(error)


def _foreign_words(error: Exception) -> bool:
    """Whether an error's words are those of libraries that have no type for it; PyTorch has none on a CPU."""
    text = f"{type(error).__name__}: {error}"
    return any(words in text for words in ("OutOfMemoryError", "allocate memory", "bad_alloc"))


def usable_gb(asked: float | None) -> float:
    """Memory that all processes together are planned to use, GB: what was asked for, or 90 % of what there may be."""
    return asked or 0.9 * memory_limit() / 1e9


def _group_limits(membership: Path, root: Path) -> Iterator[float]:
    lines = membership.read_text().splitlines() if membership.exists() else []
    for _, controllers, path in (line.split(":", 2) for line in lines):
        if "memory" in controllers.split(","):
            mounted, name = root / "memory", "memory.limit_in_bytes"
        elif not controllers:  # version 2
            mounted, name = root, "memory.max"
        else:
            continue
        # A container may see its own group as the root, under a path that is not there.
        group = mounted / path.lstrip("/")
        for folder in (group, *group.parents):
            if not folder.is_relative_to(mounted):
                break
            with suppress(OSError):
                yield float((folder / name).read_text().replace("max", "inf"))


@dataclass
class Peak:
    """Highest memory seen so far, GB (10^9 bytes)."""

    peak_gb: float = 0.0


class _Watcher(threading.Thread):
    """Looks at the memory of this process and its children while it is asked to."""

    def __init__(self) -> None:
        import psutil

        super().__init__(name="memory", daemon=True)
        self.process = psutil.Process()
        self.wanted = threading.Event()
        self.peak = Peak()

    def run(self) -> None:
        while self.wanted.wait():
            with suppress(MemoryError):
                self.look()
            time.sleep(INTERVAL_S)

    def look(self) -> None:
        processes = [self.process, *self.process.children(recursive=True)]
        self.peak.peak_gb = max(self.peak.peak_gb, sum(map(_resident, processes)) / 1e9)


def _resident(process: psutil.Process) -> int:
    import psutil

    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:  # a child that has ended meanwhile
        return 0


@cache
def watcher() -> _Watcher:
    """The one of this process. To be called while there is memory: Python waits for ever for a thread that lacks it."""
    watching = _Watcher()
    watching.start()
    return watching


@contextmanager
def peak_memory(device: str) -> Iterator[Peak]:
    """Watch the peak memory of the block: of this process and its children, or allocated on a CUDA device."""
    if device.startswith("cuda"):
        import torch

        peak = Peak()
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        torch.cuda.synchronize(device)
        peak.peak_gb = torch.cuda.max_memory_allocated(device) / 1e9
        return
    watching = watcher()
    peak = watching.peak = Peak()
    watching.look()
    watching.wanted.set()
    try:
        yield peak
    finally:
        watching.wanted.clear()
