"""One method, labelling or protocol in full: what it is, its parameters as TOML to start from, what to cite."""

from __future__ import annotations

import difflib
import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from lumirage_bids.errors import UsageError

WIDTH = 100


def show(what: str, name: str, weights: Path | None) -> str:
    """All that there is to know of one of them.

    Parameters
    ----------
    what : str
        ``methods``, ``labellings`` or ``protocols``.
    name : str
        As the list has it.
    weights : Path or None
        Folder of network weights.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    from lumirage_bids import protocol, registration, segmentation

    if what == "protocols":
        _check(what, name, {n: n for n in protocol.names()})
        return protocol.source(name).rstrip()
    known: Mapping[str, Any] = registration.methods() if what == "methods" else segmentation.labellings()
    _check(what, name, known)
    head = [f"[{what}.{name}]"]
    if what == "labellings":
        head.append(f"labeller = {json.dumps(known[name].name)}")
    return "\n".join([*_about(name, known[name], weights), *head, *_parameters(known[name]), *_cited(known[name])])


def _check(what: str, name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UsageError(f"lumirage {what}: there is no {name!r}.{hint} Known: {', '.join(known)}.")


def _about(name: str, kind: Any, weights: Path | None) -> Iterator[str]:
    from lumirage_bids.registration.base import Context

    yield f"{name}: {kind.summary}"
    paragraphs = re.split(r"\n\s*\n", _prose(kind))
    for paragraph in paragraphs:
        yield ""
        yield textwrap.fill(" ".join(paragraph.replace("``", "").split()), WIDTH)
    if missing := kind().missing(Context(weights=weights)):
        yield ""
        yield f"Missing here: {missing}"  # it may hold a command to copy
    yield ""
    yield "In a protocol, with what holds where nothing is said:" if fields(kind) else "It has no parameters:"
    yield ""


def _prose(kind: type) -> str:
    """What a class's docstring says before its sections."""
    return re.split(r"\n[A-Z][a-z]+\n-{3,}\n", inspect.getdoc(kind) or "")[0]


def _parameters(kind: Any) -> Iterator[str]:
    """Each parameter as a line of TOML below what it means."""
    told = described(kind)
    for field in fields(kind):
        yield ""
        yield from textwrap.wrap(told.get(field.name, ""), WIDTH, initial_indent="# ", subsequent_indent="# ")
        value = None if field.default is MISSING else field.default
        yield f"# {field.name} is not set" if value is None else f"{field.name} = {_toml(value)}"


def _toml(value: object) -> str:
    """A default as TOML, which has lists, texts, numbers and truth values as JSON has them."""
    return json.dumps(value, ensure_ascii=False)


def described(kind: type) -> dict[str, str]:
    """Parameter → what it means, from the ``Attributes`` of a class and of those that it is made from."""
    found: dict[str, str] = {}
    for cls in reversed(kind.__mro__):
        section = re.search(
            r"\nAttributes\n-+\n(.*?)(?:\n[A-Z][a-z]+\n-{3,}\n|\Z)", inspect.cleandoc(cls.__doc__ or ""), re.S
        )
        for entry in re.finditer(
            r"^(\w[\w, ]*) : .*\n((?:    .*\n?|\n)*)", section[1] if section else "", re.MULTILINE
        ):
            text = " ".join(entry[2].replace("``", "").split())
            found |= dict.fromkeys(entry[1].split(", "), text)
    return found


def _cited(kind: Any) -> Iterator[str]:
    from lumirage_bids.publications import publications

    if kind.references:
        yield ""
        yield "To be cited:"
    for key in kind.references:
        publication = publications()[key]
        yield textwrap.fill(f"{publication.text} {publication.url}", WIDTH, initial_indent="  ", subsequent_indent="  ")
