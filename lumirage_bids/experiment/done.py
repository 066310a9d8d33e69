"""What earlier runs left in an output folder, so that it is not done again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lumirage_bids.base.errors import NotNowError
from lumirage_bids.base.failures import Failure
from lumirage_bids.experiment import status
from lumirage_bids.experiment.outdated import is_outdated
from lumirage_bids.experiment.plan import Done, EarlierRow, RowKey
from lumirage_bids.output import history, paths, score_table
from lumirage_bids.output.folder import Output

if TYPE_CHECKING:
    import pandas as pd


def read_done(output: Output, subjects: Set[str], moving: Set[str] = frozenset()) -> Done:
    """What earlier runs left: hashes of finished rows, and of files by their sidecars.

    Parameters
    ----------
    output : Output
    subjects : set of str
        Whose scans may take part.
    moving : set of str
        Whose scans are moving, where not all are.
    """
    if not output.root.exists():
        return Done()
    rows: set[str] = set()
    failed: set[str] = set()
    tables = []
    whose = sorted(subjects & moving if moving else subjects)
    for table in score_table.collect(output, whose, structures=False).values():
        _check_clock(table)
        final = [status.is_final(s, k) for s, k in zip(table["status"], table["kind"], strict=True)]
        rows.update(table.loc[final, "hash"])
        failed.update(table.loc[table["status"] == "failed", "hash"])
        tables.append(table[[*score_table.KEY, "conditions", "registration_hash", "hash", "status", "finished"]])
    files = {}
    outdated = set()
    for subject in sorted(subjects):
        there = {f for f in output.find(f"sub-{subject}/**/*") if output.is_there(f)}
        data = (f for f in there if f.suffix != ".json" or f.name.endswith(("_agreement.json", "_placements.json")))
        for file in {paths.sidecar(f) for f in data} & there:
            files[file] = str(output.read_json(file).get("Hash"))
        outdated |= {f for f in there if paths.is_prepared_image(f) and is_outdated(output, f)}
    noted = [output.read_json(file) for file in output.find("logs/failures/*.json")]
    notes = {Path(n["File"]): n["Hash"] for n in noted if n and Failure.read(n.get("Kind"), n["Reason"]).is_final}
    return Done(
        rows=frozenset(rows),
        failed=frozenset(rows & failed),
        files=_Sidecars(files),
        notes=notes,
        earlier=_EarlierRows(tables),
        conditions=history.read_conditions(output),
        outdated=frozenset(outdated),
    )


def _check_clock(rows: pd.DataFrame) -> None:
    """Refuse to go on with rows of the future: of several for one pair the latest counts, so new ones never would.

    Raises
    ------
    NotNowError
        A row was finished more than an hour after now.
    """
    finished, now = rows["finished"].dropna(), datetime.now(UTC)
    latest = max(finished, default="")
    if latest > (now + timedelta(hours=1)).isoformat():
        raise NotNowError(
            f"OUT_DIR has scores that were finished at {latest}, and now is {now:%Y-%m-%d %H:%M} by this machine's "
            "clock (UTC). Set the clock; if another machine's ran ahead, delete the *_scores.tsv of that time."
        )


class _EarlierRows(Mapping[RowKey, tuple[EarlierRow, ...]]):
    """Earlier rows by what they are of; looked up only where there is something to do."""

    def __init__(self, tables: list[pd.DataFrame]) -> None:
        self.tables = tables

    @cached_property
    def _found(self) -> dict[RowKey, tuple[EarlierRow, ...]]:
        found: dict[RowKey, tuple[EarlierRow, ...]] = {}
        for table in self.tables:
            for *key, under, registration, value, state, _ in table.sort_values("finished").to_numpy():
                row = EarlierRow(str(under), str(registration), str(value), state == "ok")
                found[tuple(key)] = (*found.get(tuple(key), ()), row)
        return found

    def __getitem__(self, key: RowKey) -> tuple[EarlierRow, ...]:
        return self._found[key]

    def __iter__(self) -> Iterator[RowKey]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class _Sidecars(dict[Path, str]):
    """Hashes by data file, kept by sidecar."""

    def get(self, file: Path, default: str | None = None) -> str | None:  # type: ignore[override]
        return super().get(paths.sidecar(file), default)
