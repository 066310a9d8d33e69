"""The score tables: their columns, and how rows are read, kept apart and put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lumirage_bids import measures
from lumirage_bids.measures.dice import Dice
from lumirage_bids.output import derivatives, history

KEY = ("variant", "method", "labelling", "moving", "fixed")
CONDITIONS = Path(".lumirage", "conditions.json")
# How reasons begin that say nothing of the pair itself: the same command tries it again.
KILLED, LOST = "killed", "input lost"
PREFIX = Dice.structures  # of the columns that hold one structure each: dice_<index>

COLUMNS: dict[str, dict[str, str]] = {
    "variant": {"Description": "Named preparation or parameters (descriptions.tsv)"},
    "method": {"Description": "Registration method; identity is the affine start itself, the floor of the table"},
    "labelling": {"Description": "Segmentation protocol whose label maps are scored"},
    "split": {"Description": "Class of the pair: sequence or contrast of moving and fixed; 'same subject' for rescans"},
    "moving": {"Description": "Scan that is registered (file name without extension)"},
    "fixed": {"Description": "Scan that it is registered to (file name without extension)"},
    "status": {"Description": "ok or failed"},
    "reason": {"Description": "Why a pair failed"},
    **{name: column.entry for name, column in measures.columns().items()},
    "brain_at_edge_percent": {
        "Description": "Largest area of a brain of the pair on a face of its image, as a share of that brain's largest "
        "section; above 0 a part of it may be missing, which cannot be matched; n/a for pairs of versions before 0.2.0",
        "Units": "percent, 0 for brains that are whole",
    },
    "similarity": {"Description": "Image similarity that the method maximised"},
    "start": {
        "Description": "What the method started from: aligned, centre_of_mass or none, as the protocol says, the same "
        "for all methods of a variant; own for a method that cannot take it"
    },
    "input": {"Description": "Images that the method saw"},
    "evaluation": {
        "Description": "Grid that the labels were compared on, and nearest where they were carried over by nearest "
        "neighbour: native is the fixed scan's own; reference the prepared one of the scan that all are aligned to, "
        "which both label maps were carried to first"
    },
    "hash": {"Description": "Digest of everything that this row depends on"},
}
# Kept in the batches' own files only.
INTERNAL: dict[str, dict[str, str]] = {
    "registration_hash": {"Description": "Digest of everything that the transform depends on"},
    "conditions": {"Description": "Digest of what rows must share to be summed up: parameters, reference, labeller"},
    "made_with": {
        "Description": "Versions of the packages that the method's results depend on, of the process that registered "
        "the pair: name=version, blanks between"
    },
    "finished": {"Description": "When the row was written (UTC); the latest row of a pair counts"},
    "moving_subject": {"Description": "Subject of the moving scan"},
    "fixed_subject": {"Description": "Subject of the fixed scan"},
}

Row = dict[str, Any]


def structure_index(column: str) -> int | None:
    """Structure that a column holds; None for every other column.

    Examples
    --------
    >>> structure_index("dice_17"), structure_index("dice_mean"), structure_index("hash")
    (17, None, None)
    """
    index = column.removeprefix(PREFIX)
    return int(index) if column.startswith(PREFIX) and index.isdigit() else None


def structures_of(rows: Iterable[Row]) -> list[int]:
    """Structures that rows hold, in order."""
    return sorted({i for row in rows for key in row if (i := structure_index(key)) is not None})


def write_rows(file: Path, rows: Sequence[Row], indices: Iterable[int]) -> None:
    """Write one batch's rows: the key columns, the measures, one column a structure."""
    columns = [*COLUMNS, *INTERNAL, *(f"{PREFIX}{i}" for i in indices)]
    derivatives.write_table(file, pd.DataFrame(rows, columns=columns))


def read_rows(file: Path) -> list[Row]:
    """Rows of one batch; empty where the file does not exist."""
    if not file.exists():
        return []
    return [{str(k): v for k, v in row.items()} for row in _read(file).to_dict("records")]


