"""Measures: one module each, found here; the computations beside them take arrays and spacing and give numbers."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lumirage_bids.base.parameters import discover, plug_in
from lumirage_bids.measures.base import Column, Measure, RegisteredPair

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

__all__ = [
    "Column",
    "Measure",
    "RegisteredPair",
    "columns",
    "compared_columns",
    "have_values",
    "looks_at_labels",
    "measure",
    "measures",
    "structure_column",
    "take",
]


@cache
def measures() -> Mapping[str, type[Measure]]:
    """Every measure of the package, by name, in the order of their columns."""
    found = discover(__name__, Measure)  # type: ignore[type-abstract]
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: (item[1].place, item[0]))))


def measure(name: str, **parameters: Any) -> Measure:
    """Make a measure from its name and the parameters that differ from its defaults.

    Raises
    ------
    UsageError
        The measure or a parameter is unknown, or a value is not allowed.
    """
    return plug_in(measures(), "measure", name, parameters, f"[evaluation.{name}]")


@cache
def columns() -> Mapping[str, Column]:
    """Columns of all measures, in the order of the score table; without those that hold a structure each."""
    return MappingProxyType({name: column for kind in measures().values() for name, column in kind.columns.items()})


@cache
def compared_columns() -> Mapping[str, Column]:
    """Columns that methods are compared by: those with a direction and a margin, in their order."""
    return MappingProxyType({k: c for k, c in columns().items() if c.better != "none" and c.margin is not None})


@cache
def looks_at_labels(column: str) -> bool:
    """Whether a column has a value for each labelling, or the same one in the rows of all."""
    return any(column in kind.columns and kind().looks_at_labels for kind in measures().values())


def have_values(names: Iterable[str], pairs: pd.DataFrame) -> list[str]:
    """Which of some columns a score table has any value in."""
    return [name for name in names if name in pairs and pairs[name].notna().any()]


def structure_column(name: str) -> str | None:
    """Column that sums up what a column of a single structure holds; None for every other name.

    Examples
    --------
    >>> structure_column("dice_17"), structure_column("dice_mean")
    ('dice_mean', None)
    """
    for kind in measures().values():
        if kind.structures and name.startswith(kind.structures) and name.removeprefix(kind.structures).isdigit():
            return next(iter(kind.columns))
    return None


def take(asked: Iterable[Measure], pair: RegisteredPair) -> dict[str, float]:
    """Values of those measures for which a pair has what they need."""
    fit = (each for each in asked if pair.has(each.needs))
    return {name: value for each in fit for name, value in each.of(pair).items()}
