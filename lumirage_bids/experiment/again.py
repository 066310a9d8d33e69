"""What a run makes again though an earlier run had made it, and why."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from itertools import product
from pathlib import Path

from lumirage_bids.experiment.arms import ArmOfRun
from lumirage_bids.experiment.labels_of_run import LabellingOfRun
from lumirage_bids.experiment.plan import (
    Again,
    Batch,
    Done,
    EarlierRow,
    RowKey,
    Task,
    digest_conditions,
    prepared_files,
    tell_conditions,
)
from lumirage_bids.methods.identity import Identity
from lumirage_bids.output import paths
from lumirage_bids.output.history import differences

ON_PURPOSE = "asked for by --redo"


def look_back(batches: Iterable[Batch], done: Done, redo: Container[str]) -> Again:
    """Compare what is to be done with what was done before.

    Parameters
    ----------
    batches : iterable of Batch
        The work that is planned.
    done : Done
    redo : container of str
        Methods that are to be done again on purpose.
    """
    reasons: dict[RowKey, str] = {}
    outdated: dict[str, str] = {}
    n_scored = n_unsaved = 0
    for batch in batches:
        looking = _Looking(batch, done)
        on_purpose = batch.arm.rests_on(redo)
        for task in batch.tasks:
            rows = list(looking.rows(task))
            if not on_purpose:
                saved = looking.is_saved(task)
                n_scored += saved
                n_unsaved += not saved and _is_work(batch.arm) and _was_registered(task, rows)
            for key, arm, labels, earlier in rows:
                under = looking.digests[arm.label, labels.name]
                old = next((row for row in earlier if row.digest == under), earlier[-1])
                why = ON_PURPOSE if on_purpose else looking.explain(task, arm, labels, old)
                if why:
                    reasons[key] = why
                if old.digest == under and old.hash != task.hashes[arm.label, labels.name]:
                    outdated[old.hash] = why
    return Again(reasons=reasons, outdated=outdated, n_scored=n_scored, n_unsaved=n_unsaved)


def _is_work(arm: ArmOfRun) -> bool:
    """Whether a registration by it costs anything."""
    return any(s.method.computes and not isinstance(s.method, Identity) for s in arm.stages)


_Row = tuple[RowKey, ArmOfRun, LabellingOfRun, tuple[EarlierRow, ...]]


def _was_registered(task: Task, rows: Iterable[_Row]) -> bool:
    return any(e.is_scored and e.registration == task.registration_hash for *_, earlier in rows for e in earlier)


class _Looking:
    """One batch beside what was done before; conditions are digested once."""

    def __init__(self, batch: Batch, done: Done) -> None:
        self.batch, self.done = batch, done
        self.scored = {(arm.label, labels.name): (arm, labels) for arm, labels in product(batch.arms, batch.labels)}
        self.digests = {
            key: digest_conditions(arm, batch.reference, labels) for key, (arm, labels) in self.scored.items()
        }
        self._differences: dict[tuple[str, str], str] = {}

    def rows(self, task: Task) -> Iterator[_Row]:
        """Rows of a task that an earlier run has made in some way."""
        ends = task.pair.moving.name, task.pair.fixed.name
        for arm, labels in (self.scored[key] for key in task.hashes):
            key = (arm.variant, arm.name, labels.name, *ends)
            if earlier := self.done.earlier.get(key):
                yield key, arm, labels, earlier

    def is_saved(self, task: Task) -> bool:
        """Whether an earlier run has left the transform of this very registration."""
        ends = task.pair.moving, task.pair.fixed
        files = (paths.transform(*ends, arm.label) for arm in self.batch.arms)
        return any(self.done.files.get(file) == task.registration_hash for file in files)

    def explain(self, task: Task, arm: ArmOfRun, labels: LabellingOfRun, old: EarlierRow) -> str:
        """Why an earlier row does not count; empty for one that is only tried again."""
        now = self.digests[arm.label, labels.name]
        if old.hash == task.hashes[arm.label, labels.name]:
            return ""
        if old.digest != now:
            if (old.digest, now) not in self._differences:
                new = tell_conditions(arm, self.batch.reference, labels)
                self._differences[old.digest, now] = differences(self.done.conditions.get(old.digest), new)
            return self._differences[old.digest, now]
        ends = (task.pair.moving, task.pair.fixed)
        if old.registration != task.registration_hash:
            scans = dict.fromkeys((*ends, self.batch.reference))
            changed = [s.name for s in scans if self._is_other(prepared_files(s, arm.variant)[0])]
            other = "an image, a brain or lesion mask, the seed, or a file of the method"
            what = ("the image or the brain mask of", other)
        else:
            changed = [s.name for s in ends if self._is_other(paths.label_map(s, labels.name))]
            what = ("the label map of", "a label map, a lesion mask, a table of landmarks, or the sequence of a scan")
        return f"{what[0]} {', '.join(changed)} changed" if changed else f"{what[1]} changed"

    def _is_other(self, file: Path) -> bool:
        return self.done.files.get(file) not in (None, self.batch.inputs.get(file))
