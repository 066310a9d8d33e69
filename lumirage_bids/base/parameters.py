"""Frozen dataclasses from tables a user wrote, and plug-in classes from the modules of a package."""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
import sys
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.extensions import classes_in, complain, find_classes

T = TypeVar("T")


def added(default: T, *, since: str) -> T:
    """Give a dataclass a field that came later: at its default it is in no `digest`, so finished results stay valid.

    Parameters
    ----------
    default : object
        What the program did before the field was there.
    since : str
        The version that brought the field.
    """
    return field(default=default, metadata={"since": since})


def aside(default: T) -> T:
    """Give a dataclass a field that tells of something and changes no result: it is in no `digest`."""
    return field(default=default, metadata={"aside": True})


def is_aside(declared: Field[Any]) -> bool:
    """Whether a field was made by `aside`."""
    return "aside" in declared.metadata


def from_table(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """Make a frozen dataclass from a table; lists become tuples, whole numbers become floats where those are asked for.

    Parameters
    ----------
    cls : type
        A dataclass whose annotations are plain types, tuples, literals or unions of them.
    table : mapping
        Field → value.
    where : str
        What the table is, for messages: ``[methods.greedy]``.

    Raises
    ------
    UsageError
        A key that is no field, a value of the wrong type, or one that the class itself refuses.
    """
    hints = typing.get_type_hints(cls)
    known = {f.name: hints[f.name] for f in fields(cls)}  # type: ignore[arg-type]
    values = {}
    for key, value in table.items():
        if key not in known:
            allowed = ", ".join(known) or "none; it has no parameters"
            raise UsageError(f"{where}: unknown parameter '{key}'. Allowed: {allowed}.")
        try:
            values[key] = _coerce(value, known[key])
        except TypeError:
            raise UsageError(f"{where}: {key} = {value!r} is not allowed; it must be {_words(known[key])}.") from None
    try:
        return cls(**values)
    except (ValueError, UsageError) as error:
        raise UsageError(f"{where}: {error}") from None


def _coerce(value: Any, kind: Any) -> Any:
    origin = get_origin(kind)
    if origin in (typing.Union, UnionType):
        for option in get_args(kind):
            try:
                return _coerce(value, option)
            except TypeError:
                continue
        raise TypeError
    if origin is Literal:
        if any(value == a and type(value) is type(a) for a in get_args(kind)):
            return value
        raise TypeError
    if origin is tuple:
        return _coerce_tuple(value, get_args(kind))
    return _coerce_plain(value, kind)


def _coerce_plain(value: Any, kind: Any) -> Any:
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, Mapping):
        return from_table(kind, value, kind.__name__.lower())
    if kind is NoneType:
        if value is None:
            return None
        raise TypeError
    if isinstance(value, bool) and kind is not bool:
        raise TypeError
    if kind is float and isinstance(value, int | float):
        if not -sys.float_info.max <= value <= sys.float_info.max:  # NaN, infinity
            raise TypeError
        return float(value)
    if isinstance(kind, type) and isinstance(value, kind):
        return value
    raise TypeError


def _coerce_tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_coerce(v, kinds[0]) for v in value)
    if len(value) != len(kinds):
        raise TypeError
    return tuple(_coerce(v, k) for v, k in zip(value, kinds, strict=True))


def _words(kind: Any, *, several: bool = False) -> str:
    """What is allowed, in English; `several` of it where it stands in a list."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (typing.Union, UnionType):
        some = " or ".join(_words(k, several=several) for k in inside if k is not NoneType)
        return f"{some}, or none" if NoneType in inside else some
    if origin is Literal:
        return " or ".join(repr(v) for v in inside)
    if origin is tuple:
        count = "" if Ellipsis in inside else f"{len(inside)} "
        return f"{'lists' if several else 'a list'} of {count}{_words(inside[0], several=True)}"
    if isinstance(kind, type) and is_dataclass(kind):
        return f"{'tables' if several else 'a table'} of {', '.join(f.name for f in fields(kind))}"
    return _PLAIN.get(kind, (str(kind), str(kind)))[several]


_PLAIN = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("text", "texts"),
    bool: ("true or false", "values true or false"),
}


def digest(*parts: object) -> str:
    """Sixteen hexadecimal digits that change whenever a part does.

    A dataclass counts by its fields and by its class' ``digest_name``, which stays when the class is renamed or moved;
    a class without one counts by its name. Fields made by `added` do not count at their default, those made by `aside`
    never.
    """
    text = json.dumps([_simplify(p) for p in parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _simplify(value: object, *, nested: bool = False) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        inside = counted_fields(value)
        return inside if nested else {vars(type(value)).get("digest_name", type(value).__name__): inside}
    if isinstance(value, Mapping):
        return {str(k): _simplify(v, nested=nested) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_simplify(v, nested=nested) for v in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"cannot digest a {type(value).__name__}")


def counted_fields(owner: Any) -> dict[str, object]:
    """Fields of a dataclass that its digest is made of, as plain values."""
    return {f.name: _simplify(getattr(owner, f.name), nested=True) for f in fields(owner) if _counts(f, owner)}


def _counts(declared: Field[Any], owner: object) -> bool:
    """Whether a field is part of its owner's digest."""
    if is_aside(declared):
        return False
    default = declared.default if declared.default_factory is MISSING else declared.default_factory()
    return "since" not in declared.metadata or getattr(owner, declared.name) != default


def discover(package: str, base: type[T]) -> dict[str, type[T]]:
    """Concrete subclasses of a base class in the modules of a package, by their ``name``, sorted; and those of others.

    Modules whose names begin with an underscore are helpers and are not searched, nor are classes that a module only
    imports. A name that is taken stays with what has it here.
    """
    found: dict[str, type[T]] = {}
    folder = importlib.import_module(package)
    for module in pkgutil.iter_modules(folder.__path__):
        if module.name.startswith("_"):
            continue
        own = classes_in(importlib.import_module(f"{package}.{module.name}"), base)
        found.update((vars(value)["name"], value) for value in own)
    for origin, other in find_classes(package.rpartition(".")[2], base):
        name = vars(other)["name"]
        if found.setdefault(name, other) is not other:
            complain(f"{origin}: there is a '{name}' already")
    return dict(sorted(found.items()))


def plug_in(
    known: Mapping[str, type[T]], kind: str, name: str, parameters: Mapping[str, Any], where: str | None = None
) -> T:
    """Make one of the plug-ins that were found, from its name and the parameters that differ from its defaults.

    Parameters
    ----------
    known : mapping
        As `discover` gives it.
    kind : str
        What such plug-ins are called: ``method``.
    name : str
        One of those known.
    parameters : mapping
        Values as a TOML table gives them: lists stand for tuples, whole numbers for floats.
    where : str, optional
        What the table is, for messages; kind and name by default.

    Raises
    ------
    UsageError
        The name or a parameter is unknown, or a value is not of the right type or not allowed.
    """
    if name not in known:
        raise UsageError(f"There is no {kind} '{name}'. Known: {', '.join(known)}.")
    return from_table(known[name], parameters, where or f"{kind} {name}")
