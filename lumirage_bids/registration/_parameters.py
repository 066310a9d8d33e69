"""Values of a TOML table against the annotations of a dataclass."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin


def parse(value: Any, hint: Any) -> Any:
    """Return the value as the annotated type.

    Parameters
    ----------
    value
        A string, number, boolean, list or None.
    hint
        ``bool``, ``int``, ``float``, ``str``, ``Path``, ``Literal``, ``tuple`` (``tuple[int, ...]``) or a union of
        these.

    Raises
    ------
    ValueError
        When the value is of another type.

    Examples
    --------
    >>> parse([8, 4], tuple[int, ...]), parse(1, float), parse("a", str | None)
    ((8, 4), 1.0, 'a')
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _first(value, arguments)
    if origin is Literal:
        if any(value == a and type(value) is type(a) for a in arguments):
            return value
    elif origin is tuple:
        return _parse_tuple(value, arguments)
    elif hint is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif hint is Path:
        if isinstance(value, str | Path):
            return Path(value)
    elif type(value) is hint:
        return value
    raise ValueError(value)


def _first(value: Any, hints: tuple[Any, ...]) -> Any:
    """Return the value as the first type of a union that it fits."""
    for hint in hints:
        try:
            return parse(value, hint)
        except ValueError:
            continue
    raise ValueError(value)


def _parse_tuple(value: Any, hints: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the value, a list or tuple, as a tuple of the annotated types."""
    if not isinstance(value, list | tuple):
        raise ValueError(value)
    if hints[-1] is Ellipsis:
        hints = hints[:1] * len(value)
    if len(hints) != len(value):
        raise ValueError(value)
    return tuple(parse(v, h) for v, h in zip(value, hints, strict=True))


def describe(hint: Any) -> str:
    """Say in words what `parse` takes.

    Examples
    --------
    >>> describe(tuple[int, ...]), describe(float | None)
    ('a list of whole numbers', 'a number or nothing')
    """
    names = {
        bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "a path",
        types.NoneType: "nothing",
    }  # fmt: skip
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(describe(a) for a in arguments)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if origin is tuple:
        inner = describe(arguments[0]).removeprefix("a ")
        return f"a list of {inner}s" if arguments[-1] is Ellipsis else f"a list of {len(arguments)} {inner}s"
    return names.get(hint, str(hint))
