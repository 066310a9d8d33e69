"""The score tables: their columns, and how rows are read, kept apart and put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lumirage_bids import measures
from lumirage_bids.base.failures import KINDS, Failure, kind_by_words
from lumirage_bids.measures.dice import Dice
from lumirage_bids.measures.landmarks import Landmarks
from lumirage_bids.output import history, paths
from lumirage_bids.output.fill_in import FACTS, fill_in
from lumirage_bids.output.folder import Output
from lumirage_bids.output.stacking import stack

KEY = ("variant", "method", "labelling", "moving", "fixed")
DICTIONARY = Path("scores.json")
LATEST = Path(".lumirage", "conditions.json")

COLUMNS: dict[str, dict[str, Any]] = {
    "variant": {"Description": "Named preparation or parameters (descriptions.tsv)"},
    "method": {"Description": "Registration method; identity is the affine start itself, the floor of the table"},
    "labelling": {"Description": "Segmentation protocol whose label maps are scored"},
    "split": {"Description": "Class of the pair: sequence or contrast of moving and fixed; 'same subject' for rescans"},
    "moving": {"Description": "Scan that is registered (file name without extension)"},
    "fixed": {"Description": "Scan that it is registered to (file name without extension)"},
    "status": {"Description": "ok or failed"},
    "kind": {"Description": "Why a pair failed: the kind of failure", "Levels": dict(KINDS)},
    "reason": {"Description": "The same in words"},
    **{name: column.entry for name, column in measures.columns().items()},
    "brain_at_edge_percent": {
        "Description": "Largest area in which a brain of the pair is cut, by a face of its image or in a plane within, "
        "as a share of that brain's largest section; above 0 a part of it may be missing, which cannot be matched; n/a "
        "for pairs of versions before 0.2.0",
        "Units": "percent, 0 for brains that are whole",
    },
    "similarity": {"Description": "Image similarity that the method maximised"},
    "start": {
        "Description": "What the method started from: aligned, centre_of_mass or none, as the protocol says, the same "
        "for all methods of a variant; arrays for a network that sees both images voxel on voxel and gets no start; "
        "own for what cannot take it"
    },
    "start_from": {
        "Description": "Method that was run first, and whose result this one went on from, behind a comma the one "
        "that was run before; n/a for a method that began at the start alone"
    },
    "start_runtime_s": {"Description": "Part of runtime_s that was spent on start_from", "Units": "s"},
    "start_memory_gb": {
        "Description": "Peak memory of start_from alone; memory_gb is that of both",
        "Units": "GB (10^9 bytes)",
    },
    "lesion_masked": {
        "Description": "Whose lesion the method was given, to leave it out of what it optimises: both, moving or fixed "
        "scan's; none where it saw lesions as they are; n/a where neither scan has a lesion, where the transform was "
        "made elsewhere, and where the pair was not registered"
    },
    "input": {"Description": "Images that the method saw"},
    "evaluation": {
        "Description": "Grid that the labels were compared on, and nearest where they were carried over by nearest "
        "neighbour: native is the fixed scan's own; reference the prepared one of the scan that all are aligned to, "
        "which both label maps were carried to first"
    },
    "hash": {"Description": "Digest of everything that this row depends on"},
    "moving_subject": {"Description": "Subject of the moving scan, or the template that it is"},
    "fixed_subject": {"Description": "The same of the fixed scan"},
    "moving_contrast": {"Description": "Contrast of the moving scan, as BIDS names it (its suffix)"},
    "fixed_contrast": {"Description": "The same of the fixed scan"},
    "split_moving": {
        "Description": "What the split calls the moving scan: its sequence, its contrast where that is not known; "
        "template or subject where one of the pair is a template"
    },
    "split_fixed": {"Description": "The same of the fixed scan"},
    "grid": {"Description": "Grid that the labels were compared on, as evaluation says: native or reference"},
    "transfer": {
        "Description": "How labels were carried over: linear or nearest, as evaluation says; given for label maps "
        "that were carried over elsewhere"
    },
}
# Kept in the batches' own files only.
INTERNAL: dict[str, dict[str, str]] = {
    "registration_hash": {"Description": "Digest of everything that the transform depends on"},
    "conditions": {"Description": "Digest of what rows must share to be summed up: parameters, reference, labeller"},
    "made_with": {
        "Description": "Versions of the packages that the method's results depend on, of the process that registered "
        "the pair: name=version, separated by blanks"
    },
    "finished": {"Description": "When the row was written (UTC); the latest row of a pair counts"},
}

# What tells which of several rows counts.
_STATE = (*KEY, "conditions", "hash", "finished", "status")

Row = dict[str, Any]


def failed_row(why: Failure) -> Row:
    """What a row says of a pair that has no score."""
    return {"status": "failed", "kind": why.kind, "reason": why.reason}


def structure_index(column: str, prefix: str = Dice.structures) -> int | None:
    """Structure whose Dice a column holds, or what else names that begin so are of; None for every other column.

    Examples
    --------
    >>> structure_index("dice_17"), structure_index("dice_mean"), structure_index("hash")
    (17, None, None)
    """
    index = column.removeprefix(prefix)
    return int(index) if prefix and column.startswith(prefix) and index.isdigit() else None


def landmark_name(column: str) -> str | None:
    """Landmark whose error a column holds; None for every other column.

    Examples
    --------
    >>> landmark_name("tre_mm_AC"), landmark_name("tre_mm"), landmark_name("dice_17")
    ('AC', None, None)
    """
    return column.removeprefix(Landmarks.landmarks) if column.startswith(Landmarks.landmarks) else None


def write_rows(output: Output, file: Path, rows: Sequence[Row]) -> None:
    """Write one batch's rows: the key columns, the measures, and of each measure one column a structure or landmark."""
    keys = dict.fromkeys(key for row in rows for key in row)
    columns = dict.fromkeys([*COLUMNS, *INTERNAL, *_single_columns(keys)])
    output.write_table(file, pd.DataFrame(rows, columns=list(columns)))


