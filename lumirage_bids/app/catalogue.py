"""One method, labelling, measure or protocol in full: its parameters as TOML to start from, what to cite."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from docstring_parser import Docstring, numpydoc

from lumirage_bids import labellers, measures, methods
from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.publications import publications
from lumirage_bids.experiment import protocol
from lumirage_bids.measures import Measure
from lumirage_bids.methods.base import Context, Method

WIDTH = 100
GROUPS = {
    "Floor and control": "none",
    "Iterative": "iterative",
    "Learned": "learned",
    "Yours, and your files and programs": "yours",
}
"""What methods are listed under."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A field of a plug-in, as a protocol sets it.

    Attributes
    ----------
    name, meaning : str
        What it is called, and what it does, with the values that it may have.
    default : str
        As TOML; empty where it is not set.
    """

    name: str
    meaning: str
    default: str


def show(what: str, name: str, weights: Path | None) -> str:
    """All that there is to know of one of them.

    Parameters
    ----------
    what : str
        ``methods``, ``labellings``, ``measures`` or ``protocols``.
    name : str
        As the list has it; of a measure also one of its columns.
    weights : Path or None
        Folder of network weights.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    if what == "protocols":
        _check(what, name, {n: n for n in protocol.names()})
        return protocol.source(name).rstrip()
    if what == "measures":
        known_measures = measures.measures()
        of_column = {column: kind for kind in known_measures.values() for column in kind.columns}
        _check(what, name, known_measures, of_column)
        return "\n".join(_describe_measure({**of_column, **known_measures}[name]))
    known: Mapping[str, Any] = methods.methods() if what == "methods" else all_labellings()
    _check(what, name, known)
    head = [f"[{what}.{name}]"]
    if what == "labellings":
        head.append(f"labeller = {json.dumps(known[name].name)}")
    return "\n".join([*_describe(name, known[name], weights), *head, *_parameters(known[name]), *_cite(known[name])])


def _describe_measure(kind: type[Measure]) -> Iterator[str]:
    yield from _tell(kind.name, kind)
    yield ""
    yield f"It needs: {', '.join(kind.needs)}."
    for name, column in kind.columns.items():
        unit = {"": "a count", "1": "without unit"}.get(column.unit, column.unit)
        yield ""
        yield f"{name}: {unit}, {column.direction}"
        yield textwrap.fill(f"{column.description}.", WIDTH, initial_indent="  ", subsequent_indent="  ")
        if column.margin is not None:
            yield f"  Differences in its mean within ± {column.margin:g} are of no consequence."
        if column.reference:
            yield f"  {column.reference}"
    yield ""
    if kind.always:
        yield "It is taken in every run." if not fields(kind) else "It is taken in every run. In a protocol:"
    else:
        yield "A protocol asks for it:"
    if fields(kind):
        yield from ("", f"[evaluation.{kind.name}]", *_parameters(kind))
    elif not kind.always:
        yield from ("", "[evaluation]", f"{kind.name} = true")
    yield from _cite(kind)


def all_labellings() -> dict[str, Any]:
    """Labellings by name; labellers of any labelling by their own; FreeSurfer's, which are read."""
    of_any = {name: cls for name, cls in labellers.labellers().items() if cls.labelling is None}
    freesurfers = dict.fromkeys(labellers.FREESURFERS, labellers.labellers()["existing"])
    return {**labellers.labellings(), **of_any, **freesurfers}


