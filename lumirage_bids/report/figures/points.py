"""Single values as points: few enough to see, and beside each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_GOLDEN = (np.sqrt(5) - 1) / 2

_Floats = npt.NDArray[np.float64]


def thin(values: _Floats, limit: int) -> _Floats:
    """Keep at most `limit` of sorted values, evenly through their ranking, both ends among them.

    Examples
    --------
    >>> thin(np.arange(9.0), 3).tolist()
    [0.0, 4.0, 8.0]
    """
    if len(values) <= limit:
        return values
    kept: _Floats = values[np.linspace(0, len(values) - 1, limit).round().astype(int)]
    return kept


def spread(n: int) -> _Floats:
    """Offsets from −0.5 to 0.5 that lay points out evenly, the same way every time: a golden-ratio sequence.

    Examples
    --------
    >>> spread(3).round(2).tolist()
    [0.12, -0.26, 0.35]
    """
    offsets: _Floats = (np.arange(1, n + 1) * _GOLDEN) % 1 - 0.5
    return offsets