def _single_columns(names: Iterable[str]) -> list[str]:
    """Those that hold a structure or a landmark each, measure by measure; structures by their index."""
    found = list(names)
    ordered: list[str] = []
    for kind in measures.measures().values():
        indexed = {name: i for name in found if (i := structure_index(name, kind.structures)) is not None}
        ordered += sorted(indexed, key=indexed.__getitem__)
        if kind.landmarks:
            ordered += [name for name in found if name.startswith(kind.landmarks) and name not in COLUMNS]
    return ordered


def read_rows(output: Output, file: Path) -> list[Row]:
    """Rows of one batch; empty where the file does not exist."""
    if not output.is_there(file):
        return []
    table = _join(_read(output, [file]), latest=False)
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def _read(output: Output, files: Iterable[Path], structures: bool = True) -> Iterator[pd.DataFrame]:
    """Rows of batches, by parts; none from a file that a machine left torn when it went down."""
    text = dict.fromkeys((*KEY, "split", "status", "kind", "reason", "hash", *FACTS, *INTERNAL), str)
    tables = output.read_tables(files, text, lambda column: structures or not _single_columns([column]))
    return map(_tell_kinds, tables)


def _tell_kinds(table: pd.DataFrame) -> pd.DataFrame:
    """Tell failures apart by their words in a table of a version before 0.2.0."""
    if "status" in table and "kind" not in table:
        table["kind"] = None
        failed = table["status"] == "failed"
        table.loc[failed, "kind"] = [kind_by_words(str(reason)) for reason in table.loc[failed, "reason"]]
    return table


def _join(parts: Iterable[pd.DataFrame], *, latest: bool) -> pd.DataFrame:
    """One table of several.

    Parameters
    ----------
    parts : iterable of DataFrame
    latest : bool
        Whether of several rows for one pair, arm and conditions the latest alone is kept, see `_find_latest`.
    """
    # Columns that an earlier version did not write are empty.
    columns = stack(part.reindex(columns=list(dict.fromkeys([*COLUMNS, *INTERNAL, *part]))) for part in parts)
    if latest:
        order = _find_latest(pd.DataFrame({name: columns[name] for name in _STATE}, copy=False))
        for name in columns:  # one at a time, as that takes its memory twice
            columns[name] = columns[name].iloc[order].reset_index(drop=True)
    return fill_in(pd.DataFrame(columns, copy=False))


def collect(output: Output, subjects: Iterable[str] = ("*",), *, structures: bool = True) -> dict[str, pd.DataFrame]:
    """All rows below an output folder, by labelling; of several for one pair, arm and conditions the latest.

    Parameters
    ----------
    output : Output
        Derivatives of one or many participant runs.
    subjects : iterable of str
        Only pairs whose moving scans are of these.
    structures : bool
        Whether to read the columns that hold a structure or a landmark each, which are most of a table.

    Returns
    -------
    dict
        Labelling → table with `COLUMNS`, `INTERNAL` and a column a structure or landmark.
    """
    files: dict[str, list[Path]] = {}
    for file in (f for s in subjects for f in output.find(f"sub-{s}/**/*_scores.tsv")):
        files.setdefault(paths.entities_of(file)["seg"], []).append(file)
    return {name: _join(_read(output, files[name], structures), latest=True) for name in sorted(files)}


