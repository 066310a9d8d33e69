"""Registration methods: one module each, found here; and the affine alignment before them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lumirage_bids.base.parameters import discover, plug_in
from lumirage_bids.methods.base import Context, Cost, Method

__all__ = ["Context", "Cost", "Method", "controls", "method", "methods"]


def methods() -> dict[str, type[Method]]:
    """Every method of the package, by name, sorted; none of their libraries are loaded."""
    return discover(__name__, Method)  # type: ignore[type-abstract]


def controls(names: Mapping[str, str]) -> tuple[str, ...]:
    """Those names, of names in a table → methods that they are, whose method is a control, in any capitals."""
    known = methods()
    return tuple(name for name, kind in names.items() if (of := kind.lower()) in known and known[of].control)


def method(name: str, **parameters: Any) -> Method:
    """Make a method from its name and the parameters that differ from its defaults.

    Parameters
    ----------
    name : str
        One of `methods()`.
    **parameters
        Values as a TOML table gives them: lists stand for tuples, whole numbers for floats.

    Raises
    ------
    UsageError
        When the method or a parameter is unknown, or a value is not of the right type or not allowed.

    Examples
    --------
    >>> method("greedy", iterations=[100, 50, 20, 10], step=0.5).step
    0.5
    """
    return plug_in(methods(), "method", name, parameters)