def _read(file: Path, structures: bool = True) -> pd.DataFrame:
    """One batch's rows; none from a file that a machine left torn when it went down."""
    text = dict.fromkeys((*KEY, "split", "status", "reason", "hash", *INTERNAL), str)
    table = derivatives.read_table(file, text, lambda column: structures or structure_index(column) is None)
    # Columns that an earlier version did not write are empty.
    return table.reindex(columns=list(dict.fromkeys([*COLUMNS, *INTERNAL, *table.columns])))


def collect(out_dir: Path, subjects: Iterable[str] = ("*",), *, structures: bool = True) -> dict[str, pd.DataFrame]:
    """All rows below an output folder, by labelling; of several for one pair, arm and conditions the latest.

    Parameters
    ----------
    out_dir : Path
        Derivatives of one or many participant runs.
    subjects : iterable of str
        Only pairs whose moving scans are of these.
    structures : bool
        Whether to read the columns that hold a structure each, which are most of a table.

    Returns
    -------
    dict
        Labelling → table with `COLUMNS`, `INTERNAL` and a column a structure.
    """
    frames: dict[str, list[pd.DataFrame]] = {}
    for file in (f for s in subjects for f in derivatives.files(out_dir, f"sub-{s}/**/*_scores.tsv")):
        frames.setdefault(derivatives.entities_of(file)["seg"], []).append(_read(file, structures))
    return {name: _latest(pd.concat(parts, ignore_index=True)) for name, parts in sorted(frames.items())}


def current(out_dir: Path, *, structures: bool = True) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Rows made under each arm's and labelling's latest conditions; others are left out, and it is said.

    Parameters
    ----------
    out_dir, structures
        As of `collect`.

    Returns
    -------
    rows : dict
        As `collect` returns them, a row a pair, arm and labelling, labellings in the order of the protocol; those
        without any are not there.
    notes : list of str
        How many rows were left out, and why.
    """
    wanted = derivatives.read_json(out_dir / CONDITIONS)
    outdated, facts = history.read_outdated(out_dir), history.read_facts(out_dir)
    rows, notes = {}, []
    order = list(dict.fromkeys(key.rpartition("/")[2] for key in wanted))
    collected = collect(out_dir, structures=structures)
    for name in sorted(collected, key=lambda n: order.index(n) if n in order else len(order)):
        table = collected[name]
        arms = [derivatives.description(v, m) for v, m in zip(table["variant"], table["method"], strict=True)]
        now = [wanted.get(f"{arm}/{name}") for arm in arms]
        under = list(zip(table["conditions"], now, strict=True))
        others = {(c, w): history.differences(facts.get(c), facts.get(w or "")) for c, w in set(under) if c != w}
        why = [others.get(u) or outdated.get(h, "") for u, h in zip(under, table["hash"], strict=True)]
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


def _keys(table: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    return zip(*(table[column] for column in KEY), strict=True)


def note_conditions(out_dir: Path, conditions: Mapping[str, str]) -> None:
    """Remember the latest conditions: ``arm/labelling`` → digest; those of other arms stay."""
    derivatives.write_json(out_dir / CONDITIONS, {**derivatives.read_json(out_dir / CONDITIONS), **conditions})


def _latest(table: pd.DataFrame) -> pd.DataFrame:
    """The latest row of each pair, arm and conditions; a failure never takes the place of an equal row with a score.

    Rows of one hash are of the same work: tried again for another arm's sake, it may run out of time or memory.
    """
    key = [*KEY, "conditions"]
    same = [*key, "hash"]
    # Without the structures, which are most of a table.
    state = table[[*same, "finished", "status"]].sort_values([*key, "finished"], kind="stable", na_position="first")
    if state.duplicated(key).any():
        last = state.groupby(same, dropna=False)["finished"].transform("last")
        state = state.assign(last=last, ok=state["status"] == "ok")
        state = state.sort_values([*same, "ok"], kind="stable").drop_duplicates(same, keep="last")
        state = state.sort_values([*key, "last"], kind="stable", na_position="first")
    return table.loc[state.drop_duplicates(key, keep="last").index].reset_index(drop=True)
