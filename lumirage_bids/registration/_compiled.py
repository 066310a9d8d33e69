"""Compiling loops over images, and sharing their slabs among threads. Loaded only while a method runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from numba import njit

SLAB = 16
"""Planes that one task works on; fixed, so that the number of threads does not change any sum."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile to run without Python's lock.

    The result is kept on disk where numba finds a folder to write to; else every process compiles for some seconds.
    """
    try:
        return njit(nogil=True, cache=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # numba's "no locator available": neither the package's nor the user's folder can be written
        return njit(nogil=True)(function)  # type: ignore[no-any-return]


def each_slab(planes: int, threads: int, work: Callable[[int, int], Any]) -> list[Any]:
    """Call `work` with the first and one past the last plane of every slab; return its results in order."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda lo: work(lo, min(lo + SLAB, planes)), range(0, planes, SLAB)))
