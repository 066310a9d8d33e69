"""Statistics: one module each, found here; what they compute with is beside this folder."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from lumirage_bids.base.parameters import discover
from lumirage_bids.stats.tables.base import Scores, Statistic

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["Scores", "Statistic", "make", "statistics"]


@cache
def statistics() -> Mapping[str, type[Statistic]]:
    """Every statistic of the package, by name."""
    return MappingProxyType(discover(__name__, Statistic))  # type: ignore[type-abstract]


def make(scores: Scores, *, of_runs: bool = True) -> dict[str, pd.DataFrame]:
    """Make every table, by name; with `of_runs` also those that take what only a run knows."""
    made: dict[str, pd.DataFrame] = {}

    def add(name: str) -> None:
        for need in statistics()[name].needs:
            if need not in made:
                add(need)
        if name not in made:
            made[name] = statistics()[name]().of(scores, made)

    for name, kind in statistics().items():
        if of_runs or not kind.of_runs:
            add(name)
    return made