def _check(what: str, name: str, known: Mapping[str, object], more: Iterable[str] = ()) -> None:
    """Refuse a name that is not known, nor among others that are as good."""
    allowed = dict.fromkeys((*known, *more))
    if name not in allowed:
        close = difflib.get_close_matches(name, allowed, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UsageError(f"lumirage {what}: there is no {name!r}.{hint} Known: {', '.join(known)}.")


def _tell(name: str, kind: Any) -> Iterator[str]:
    """Its name and what it is, in a line and in full."""
    yield f"{name}: {kind.summary}"
    docs = docs_of(kind)
    for paragraph in filter(None, [docs.short_description, *(docs.long_description or "").split("\n\n")]):
        yield ""
        yield textwrap.fill(_strip_marks(paragraph), WIDTH)


def _describe(name: str, kind: Any, weights: Path | None) -> Iterator[str]:
    yield from _tell(name, kind)
    if scored := labellers.scored_of(name):
        yield ""
        yield f"Scored are these {len(scored)} structures of FreeSurfer's:"
        yield textwrap.fill(", ".join(scored.values()), WIDTH, break_on_hyphens=False)
    if missing := kind().missing(Context(weights=weights)):
        yield ""
        yield f"Missing here: {missing}"  # it may hold a command to copy
    yield ""
    yield "In a protocol, with what holds where nothing is said:" if fields(kind) else "It has no parameters:"
    yield ""


def docs_of(kind: type) -> Docstring:
    """Its docstring, in parts."""
    return numpydoc.parse(kind.__doc__ or "")


def parameters(kind: Any) -> Iterator[Parameter]:
    """What can be set of a method, labeller, masker or measure, in the order of its fields."""
    told, hints = describe_parameters(kind), get_type_hints(kind)
    for field in fields(kind):
        meaning = " ".join(filter(None, (told.get(field.name, ""), _tell_allowed(hints[field.name]))))
        unset = field.default is MISSING or field.default is None
        yield Parameter(name=field.name, meaning=meaning, default="" if unset else _toml(field.default))


def _parameters(kind: Any) -> Iterator[str]:
    """Each parameter as a line of TOML below what it means."""
    for parameter in parameters(kind):
        yield ""
        yield from textwrap.wrap(parameter.meaning, WIDTH, initial_indent="# ", subsequent_indent="# ")
        yield f"{parameter.name} = {parameter.default}" if parameter.default else f"# {parameter.name} is not set"


def _toml(value: object) -> str:
    """A default as TOML, which has lists, texts, numbers and truth values as JSON has them; tables in one line."""
    if is_dataclass(value):
        parts = ((field.name, getattr(value, field.name)) for field in fields(value))
        return "{" + ", ".join(f"{name} = {_toml(part)}" for name, part in parts if part not in ("", (), None)) + "}"
    return json.dumps(value, ensure_ascii=False)


def _tell_allowed(hint: Any) -> str:
    """The values that a parameter may have, where these are words or a table with certain keys; else nothing."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    words = [json.dumps(value) for option in options if get_origin(option) is Literal for value in get_args(option)]
    tables = [
        f"a table with any of {', '.join(field.name for field in fields(option))}"
        for option in options
        if is_dataclass(option)
    ]
    return f"Allowed: {', '.join([*words, *tables])}." if words or tables else ""


def describe_parameters(kind: type) -> dict[str, str]:
    """Parameter → what it means, from the ``Attributes`` of a class and of those that it is made from."""
    attributes = [of for cls in reversed(kind.__mro__) for of in docs_of(cls).params if of.args[0] == "attribute"]
    return {name: _strip_marks(of.description or "") for of in attributes for name in of.arg_name.split(", ")}


def _strip_marks(text: str) -> str:
    """Text in one line, without marks for code."""
    return " ".join(text.replace("``", "").split())


def _cite(kind: Any) -> Iterator[str]:

    if kind.references:
        yield ""
        yield "To be cited:"
    for key in kind.references:
        publication = publications()[key]
        yield textwrap.fill(f"{publication.text} {publication.url}", WIDTH, initial_indent="  ", subsequent_indent="  ")


def list_known(what: str, weights: Path | None) -> int:
    """Print methods, labellings, measures or protocols, a line each, and what is missing to use them here."""
    context = Context(weights=weights)
    lines: list[tuple[str, str, str | None]]
    if what == "methods":
        return _list_methods(context)
    if what == "labellings":
        lines = [(name, cls.summary, cls().missing(context)) for name, cls in labellers.labellings().items()]
    elif what == "measures":
        lines = [
            (name, f"{kind.summary} [{', '.join(kind.needs)}]", None) for name, kind in measures.measures().items()
        ]
    else:
        lines = [(name, protocol.load(name).description, None) for name in protocol.names()]
    _print_lines(lines, max(len(name) for name, _, _ in lines))
    return 0


def _list_methods(context: Context) -> int:
    """Methods by what they are, those that are only there with an extension among the user's."""
    known = {name: kind() for name, kind in methods.methods().items()}
    width = max(map(len, known))
    groups = {name: group_of(made) for name, made in known.items()}
    for title, group in GROUPS.items():
        found = [(name, made.summary, made.missing(context)) for name, made in known.items() if groups[name] == group]
        if found:
            print(f"{title}:")
            _print_lines(found, width)
    return 0


def group_of(made: Method) -> str:
    """Which of `GROUPS` a method is listed under."""
    if made.training == "unknown" or not type(made).__module__.startswith(f"{methods.__name__}."):
        return "yours"
    if made.training != "none":
        return "learned"
    return "iterative" if made.similarity_for(multimodal=False) != "n/a" else "none"


def _print_lines(lines: Iterable[tuple[str, str, str | None]], width: int) -> None:
    for name, summary, missing in lines:
        print(f"{name:{width}}  {summary}" + (f"\n{'':{width}}  missing here: {missing}" if missing else ""))
