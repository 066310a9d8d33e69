"""A protocol's TOML table, checked once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lumirage_bids.base.criteria import Criteria, why_not
from lumirage_bids.base.errors import UsageError
from lumirage_bids.bids.names import LABEL
from lumirage_bids.experiment.declared import DeclaredLabelling, PairRule, Protocol, Table, Variant
from lumirage_bids.experiment.downstream import FEWEST_SCANS

SECTIONS = (
    "scans", "masks", "labellings", "preparation", "alignment", "template", "evaluation", "methods", "variants",
    "pairs", "tuned", "statistics", "downstream",
)  # fmt: skip


def read_protocol(source: str, name: str, table: Table) -> Protocol:
    """Check a table, and make it a protocol.

    Parameters
    ----------
    source : str
        What complaints call it.
    name : str
        What it is called.
    table : mapping
        Its TOML, with what it extends.

    Raises
    ------
    UsageError
        A key is unknown, or a value of the wrong kind.
    """
    return _TableReader(source).protocol(name, table)


class _TableReader:
    """Checks a protocol's table; every complaint names file, key, value and what is allowed."""

    def __init__(self, source: str) -> None:
        self.source = source

    def fail(self, key: str, value: object, allowed: str) -> UsageError:
        return UsageError(f"Protocol {self.source}: {key} = {value!r} is not allowed; {allowed}.")

    def refuse_unknown(self, where: str, table: Table, *allowed: str) -> None:
        for key in table:
            if key not in allowed:
                what = f"in [{where}]" if where else "at the top level"
                raise UsageError(f"Protocol {self.source}: unknown key '{key}' {what}. Allowed: {', '.join(allowed)}.")

    def get(self, where: str, table: Table, key: str, kind: type, default: Any = None) -> Any:
        value = table.get(key, default)
        if value is not default and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
            words = {str: "text", dict: "a table", list: "a list", int: "a whole number", bool: "true or false"}
            raise self.fail(f"{where}.{key}" if where else key, value, f"it must be {words[kind]}")
        return value

    def protocol(self, name: str, table: Table) -> Protocol:
        self.refuse_unknown("", table, "description", *SECTIONS)
        top = {s: self.get("", table, s, dict, {}) for s in SECTIONS}
        scans, pairs = top["scans"], top["pairs"]
        self.refuse_unknown("scans", scans, "filter", "prefer", "mask", "brain", "lesion", "landmarks", "raters")
        alignment = dict(top["alignment"])
        reference = self.get("alignment", alignment, "reference", str, "first")
        alignment.pop("reference", None)
        labellings = {k: self.labelling(k, v) for k, v in top["labellings"].items()}
        self.references(labellings)
        methods, asked = self.by_default("methods", top["methods"])
        changes, extra = self.by_default("variants", top["variants"])
        for section, its in (("methods", methods), ("variants", changes)):
            for key in its:
                if not any(c.isascii() and c.isalnum() for c in key):
                    raise self.fail(section, key, "a name has at least one letter or digit (it goes into file names)")
        for key in top["tuned"]:
            if key not in methods:
                raise self.fail("tuned", key, f"methods of this protocol: {', '.join(methods) or 'none'}")
        base = Variant(
            name="default",
            preparation=top["preparation"],
            alignment=alignment,
            evaluation=top["evaluation"],
            methods=methods,
        )
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
            lesion_pattern=self.pattern("scans", scans, "lesion"),
            landmark_pattern=self.pattern("scans", scans, "landmarks"),
            rater_pattern=self.pattern("scans", scans, "raters"),
            masks=top["masks"],
            reference=reference,
            labellings=labellings or {"tissue": DeclaredLabelling(labeller="atropos")},
            default_labellings=tuple(labellings) or ("tissue",),
            names_labellings=bool(labellings),
            default_methods=tuple(name for name in methods if name not in asked) or ("greedy",),
            variants=tuple(self.variant(base, k, v) for k, v in changes.items() if k not in extra) or (base,),
            on_request=tuple(self.variant(base, k, changes[k]) for k in extra),
            pairs=self.pair_rule(pairs),
            template=self.template(top["template"]),
            tuned={key: self.get("tuned", top["tuned"], key, str) for key in top["tuned"]},
            statistics=self.criteria(top["statistics"]),
            downstream=self.downstream(top["downstream"]),
        )

    def downstream(self, table: Table) -> int | None:
        self.refuse_unknown("downstream", table, "scans")
        return self.at_least("downstream", table, "scans", FEWEST_SCANS)

    def criteria(self, table: Table) -> Criteria:
        self.refuse_unknown("statistics", table, "margin", "threshold", "confidence")
        for key, value in table.items():
            if complaint := why_not(key, value):
                raise self.fail(f"statistics.{key}", value, complaint)
        return Criteria(**{key: float(value) for key, value in table.items()})

    def template(self, table: Table) -> Table | None:
        if not table:
            return None
        self.refuse_unknown("template", table, "name", "resolution", "suffix", "cohort", "atlases")
        kinds = {"name": str, "resolution": int, "suffix": str, "cohort": int, "atlases": dict}
        given = {key: self.get("template", table, key, kind) for key, kind in kinds.items() if key in table}
        if "name" not in given:
            raise self.fail("template.name", None, 'name a template of TemplateFlow, such as "MNI152NLin2009cAsym"')
        for labelling, entities in given.get("atlases", {}).items():
            if not isinstance(entities, dict) or not all(isinstance(v, str) for v in entities.values()):
                raise self.fail(f"template.atlases.{labelling}", entities, 'give entities: {atlas = "…", desc = "…"}')
        return given

    def pair_rule(self, table: Table) -> PairRule:
        self.refuse_unknown("pairs", table, "subjects", "splits", "file", "max", "max_per_contrast")
        splits = self.get("pairs", table, "splits", list, [])
        if not all(isinstance(s, str) for s in splits):
            raise self.fail("pairs.splits", splits, 'give names of splits, such as ["MPRAGE to MP2RAGE"]')
        file = self.get("pairs", table, "file", str)
        return PairRule(
            subjects=self.at_least("pairs", table, "subjects", 2),
            splits=tuple(splits),
            file=None if file is None else Path(file),
            max=self.at_least("pairs", table, "max", 1),
            max_per_contrast=self.at_least("pairs", table, "max_per_contrast", 1),
        )

    def at_least(self, where: str, table: Table, key: str, least: int) -> int | None:
        value: int | None = self.get(where, table, key, int)
        if value is not None and value < least:
            raise self.fail(f"{where}.{key}", value, f"it must be at least {least}")
        return value

    def by_default(self, where: str, table: Table) -> tuple[dict[str, Table], list[str]]:
        """Tables without their key ``default``, and the names of those that are not taken by default."""
        tables = self.tables(where, table)
        taken = {name: self.get(f"{where}.{name}", each, "default", bool, True) for name, each in tables.items()}
        own: dict[str, Table] = {
            name: {k: v for k, v in each.items() if k != "default"} for name, each in tables.items()
        }
        return own, [name for name, is_taken in taken.items() if not is_taken]

    def tables(self, where: str, table: Table) -> dict[str, Table]:
        return {key: self.get(where, table, key, dict) for key in table}

    def preference(self, value: object) -> Mapping[str, str]:
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self.fail("scans.prefer", value, 'give tables of entities, such as {acq = "MPRAGE"}')
        return value

    def pattern(self, where: str, table: Table, key: str) -> str | None:
        pattern = self.get(where, table, key, str)
        if pattern is not None and (not pattern or Path(pattern).is_absolute() or ".." in Path(pattern).parts):
            raise self.fail(f"{where}.{key}", pattern, "a path pattern stays below the dataset")
        return str(pattern) if pattern is not None else None

    def labelling(self, name: str, table: object) -> DeclaredLabelling:
        where = f"labellings.{name}"
        if not isinstance(table, dict):
            raise self.fail(where, table, "it must be a table")
        if not LABEL.fullmatch(name):
            raise self.fail(where, name, "a labelling's name has letters and digits only (it becomes a BIDS label)")
        rest = {k: v for k, v in table.items() if k not in {"labeller", "pattern", "structures", "reference"}}
        reference = self.get(where, table, "reference", str)
        pattern = self.pattern(where, table, "pattern")
        labeller = self.get(where, table, "labeller", str, "existing")
        if pattern is not None and labeller != "existing":
            raise self.fail(f"{where}.pattern", pattern, "only the labeller 'existing' reads files by a pattern")
        return DeclaredLabelling(
            labeller=labeller,
            pattern=pattern,
            structures=tuple(self.codings(f"{where}.structures", table)),
            reference=reference,
            parameters=rest,
        )

    def codings(self, where: str, labelling: Table) -> Iterator[Mapping[int, str]]:
        given = labelling.get("structures", [])
        names: set[str] = set()
        for table in given if isinstance(given, list) else [given]:
            if not isinstance(table, dict) or not all(
                re.fullmatch("0*[1-9][0-9]{0,8}", k) and isinstance(v, str) for k, v in table.items()
            ):
                raise self.fail(where, table, 'give positive indices and names: 4 = "Ventricle"')
            if names and names != set(table.values()):
                raise self.fail(
                    where, table, f"codings of one labelling have the same names: {', '.join(sorted(names))}"
                )
            names = set(table.values())
            yield {int(k): v for k, v in table.items()}

    def references(self, labellings: Mapping[str, DeclaredLabelling]) -> None:
        allowed = [name for name, labelling in labellings.items() if labelling.reference is None]
        for name, labelling in labellings.items():
            if labelling.reference is not None and labelling.reference not in allowed:
                known = ", ".join(allowed) or "none"
                raise self.fail(
                    f"labellings.{name}.reference",
                    labelling.reference,
                    f"name another labelling of this protocol that has no reference itself: {known}",
                )

    def variant(self, base: Variant, name: str, table: object) -> Variant:
        where = f"variants.{name}"
        if not isinstance(table, dict):
            raise self.fail(where, table, "it must be a table")
        self.refuse_unknown(where, table, "preparation", "alignment", "evaluation", "methods")
        changed = self.tables(f"{where}.methods", self.get(where, table, "methods", dict, {}))
        for method in changed:
            if method not in base.methods:
                raise self.fail(f"{where}.methods", method, f"methods of this protocol: {', '.join(base.methods)}")
        return Variant(
            name=name,
            preparation={**base.preparation, **self.get(where, table, "preparation", dict, {})},
            alignment={**base.alignment, **self.get(where, table, "alignment", dict, {})},
            evaluation={**base.evaluation, **self.get(where, table, "evaluation", dict, {})},
            methods={m: {**p, **changed.get(m, {})} for m, p in base.methods.items()},
        )
