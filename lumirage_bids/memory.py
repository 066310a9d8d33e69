"""Memory that this process may use, and the peak of what a stretch of work takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

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


@contextmanager
def peak_memory(device: str) -> Iterator[Peak]:
    """Watch the peak memory of the block: of this process and its children, or allocated on a CUDA device."""
    peak = Peak()
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        torch.cuda.synchronize(device)
        peak.peak_gb = torch.cuda.max_memory_allocated(device) / 1e9
        return
    import psutil

    process, ended = psutil.Process(), threading.Event()

    def resident(one: psutil.Process) -> int:
        try:
            return int(one.memory_info().rss)
        except psutil.NoSuchProcess:  # a child that has ended meanwhile
            return 0

    def watch() -> None:
        while True:
            peak.peak_gb = max(peak.peak_gb, sum(map(resident, [process, *process.children(recursive=True)])) / 1e9)
            if ended.wait(INTERVAL_S):
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()
