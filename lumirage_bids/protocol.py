"""An experiment as data: read from TOML, checked once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from lumirage_bids.errors import MissingInputError, UsageError

Table = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """Where the label maps of one labelling come from.

    Attributes
    ----------
    labeller : str
        ``existing`` for maps that are there, else the labeller that makes them.
    pattern : str or None
        Path pattern of existing maps below the dataset; None when they come from ``--derivatives``.
    structures : mapping or None
        Index → name, where the protocol gives it.
    parameters : mapping
        Fields of the labeller.
    """

    labeller: str
    pattern: str | None = None
    structures: Mapping[int, str] | None = None
    parameters: Table = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One named way to prepare, align and register; values are checked where they are used."""

    name: str
    preparation: Table = field(default_factory=dict)
    alignment: Table = field(default_factory=dict)
    methods: Mapping[str, Table] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """An experiment: which scans, labellings, preparation, variants, alignment, pairs and methods.

    Attributes
    ----------
    filter : str or mapping
        Name or path of a PyBIDS filter file, or its content.
    prefer : tuple of mapping
        Entities preferred, best first, when a subject, session and contrast has several scans.
    reference : str
        Scan that all others are aligned to: ``first`` (by name) or a subject label.
    labellings : mapping
        Labelling → where its maps come from. The first ``default_labellings`` are used unless others are asked for.
    """

    name: str
    description: str
    source: str = ""
    filter: str | Table = "t1w"
    prefer: tuple[Mapping[str, str], ...] = ()
    mask_pattern: str | None = None
    brain_pattern: str | None = None
    reference: str = "first"
    labellings: Mapping[str, Labelling]
    default_labellings: tuple[str, ...]
    default_methods: tuple[str, ...]
    variants: tuple[Variant, ...]
    max_pairs: int | None = None
    text: str = ""

    def variant(self, name: str) -> Variant:
        """Look a variant up by name."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        known = ", ".join(v.name for v in self.variants)
        raise UsageError(f"Protocol '{self.name}' has no variant '{name}'. It has: {known}.")


def names() -> list[str]:
    """Names of the protocols that come with the program."""
    folder = resources.files("lumirage_bids") / "protocols"
    return sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml"))


def load(name_or_path: str) -> Protocol:
    """Read a protocol by name or from a TOML file.

    Raises
    ------
    UsageError
        The name is unknown, or the file has an unknown key or a value of the wrong kind.
    MissingInputError
        The file does not exist.
    """
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if not path.is_file():
            raise MissingInputError(f"No protocol file {path}. Give a TOML file or one of: {', '.join(names())}.")
        text, name = _read_text(path), path.stem
    elif name_or_path in names():
        text = (resources.files("lumirage_bids") / "protocols" / f"{name_or_path}.toml").read_text("utf-8")
        name = name_or_path
    else:
        raise UsageError(
            f"No protocol is called '{name_or_path}'. Known: {', '.join(names())}; or give a file that ends in .toml."
        )
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"Protocol {name_or_path} is not valid TOML: {error}.") from None
    return replace(_Reader(name_or_path).protocol(name, table), text=text)


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Protocol {path} cannot be read as UTF-8 text: {error}.") from None


class _Reader:
    """Checks a protocol's table; every complaint names file, key, value and what is allowed."""

    def __init__(self, source: str) -> None:
        self.source = source

    def fail(self, key: str, value: object, allowed: str) -> UsageError:
        return UsageError(f"Protocol {self.source}: {key} = {value!r} is not allowed; {allowed}.")

    def known(self, where: str, table: Table, *allowed: str) -> None:
        for key in table:
            if key not in allowed:
                what = f"in [{where}]" if where else "at the top level"
                raise UsageError(f"Protocol {self.source}: unknown key '{key}' {what}. Allowed: {', '.join(allowed)}.")

    def get(self, where: str, table: Table, key: str, kind: type, default: Any = None) -> Any:
        value = table.get(key, default)
        if value is not default and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
            words = {str: "text", dict: "a table", list: "a list", int: "a whole number"}
            raise self.fail(f"{where}.{key}" if where else key, value, f"it must be {words[kind]}")
        return value

    def protocol(self, name: str, table: Table) -> Protocol:
        sections = ("scans", "labellings", "preparation", "alignment", "methods", "variants", "pairs")
        self.known("", table, "description", *sections)
        top = {s: self.get("", table, s, dict, {}) for s in sections}
        scans, pairs = top["scans"], top["pairs"]
        self.known("scans", scans, "filter", "prefer", "mask", "brain")
        self.known("pairs", pairs, "max")
        alignment = dict(top["alignment"])
        reference = self.get("alignment", alignment, "reference", str, "first")
        alignment.pop("reference", None)
        labellings = {k: self.labelling(k, v) for k, v in top["labellings"].items()}
        methods = self.tables("methods", top["methods"])
        base = Variant(name="default", preparation=top["preparation"], alignment=alignment, methods=methods)
        filter_ = scans.get("filter", "t1w")
        if not isinstance(filter_, str | dict):
            raise self.fail("scans.filter", filter_, "it must be the name of a filter, a file, or a table")
        return Protocol(
            name=name,
            description=self.get("", table, "description", str, ""),
            source=self.source,
            filter=filter_,
            prefer=tuple(self.preference(p) for p in self.get("scans", scans, "prefer", list, [])),
            mask_pattern=self.pattern("scans", scans, "mask"),
            brain_pattern=self.pattern("scans", scans, "brain"),
            reference=reference,
            labellings=labellings or {"tissue": Labelling(labeller="atropos")},
            default_labellings=tuple(labellings) or ("tissue",),
            default_methods=tuple(methods) or ("greedy",),
            variants=tuple(self.variant(base, k, v) for k, v in top["variants"].items()) or (base,),
            max_pairs=self.positive("pairs.max", self.get("pairs", pairs, "max", int)),
        )

    def positive(self, key: str, value: int | None) -> int | None:
        if value is not None and value < 1:
            raise self.fail(key, value, "it must be at least 1")
        return value

    def tables(self, where: str, table: Table) -> dict[str, Table]:
        return {key: self.get(where, table, key, dict) for key in table}

    def preference(self, value: object) -> Mapping[str, str]:
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self.fail("scans.prefer", value, 'give tables of entities, such as {acq = "MPRAGE"}')
        return value

    def pattern(self, where: str, table: Table, key: str) -> str | None:
        pattern = self.get(where, table, key, str)
        if pattern is not None and (Path(pattern).is_absolute() or ".." in Path(pattern).parts):
            raise self.fail(f"{where}.{key}", pattern, "a path pattern stays below the dataset")
        return str(pattern) if pattern is not None else None

    def labelling(self, name: str, table: object) -> Labelling:
        where = f"labellings.{name}"
        if not isinstance(table, dict):
            raise self.fail(where, table, "it must be a table")
        if not name.isalnum():
            raise self.fail(where, name, "a labelling's name has letters and digits only (it becomes a BIDS label)")
        structures = self.get(where, table, "structures", dict)
        rest = {k: v for k, v in table.items() if k not in {"labeller", "pattern", "structures"}}
        pattern = self.pattern(where, table, "pattern")
        labeller = self.get(where, table, "labeller", str, "existing")
        if pattern is not None and labeller != "existing":
            raise self.fail(f"{where}.pattern", pattern, "only the labeller 'existing' reads files by a pattern")
        if structures is not None:
            if not all(k.isdigit() and int(k) > 0 and isinstance(v, str) for k, v in structures.items()):
                raise self.fail(f"{where}.structures", structures, 'give positive indices and names: 4 = "Ventricle"')
            structures = {int(k): v for k, v in structures.items()}
        return Labelling(labeller=labeller, pattern=pattern, structures=structures, parameters=rest)

    def variant(self, base: Variant, name: str, table: object) -> Variant:
        where = f"variants.{name}"
        if not isinstance(table, dict):
            raise self.fail(where, table, "it must be a table")
        self.known(where, table, "preparation", "alignment", "methods")
        changed = self.tables(f"{where}.methods", self.get(where, table, "methods", dict, {}))
        for method in changed:
            if method not in base.methods:
                raise self.fail(f"{where}.methods", method, f"methods of this protocol: {', '.join(base.methods)}")
        return Variant(
            name=name,
            preparation={**base.preparation, **self.get(where, table, "preparation", dict, {})},
            alignment={**base.alignment, **self.get(where, table, "alignment", dict, {})},
            methods={m: {**p, **changed.get(m, {})} for m, p in base.methods.items()},
        )
