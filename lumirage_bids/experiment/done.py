"""What earlier runs left in an output folder, so that it is not done again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lumirage_bids.base.errors import NotNowError
from lumirage_bids.bids.dataset import Dataset
from lumirage_bids.experiment import status
from lumirage_bids.experiment.outdated import is_outdated
from lumirage_bids.experiment.plan import Done, EarlierRow, RowKey
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.output import derivatives, history, paths, score_table
from lumirage_bids.output.files import is_there, read_json

if TYPE_CHECKING:
    import pandas as pd


def what_is_done(settings: Settings, dataset: Dataset) -> Done:
    """What earlier runs left: hashes of finished rows, and of files by their sidecars."""
    out_dir = settings.out_dir
    if not out_dir.exists():
        return Done()
    rows: set[str] = set()
    failed: set[str] = set()
    tables = []
    subjects = {s.subject for s in dataset.scans}
    moving = subjects & set(settings.participant_label) if settings.participant_label else subjects
    for table in score_table.collect(out_dir, sorted(moving), structures=False).values():
        _check_clock(table)
        final = [status.is_final(s, r) for s, r in zip(table["status"], table["reason"], strict=True)]
        rows.update(table.loc[final, "hash"])
        failed.update(table.loc[table["status"] == "failed", "hash"])
        tables.append(table[[*score_table.KEY, "conditions", "registration_hash", "hash", "status", "finished"]])
    files = {}
    outdated = set()
    for subject in sorted(subjects):
        there = {f for f in out_dir.glob(f"sub-{subject}/**/*") if is_there(f)}
        data = (f for f in there if f.suffix != ".json" or f.name.endswith("_agreement.json"))
        for file in {paths.sidecar(f) for f in data} & there:
            files[file.relative_to(out_dir)] = str(read_json(file).get("Hash"))
        images = {f.relative_to(out_dir) for f in there if paths.is_prepared_image(f)}
        outdated |= {f for f in images if is_outdated(out_dir, f)}
    noted = [read_json(file) for file in derivatives.files(out_dir, "logs/failures/*.json")]
    notes = {Path(n["File"]): n["Hash"] for n in noted if n and status.is_final("failed", n["Reason"])}
    return Done(
        rows=frozenset(rows),
        failed=frozenset(rows & failed),
        files=_Sidecars(files),
        notes=notes,
        earlier=_EarlierRows(tables),
        facts=history.read_facts(out_dir),
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
            for *key, conditions, registration, value, state, _ in table.sort_values("finished").to_numpy():
                row = EarlierRow(str(conditions), str(registration), str(value), state == "ok")
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
