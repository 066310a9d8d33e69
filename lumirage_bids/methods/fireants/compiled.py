"""Loops over images, compiled, and their slabs shared among threads. Loaded only while a method runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lumirage_bids.spatial.kernels import compile_loop

__all__ = ["SLAB", "compile_loop", "each_slab"]

SLAB = 16
"""Planes that one task works on; fixed, so that the number of threads does not change any sum."""


def each_slab(planes: int, threads: int, work: Callable[[int, int], Any]) -> list[Any]:
    """Call `work` with the first and one past the last plane of every slab; return its results in order."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda lo: work(lo, min(lo + SLAB, planes)), range(0, planes, SLAB)))
