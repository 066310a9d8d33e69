"""Whether what a JSON file holds is of the kinds that it is written with, so that who reads it need not ask again."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any, get_args

#: A type; ``[kind]``: a list of it; ``{"*": kind}``: a mapping to it; ``{"name": kind, …}``: entries, none needed.
Kind = type | UnionType | list[Any] | Mapping[str, Any]


def why_not_of_kind(value: object, kind: Kind, name: str = "") -> str:
    """Say what in a value is not of its kind; empty where all is.

    Examples
    --------
    >>> why_not_of_kind({"planned": "x"}, {"planned": int | None})
    "planned is 'x', not int | None"
    >>> why_not_of_kind({"notes": ["a", 3]}, {"notes": [str]})
    'notes[1] is 3, not str'
    >>> why_not_of_kind({"planned": True}, {"planned": int})
    'planned is True, not int'
    """
    if isinstance(kind, list):
        if not isinstance(value, list):
            return _tell(value, "a list", name)
        found = (why_not_of_kind(each, kind[0], f"{name}[{place}]") for place, each in enumerate(value))
        return next(filter(None, found), "")
    if isinstance(kind, Mapping):
        if not isinstance(value, Mapping):
            return _tell(value, "a mapping", name)
        kinds = {key: kind["*"] if "*" in kind else kind[key] for key in value if "*" in kind or key in kind}
        told = (why_not_of_kind(value[key], of, f"{name}.{key}".lstrip(".")) for key, of in kinds.items())
        return next(filter(None, told), "")
    allowed = get_args(kind) or (kind,)
    fits = bool in allowed if isinstance(value, bool) else isinstance(value, kind)  # to Python a bool is an int
    return "" if fits else _tell(value, kind.__name__ if isinstance(kind, type) else str(kind), name)


def _tell(value: object, wanted: str, name: str) -> str:
    return f"{name or 'the content'} is {value!r}, not {wanted}"
