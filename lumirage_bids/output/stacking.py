"""Many tables one below the other, in the memory of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def stack(tables: Iterable[pd.DataFrame]) -> dict[str, pd.Series[Any]]:
    """Put tables one below the other.

    Parameters
    ----------
    tables : iterable of DataFrame
        Each is let go when the next one is there; `pandas.concat` would hold all of them and the result.

    Returns
    -------
    dict
        Column → its values, in the order that columns first come in; NaN where a table lacks it.
    """
    found: dict[str, _Column] = {}
    rows = 0
    for table in tables:
        for name in dict.fromkeys([*found, *map(str, table)]):
            if name not in found:
                found[name] = _Column()
                found[name].add(_miss(rows))
            found[name].add(table[name] if name in table else _miss(len(table)))
        rows += len(table)
    return {name: found.pop(name).values() for name in list(found)}


def _miss(rows: int) -> pd.Series[float]:
    return pd.Series(np.nan, index=range(rows))


class _Column:
    """Values of a column so far, in an array with room for more."""

    def __init__(self) -> None:
        self._array: npt.NDArray[Any] = np.empty(0, dtype=object)
        self._rows = 0
        self._types: set[Any] = set()

    def add(self, values: pd.Series[Any]) -> None:
        new, end = values.to_numpy(), self._rows + len(values)
        if not len(new):
            return
        self._types.add(values.dtype)
        kind = _find_common(self._array.dtype, new.dtype) if self._rows else new.dtype
        if end > len(self._array) or kind != self._array.dtype:
            grown = np.empty(max(end, len(self._array) * 3 // 2), dtype=kind)
            grown[: self._rows] = self._array[: self._rows]
            self._array = grown
        self._array[self._rows : end] = new
        self._rows = end

    def values(self) -> pd.Series[Any]:
        (kind,) = self._types if len(self._types) == 1 else (self._array.dtype,)
        return pd.Series(self._array[: self._rows], dtype=kind, copy=False)


def _find_common(first: np.dtype[Any], second: np.dtype[Any]) -> np.dtype[Any]:
    """Type that holds both; numbers stay numbers, and nothing else becomes one."""
    numbers = first.kind in "iuf" and second.kind in "iuf"
    return np.result_type(first, second) if first == second or numbers else np.dtype(object)
