"""Registration methods: one module each, found here; and the affine alignment before them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import fields
from typing import Any, get_type_hints

from lumirage_bids.errors import UsageError
from lumirage_bids.registration._parameters import describe, parse
from lumirage_bids.registration.base import Context, Cost, Method

__all__ = ["Context", "Cost", "Method", "method", "methods"]

_NOT_METHODS = {"base", "alignment"}


def methods() -> dict[str, type[Method]]:
    """Every method of the package, by name, sorted; none of their libraries are loaded.

    A method is a subclass of `Method` with a `name` of its own, in a module whose name does not start with ``_``.
    """
    found: dict[str, type[Method]] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_") or module.name in _NOT_METHODS:
            continue
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for _, kind in inspect.getmembers(loaded, inspect.isclass):
            if issubclass(kind, Method) and kind.__module__ == loaded.__name__ and "name" in vars(kind):
                found[kind.name] = kind
    return dict(sorted(found.items()))


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
    known = methods()
    if name not in known:
        raise UsageError(f"There is no method {name!r}; allowed: {', '.join(known)}.")
    kind = known[name]
    hints = get_type_hints(kind)
    allowed = {f.name: hints[f.name] for f in fields(kind)}
    values = {}
    for key, value in parameters.items():
        if key not in allowed:
            names = ", ".join(f"{k} ({describe(h)})" for k, h in allowed.items()) or "none"
            raise UsageError(f"Method {name!r} has no parameter {key!r}; allowed: {names}.")
        try:
            values[key] = parse(value, allowed[key])
        except ValueError as error:
            raise UsageError(
                f"Parameter {key!r} of method {name!r} is {value!r}; allowed: {describe(allowed[key])}."
            ) from error
    return kind(**values)