def read_current(output: Output, *, structures: bool = True) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Rows made under each arm's and labelling's latest conditions; others are left out, and it is said.

    Parameters
    ----------
    output, structures
        As of `collect`.

    Returns
    -------
    rows : dict
        As `collect` returns them, a row a pair, arm and labelling, labellings in the order of the protocol; those
        without any are not there.
    notes : list of str
        How many rows were left out, and why.
    """
    wanted = output.read_json(LATEST)
    outdated, full = history.read_outdated(output), history.read_conditions(output)
    rows, notes = {}, _tell_left_out(output)
    order = list(dict.fromkeys(key.rpartition("/")[2] for key in wanted if "/" in key))
    collected = collect(output, structures=structures)
    for name in sorted(collected, key=lambda n: order.index(n) if n in order else len(order)):
        table = collected[name]
        kinds = table[["variant", "method", "conditions"]]
        first = kinds.drop_duplicates()
        of = kinds.groupby(list(kinds), sort=False, dropna=False).ngroup().to_numpy()
        arm_of = [paths.description(v, m) for v, m in zip(first["variant"], first["method"], strict=True)]
        now = [wanted.get(f"{arm}/{name}") for arm in arm_of]
        others = [
            history.differences(full.get(c), full.get(w or "")) if c != w else ""
            for c, w in zip(first["conditions"], now, strict=True)
        ]
        stale = table["hash"].isin(list(outdated)).any()
        if len(table) and not any(others) and not stale:
            rows[name] = table
            continue
        arms = [arm_of[kind] for kind in of]
        why = [others[kind] or outdated.get(h, "") for kind, h in zip(of, table["hash"], strict=True)]
        done = {key for key, reason in zip(_keys(table), why, strict=True) if not reason}
        waiting = [(a, w) for key, a, w in zip(_keys(table), arms, why, strict=True) if w and key not in done]
        notes += [
            f"{n} row(s) of {arm}, labelling {name}, do not count: {reason}. The participant level makes those again "
            "that it is asked for."
            for (arm, reason), n in Counter(waiting).items()
        ]
        fits = [not reason for reason in why]
        if any(fits):
            rows[name] = table[fits].reset_index(drop=True)
    return rows, notes


def _tell_left_out(output: Output) -> list[str]:
    """What is said of columns of measures that are not known here."""
    unknown = [name for name in output.read_json(DICTIONARY) if name not in COLUMNS and name not in INTERNAL]
    if not unknown:
        return []
    return [
        f"Left out: {', '.join(unknown)}. The participant level measured that by an extension that is not here; give "
        "the group level the same --extension, or install the same package."
    ]


def note_columns(output: Output) -> None:
    """Write what the columns of the rows are; those of extensions of earlier runs stay."""
    output.write_json(DICTIONARY, {**output.read_json(DICTIONARY), **COLUMNS, **INTERNAL})


def _keys(table: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    return zip(*(table[column] for column in KEY), strict=True)


def note_latest(output: Output, digests: Mapping[str, str]) -> None:
    """Remember the digests of the latest conditions of each ``arm/labelling``; those of other arms stay."""
    output.write_json(LATEST, {**output.read_json(LATEST), **digests})


def _find_latest(state: pd.DataFrame) -> npt.NDArray[np.intp]:
    """The latest row of each pair, arm and conditions; a failure never takes the place of an equal row with a score.

    Rows of one hash are of the same work: tried again for another arm's sake, it may run out of time or memory.

    Parameters
    ----------
    state : DataFrame
        Columns `_STATE` of all rows, numbered from 0.

    Returns
    -------
    array
        Numbers of the rows that are kept, in their new order.
    """
    key = [*KEY, "conditions"]
    same = [*key, "hash"]
    state = state.sort_values([*key, "finished"], kind="stable", na_position="first")
    if state.duplicated(key).any():
        last = state.groupby(same, dropna=False)["finished"].transform("last")
        state = state.assign(last=last, ok=state["status"] == "ok")
        state = state.sort_values([*same, "ok"], kind="stable").drop_duplicates(same, keep="last")
        state = state.sort_values([*key, "last"], kind="stable", na_position="first")
    return state.drop_duplicates(key, keep="last").index.to_numpy()
