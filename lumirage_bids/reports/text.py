"""Numbers and effects in words, the same everywhere on a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

MISSING = "–"


def fixed(value: float, digits: int = 3, *, sign: bool = False) -> str:
    """Write a number with fixed decimals and a true minus sign.

    Examples
    --------
    >>> fixed(0.61549), fixed(-0.2, 2), fixed(0.0041, sign=True), fixed(float("nan"))
    ('0.615', '−0.20', '+0.004', '–')
    """
    if not math.isfinite(value):
        return MISSING
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")


def span(low: float, high: float, digits: int = 3, *, sign: bool = False) -> str:
    """Write an interval.

    Examples
    --------
    >>> span(0.1, 0.25), span(float("nan"), float("nan"))
    ('0.100 to 0.250', '–')
    """
    known = math.isfinite(low) and math.isfinite(high)
    return f"{fixed(low, digits, sign=sign)} to {fixed(high, digits, sign=sign)}" if known else MISSING


def compared_where(evaluation: str) -> str:
    """Tell of an evaluation, as score rows name it, where label maps are compared.

    Examples
    --------
    >>> compared_where("native")
    "on the fixed scan's native grid"
    >>> compared_where("reference, nearest")
    'on the prepared grid of the scan that all are aligned to, carried by nearest neighbour'
    """
    grid, _, transfer = evaluation.partition(", ")
    on = "the fixed scan's native grid" if grid == "native" else "the prepared grid of the scan that all are aligned to"
    return f"on {on}{', carried by nearest neighbour' if transfer == 'nearest' else ''}"


def p_value(p: float) -> str:
    """Write a p-value.

    Examples
    --------
    >>> p_value(0.0321), p_value(1e-9)
    ('0.032', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else fixed(p)


def count(n: float) -> str:
    """Write a count with a thin space between thousands.

    Examples
    --------
    >>> count(191406)
    '191\u2009406'
    """
    return MISSING if not math.isfinite(n) else f"{int(n):,}".replace(",", "\u2009")


def significant(value: float) -> str:
    """Write a quantity of unknown size with three significant digits; what is below a thousandth as that.

    Examples
    --------
    >>> significant(21.437), significant(0.0123), significant(1234.5), significant(2.8e-5), significant(0)
    ('21.4', '0.0123', '1234', '< 0.001', '0')
    """
    if not math.isfinite(value):
        return MISSING
    if 0 < value < 0.001:
        return "< 0.001"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}".replace("-", "−")


def and_join(parts: list[str]) -> str:
    """Join words to a list.

    Examples
    --------
    >>> and_join(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


#: How a cell of each kind is written.
WRITERS: Mapping[str, Callable[[float], str]] = MappingProxyType(
    {
        "count": count,
        "index": lambda x: fixed(x, 0),
        "dice": fixed,
        "difference": lambda x: fixed(x, sign=True),
        "effect": lambda x: fixed(x, 2, sign=True),
        "p": p_value,
        "quantity": significant,
    }
)
