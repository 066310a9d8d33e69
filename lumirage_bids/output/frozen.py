"""A frozen plan: what runs are to do, laid down in a file before there are results, with one digest over it."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.output import history
from lumirage_bids.output.folder import Output

FILE = Path("frozen.toml")
"""The copy in an output folder that is held to it."""
FORMAT = 1
UNKNOWN = "not known before the run"
HEADER = """\
# What LUMirage is to do, laid down before there are results. Runs that are given this file (--freeze) refuse to differ.
# The digest (SHA-256) is over all tables but [about]; it is checked whenever the file is read.

"""
_LISTED = 3
_EXACT = 2.0**53
_MAPS = ("labels", "t1w_labels")

_NUMBERS = re.compile(r"\[\n((?: +[-+.\w]+,\n)+) *\]")

Table: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """A frozen plan.

    Attributes
    ----------
    about : mapping
        What a reader wants to know besides, and is in no digest: version of the program, text of the protocol, all
        parameters of each arm.
    content : mapping
        What counts: ``run``, ``statistics``, ``margins``, ``masks``, ``labellings``, ``arms``, ``scans``, ``pairs``; as
        TOML has it, see `simplify`.
    """

    about: Table
    content: Table

    @cached_property
    def digest(self) -> str:
        """64 hexadecimal digits: who wants to find two plans with one digest has the time to try."""
        text = json.dumps(self.content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def text(self) -> str:
        """The file: the same plan gives the same bytes."""
        import tomli_w

        about = {k: v for k, v in self.about.items() if k not in ("text", "parameters")}
        head = {"format": FORMAT, "digest": self.digest, "about": about}
        told = {"about": {"parameters": self.about["parameters"]}} if "parameters" in self.about else {}
        protocol = _literal(str(self.about["text"])) if "text" in self.about else ""
        more, content = (_NUMBERS.sub(_write_numbers, tomli_w.dumps(table)) for table in (told, self.content))
        return "\n".join(part for part in (f"{HEADER}{tomli_w.dumps(head)}{protocol}", more, content) if part)

    @cached_property
    def arms(self) -> dict[tuple[str, str], Table]:
        """(variant, method) → its tables."""
        return {(arm["variant"], arm["name"]): arm for arm in self.content["arms"].values()}

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Names of moving and fixed scans."""
        return frozenset((moving, fixed) for moving, row in self.content["pairs"].items() for fixed in row)

    def find_conditions(self, arm: tuple[str, str], labelling: str) -> history.Conditions:
        """Conditions of the rows of an arm and a labelling, as `history` keeps them."""
        of, labels = self.arms[arm], self.content["labellings"][labelling]
        return {
            **_arm_conditions(of),
            "labelling": labels["labeller"],
            "revisions": {**of["revisions"], "labelling": labels["revision"]},
            "labeller_code": labels.get("code", {}),
            "reference": self.content["run"]["reference"],
        }


def _literal(text: str) -> str:
    """The protocol as a line, or lines, of TOML: as it was written, where TOML can have it so."""
    import tomli_w

    literal = f"text = '''\n{text}'''\n"
    with suppress(ValueError):
        if tomllib.loads(literal) == {"text": text}:
            return literal
    return tomli_w.dumps({"text": text})


def _write_numbers(numbers: re.Match[str]) -> str:
    return f"[{', '.join(numbers[1].split()).replace(',,', ',').rstrip(',')}]"


def simplify(value: object) -> Any:
    """A value as TOML has it, which has no null; a number in one way, however a protocol spells it."""
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return {str(key): simplify(of) for key, of in value.items()}
    if isinstance(value, list | tuple):
        return [simplify(of) for of in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value if isinstance(value, bool | int | float | str) else str(value)


def read_frozen(file: Path) -> Frozen:
    """Read a frozen plan.

    Raises
    ------
    MissingInputError
        There is no such file.
    UsageError
        It is not a frozen plan, or was changed after it was frozen.
    """
    try:
        whole = tomllib.loads(file.read_text("utf-8"))
        digest, about, version = whole.pop("digest"), whole.pop("about"), whole.pop("format")
    except FileNotFoundError:
        raise MissingInputError(
            f"There is no frozen plan {file}. Write one first: the same command with --dry-run."
        ) from None
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"{file} is not a frozen plan ({error}). Give a file that --dry-run --freeze has written."
        ) from None
    if not isinstance(about, dict):
        raise UsageError(
            f"{file} is not a frozen plan: about = {about!r:.40}. Give a file that --dry-run --freeze has written."
        )
    if version != FORMAT:
        raise UsageError(f"The frozen plan {file} has format {version}, this version reads {FORMAT}. Use a newer one.")
    found = Frozen(about=about, content=whole)
    if found.digest != digest:
        raise UsageError(
            f"The frozen plan {file} was changed after it was frozen: it says digest {digest}, and its content has "
            f"{found.digest}. Give the file as it was written."
        )
    return found


