"""Peak memory of a stretch of work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

INTERVAL_S = 0.05


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
