"""What happened to every pair, and the exit code that follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from lumirage_bids.base.failures import PASSING
from lumirage_bids.bids.scans import Pair
from lumirage_bids.experiment.labels_of_run import LabellingOfRun
from lumirage_bids.experiment.plan import Plan
from lumirage_bids.experiment.selection import is_present
from lumirage_bids.output import paths, score_table
from lumirage_bids.output.folder import Output

LEFT_OUT = "left out"
COLUMNS: dict[str, dict[str, Any]] = {
    "variant": score_table.COLUMNS["variant"],
    "method": score_table.COLUMNS["method"],
    "labelling": score_table.COLUMNS["labelling"],
    "moving": score_table.COLUMNS["moving"],
    "fixed": score_table.COLUMNS["fixed"],
    "status": {
        "Description": "State of this pair",
        "Levels": {
            "ok": "registered and scored",
            "failed": "could not be registered or scored; see reason",
            "missing": "the content of a scan or of its label map is not here",
            "pending": "not done yet",
            LEFT_OUT: "a subject, in column moving, no scan of whom takes part; see reason",
        },
    },
    "kind": score_table.COLUMNS["kind"],
    "reason": {
        "Description": "Why a pair failed, which scan is missing, why an earlier row does not count, or why a subject "
        "is left out"
    },
}


def is_final(status: object, kind: object) -> bool:
    """Whether a row need not be made again: not when a process was killed or a file vanished on the way."""
    return status == "ok" or kind not in PASSING


def status_table(plan: Plan, rows: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row for every pair of the protocol × arm × labelling; and one for every subject that is left out.

    Parameters
    ----------
    plan : Plan
        Of this run.
    rows : dict
        As `score_table.collect` returns them.
    """
    names = tuple(labels.name for labels in plan.labels)
    absent = {s.name for p in plan.pairs for s in (p.moving, p.fixed) if not is_present(s, names)}
    pairs = pd.DataFrame([(p.moving.name, p.fixed.name) for p in plan.pairs], columns=["moving", "fixed"], dtype=object)
    pairs["absent"] = [_tell_absent(m, f, absent) for m, f in zip(pairs["moving"], pairs["fixed"], strict=True)]
    unlabelled = {labels.name: [_tell_lacking(p, labels) for p in plan.pairs] for labels in plan.labels}
    parts = []
    for arm in plan.arms:
        for name in filter(arm.scores, names):
            part = pairs.assign(variant=arm.variant, method=arm.name, labelling=name)
            part["absent"] = part["absent"].where(part["absent"] != "", unlabelled[name])
            parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    known = [t[[*score_table.KEY, "status", "kind", "reason", "hash"]] for n, t in rows.items() if n in names]
    if known:
        table = table.merge(pd.concat(known), on=list(score_table.KEY), how="left")
    else:
        table = table.assign(status=None, kind=None, reason=None, hash=None)
    outdated = [plan.expected.get(k, h) != h for k, h in zip(_keys(table), table["hash"], strict=True)]
    table.loc[outdated, ["status", "kind", "reason"]] = None
    undone = table["status"].isna()
    table.loc[undone, "status"] = "pending"
    table.loc[undone, "reason"] = _reasons(table[undone], plan)
    gone = undone & (table["absent"] != "")
    table.loc[gone, "status"] = "missing"
    table.loc[gone, "reason"] = table.loc[gone, "absent"]
    return pd.concat([table[list(COLUMNS)], _list_left_out(plan)], ignore_index=True)


def _list_left_out(plan: Plan) -> pd.DataFrame:
    """A row for every subject no scan of whom takes part."""
    rows = [{"moving": f"sub-{s.subject}", "status": LEFT_OUT, "reason": s.reason} for s in plan.left_out]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def _keys(table: pd.DataFrame) -> Iterator[tuple[str, str, str, str]]:
    arms = map(paths.description, table["variant"], table["method"])
    return zip(arms, table["labelling"], table["moving"], table["fixed"], strict=True)


def _reasons(pending: pd.DataFrame, plan: Plan) -> list[str | None]:
    """Why earlier rows do not count; nothing where there were none."""
    keys = zip(*(pending[column] for column in score_table.KEY), strict=True)
    reasons = (plan.again.reasons.get(key) for key in keys)
    return [f"made again: {reason}" if reason else None for reason in reasons]


def _tell_lacking(pair: Pair, labels: LabellingOfRun) -> str:
    return ", ".join(f"{s.name} has no label map" for s in (pair.moving, pair.fixed) if not labels.has(s))


def _tell_absent(moving: str, fixed: str, absent: set[str]) -> str:
    return ", ".join(f"{name} is not here" for name in (moving, fixed) if name in absent)


def write(output: Output, table: pd.DataFrame) -> None:
    """Write status.tsv and its data dictionary."""
    output.write_table("status.tsv", table, COLUMNS)


def keep_own(table: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """The rows of those pairs that this run was asked to do and could."""
    asked = {(p.moving.name, p.fixed.name) for p in plan.runnable}
    return table[[key in asked for key in zip(table["moving"], table["fixed"], strict=True)]]


def exit_code(statuses: Iterable[str], kinds: Iterable[object]) -> int:
    """Exit code of a run from its pairs: 0, 1, 65 when bad data left no pair, 75 when doing it again may help.

    Examples
    --------
    >>> exit_code(["ok", "failed"], [None, "out of memory"])
    1
    >>> exit_code(["failed"], ["bad data"])
    65
    >>> exit_code(["ok", "failed"], [None, "killed"])
    75
    """
    pairs = list(zip(statuses, kinds, strict=True))
    failed = [kind for status, kind in pairs if status == "failed"]
    if not PASSING.isdisjoint(failed) or any(status == "pending" for status, _ in pairs):
        return 75
    if not failed:
        return 0
    return 65 if len(failed) == len(pairs) and set(failed) == {"bad data"} else 1


def preparation_code(plan: Plan, output: Output) -> int:
    """Exit code of a run that only prepared: 0, 1 when some scans failed, 65 when all did, 75 to do it again."""
    scans = {s.name for p in plan.runnable for s in (p.moving, p.fixed)}
    failures = {
        name: [
            why
            for file, value in plan.made[name].items()
            if output.hash_of(file) != value and (why := output.why_not(file, value))
        ]
        for name in scans
    }
    if not all(why.is_final for of_scan in failures.values() for why in of_scan):
        return 75
    failed = sum(1 for of_scan in failures.values() if of_scan)
    return 0 if not failed else 65 if failed == len(scans) else 1
