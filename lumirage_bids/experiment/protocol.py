"""Protocols by name or file: an experiment as data, read from TOML and from those that it extends."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.experiment.declared import Protocol
from lumirage_bids.experiment.read_protocol import read_protocol

REPLACED = frozenset({"labellings", "pairs", "variants"})
"""Sections that come whole from the protocol that is extended, or not at all: to name some means no others."""


def names() -> list[str]:
    """Names of the protocols that come with the program."""
    folder = resources.files("lumirage_bids.experiment") / "protocols"
    return sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml"))


def source(name_or_path: str) -> str:
    """Text of a protocol as it was written, without those that it extends."""
    return _source(name_or_path)[1]


def load(name_or_path: str) -> Protocol:
    """Read a protocol by name or from a TOML file.

    Raises
    ------
    UsageError
        The name is unknown, or the file has an unknown key or a value of the wrong kind.
    MissingInputError
        The file does not exist.
    """
    (name, *extends), table, text = _merge(name_or_path, ())
    return replace(read_protocol(name_or_path, name, table), text=text, extends=tuple(extends))


def _merge(name_or_path: str, children: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, Any], str]:
    """Name and those that it extends, table and text of a protocol, laid over those of the protocol that it extends."""
    if name_or_path in children:
        raise UsageError(f"Protocols extend each other in a circle: {' → '.join((*children, name_or_path))}.")
    name, text, folder = _source(name_or_path)
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"Protocol {name_or_path} is not valid TOML: {error}.") from None
    if "pairs" in table and isinstance(table["pairs"], dict) and isinstance(table["pairs"].get("file"), str):
        table["pairs"]["file"] = str(folder / table["pairs"]["file"])
    parent = table.pop("extends", None)
    if parent is None:
        return (name,), table, text
    if not isinstance(parent, str):
        raise UsageError(f"Protocol {name_or_path}: extends = {parent!r} is not allowed; name a protocol or a file.")
    if parent.endswith(".toml"):
        parent = str(folder / parent)
    names_below, below, its_text = _merge(parent, (*children, name_or_path))
    for section in REPLACED & table.keys():
        below.pop(section, None)
    return (name, *names_below), _lay_over(table, below), f"{text}\n# Extends {parent}:\n\n{its_text}"


def _lay_over(table: dict[str, Any], below: dict[str, Any]) -> dict[str, Any]:
    """Merge two tables key by key; where both have a value that is not a table, the upper one's counts."""
    merged = dict(below)
    for key, value in table.items():
        lower = below.get(key)
        merged[key] = _lay_over(value, lower) if isinstance(value, dict) and isinstance(lower, dict) else value
    return merged


def _source(name_or_path: str) -> tuple[str, str, Path]:
    """Name and text of a protocol, and the folder that paths in it start from."""
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path).absolute()
        if not path.is_file():
            raise MissingInputError(f"No protocol file {path}. Give a TOML file or one of: {', '.join(names())}.")
        return path.stem, _read_text(path), path.parent
    if name_or_path not in names():
        raise UsageError(
            f"No protocol is called '{name_or_path}'. Known: {', '.join(names())}; or give a file that ends in .toml."
        )
    shipped = resources.files("lumirage_bids.experiment") / "protocols" / f"{name_or_path}.toml"
    return name_or_path, shipped.read_text("utf-8"), Path()


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Protocol {path} cannot be read as UTF-8 text: {error}.") from None
