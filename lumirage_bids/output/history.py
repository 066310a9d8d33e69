"""What finished rows were made under, kept beside them, so that it can be said what is other now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lumirage_bids.output.folder import Output

MADE_UNDER = Path(".lumirage", "made_under.json")
OUTDATED = Path(".lumirage", "outdated.json")

Conditions = Mapping[str, Any]
"""What results were made under: tables of parameters, revisions of the steps, the reference, digests of own code.

Rows are summed up together where these are the same; their digest stands for them in rows and file names.
"""

_TABLES = ("method", "preparation", "alignment", "evaluation", "labelling")
_STEPS = {
    "preparation": "scans are prepared differently",
    "alignment": "scans are aligned differently",
    "registration": "the method works differently",
    "score": "pairs are scored differently",
    "labelling": "labels are made differently",
}

_UNSET = "not set"
_LISTED, _LONG = 5, 100
_CODE = {"code": "the program or the source of the method", "labeller_code": "the source of the labeller"}


def note_conditions(output: Output, conditions: Mapping[str, Conditions]) -> None:
    """Remember conditions by their digest; those of earlier runs stay."""
    output.write_json(MADE_UNDER, {**read_conditions(output), **conditions})


def read_conditions(output: Output) -> dict[str, Conditions]:
    """Conditions by their digest; without those of versions before 0.2.0."""
    return output.read_json(MADE_UNDER)


def note_outdated(output: Output, outdated: Mapping[str, str], valid: frozenset[str]) -> None:
    """Remember which rows, by their hash, do not count any more though their conditions do, and why.

    Parameters
    ----------
    valid : frozenset of str
        Hashes that count now: an input may have come back.
    """
    before = read_outdated(output)
    after = {**{value: why for value, why in before.items() if value not in valid}, **outdated}
    if after != before:
        output.write_json(OUTDATED, after)


def read_outdated(output: Output) -> dict[str, str]:
    """Hash of a row that does not count any more → why."""
    return output.read_json(OUTDATED)


def differences(old: Conditions | None, new: Conditions | None) -> str:
    """What is other in new conditions than in old ones, in words.

    Parameters
    ----------
    old, new : mapping or None
        None where the conditions are not on record.

    Examples
    --------
    >>> old = {"preparation": {"spacing": 2.0}, "revisions": {"alignment": 1}, "reference": "sub-1_T1w"}
    >>> differences(old, {**old, "preparation": {"spacing": 1.0}, "revisions": {"alignment": 2}})
    'preparation spacing 2.0 → 1.0; scans are aligned differently (revision 1 → 2)'
    """
    if old is None or new is None:
        return "their conditions are not on record (a version before 0.2.0), and are not those of now"
    found = "; ".join(_differences(_simplify(old), _simplify(new)))
    return found or "their conditions are others"


def _simplify(conditions: Conditions) -> dict[str, Any]:
    """As JSON has them: what was written is compared with what is about to be."""
    return dict(json.loads(json.dumps(conditions, default=str)))


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for table in _TABLES:
        before, after = old.get(table, {}), new.get(table, {})
        for key in dict.fromkeys([*before, *after]):
            if before.get(key, _UNSET) != after.get(key, _UNSET):
                yield _change(table, key, *(_word(values.get(key, _UNSET)) for values in (before, after)))
    for step, words in _STEPS.items():
        before, after = (of.get("revisions", {}).get(step, 1) for of in (old, new))
        if before != after:
            yield f"{words} (revision {before} → {after})"
    for what, words in _CODE.items():
        before, after = old.get(what, {}), new.get(what, {})
        if files := sorted(file for file in {*before, *after} if before.get(file) != after.get(file)):
            yield f"{words} changed: {', '.join(files[:_LISTED])}{' and others' if len(files) > _LISTED else ''}"
    if old.get("reference") != new.get("reference"):
        yield f"all scans are aligned to {new.get('reference')}, formerly to {old.get('reference')}"


def _change(table: str, key: str, before: str, after: str) -> str:
    what = table if key == table else f"{table} {key}"
    return f"{what} {before} → {after}" if len(before) + len(after) < _LONG else f"{what} changed"


def _word(value: object) -> str:
    return "none" if value is None else str(value)