def held_to(output: Output) -> Frozen | None:
    """The frozen plan that an output folder is held to, if there is one."""
    return read_frozen(output / FILE) if (output / FILE).exists() else None


def differences(frozen: Frozen, now: Frozen) -> list[str]:
    """What a plan does otherwise than a frozen one, in words; nothing where it does what that lays down."""
    old, new = frozen.content, now.content
    return [
        *_values("", old["run"], new["run"]),
        *_values("statistics ", old["statistics"], new["statistics"]),
        *_values("margin of ", old["margins"], new["margins"]),
        *_values("masks ", old["masks"], new["masks"]),
        *_compare_each("arm", _arms(frozen), _arms(now)),
        *_compare_each("labelling", _labellings(frozen), _labellings(now)),
        *_structures_scored(old["labellings"], new["labellings"]),
        *_scans(old["scans"], new["scans"]),
        *_tell_some("pair", "frozen, and not of this run", frozen.pairs - now.pairs),
        *_tell_some("pair", "of this run, and not frozen", now.pairs - frozen.pairs),
    ]


def _values(where: str, old: Table, new: Table) -> Iterator[str]:
    for key in dict.fromkeys([*old, *new]):
        was, is_ = (json.dumps(of[key], ensure_ascii=False) if key in of else "not set" for of in (old, new))
        if was != is_:
            yield f"{where}{key} {was} → {is_}"


def in_words(variant: str, method: str) -> str:
    """An arm as it is called in messages."""
    return method if variant == "default" else f"{method} ({variant})"


def _arm_conditions(arm: Table) -> dict[str, Any]:
    return {key: arm.get(key, {}) for key in ("method", "preparation", "alignment", "evaluation", "revisions", "code")}


def _arms(frozen: Frozen) -> dict[str, history.Conditions]:
    """Arms, as they are called in words → their conditions."""
    return {in_words(*key): _arm_conditions(arm) for key, arm in frozen.arms.items()}


def _labellings(frozen: Frozen) -> dict[str, history.Conditions]:
    return {
        name: {
            "labelling": {**of["labeller"], "scored against": of["reference"]},
            "revisions": {"labelling": of["revision"]},
            "labeller_code": of.get("code", {}),
        }
        for name, of in frozen.content["labellings"].items()
    }


def _compare_each(
    kind: str, old: Mapping[str, history.Conditions], new: Mapping[str, history.Conditions]
) -> Iterator[str]:
    """What is other in things that are told by name; what is the same in several is told once."""
    yield from (f"{kind} {name}: frozen, and not of this run" for name in old if name not in new)
    yield from (f"{kind} {name}: of this run, and not frozen" for name in new if name not in old)
    told: dict[str, list[str]] = {}
    for name in old:
        if name in new and old[name] != new[name]:
            told.setdefault(history.differences(old[name], new[name]), []).append(name)
    yield from (f"{kind} {'; '.join(names)}: {what}" for what, names in told.items())


def _structures_scored(old: Table, new: Table) -> Iterator[str]:
    """Structures that look-up tables name; those of tables that are not here are not known."""
    for name in old.keys() & new.keys():
        was, is_ = (of[name].get("scored", UNKNOWN) for of in (old, new))
        if UNKNOWN not in (was, is_):
            yield from _values(f"labelling {name}, structure ", was, is_)


def _scans(old: Table, new: Table) -> Iterator[str]:
    """Scans that are read from other files, or of which something else is said; a map that is missing is no other."""
    texts = [f"scan {name}: {text}" for name in old if name in new for text in _compare_scans(old[name], new[name])]
    yield from texts[:_LISTED]
    if len(texts) > _LISTED:
        yield f"scans: {len(texts) - _LISTED} other differences"


def _compare_scans(old: Table, new: Table) -> Iterator[str]:
    yield from _values("", *({k: v for k, v in of.items() if k not in _MAPS} for of in (old, new)))
    for kind in _MAPS:
        was, is_ = old.get(kind, {}), new.get(kind, {})
        yield from (f"{kind} {k} {was[k]} → {is_[k]}" for k in was if k in is_ and was[k] != is_[k])


def _tell_some(what: str, state: str, pairs: Collection[tuple[str, str]]) -> Iterator[str]:
    if pairs:
        named = ", ".join(f"{moving} → {fixed}" for moving, fixed in sorted(pairs)[:_LISTED])
        yield f"{len(pairs)} {what}(s) {state}: {named}{', …' if len(pairs) > _LISTED else ''}"
