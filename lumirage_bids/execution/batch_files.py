"""A batch's own files: its rows of scores, and pictures of some pairs; replaced whole after each pair."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lumirage_bids.base.failures import Failure
from lumirage_bids.experiment import status
from lumirage_bids.experiment.arms import ArmOfRun
from lumirage_bids.experiment.plan import Batch, Plan, Task, digest_conditions
from lumirage_bids.output import pair_pictures, paths, score_table
from lumirage_bids.output.fill_in import GIVEN
from lumirage_bids.output.folder import Output
from lumirage_bids.output.pair_pictures import Note, PairPictures
from lumirage_bids.spatial.preparation import Preparation

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("lumirage")

Key = tuple[str, str]
"""Arm label and labelling."""


class Rows:
    """A table of rows for each arm and labelling, and an archive of pictures of each arm.

    Two runs of the same command have the same batches, so rows on disk are read again, under a lock, before any are
    added: neither loses what the other wrote.
    """

    def __init__(self, batch: Batch, output: Output) -> None:
        self.batch, self.output = batch, output
        self.arms = {arm.label: arm for arm in batch.arms}
        self.files: dict[Key, Path] = {}
        self.digests: dict[Key, str] = {}
        for arm, labels in product(batch.arms, batch.labels):
            key = (arm.label, labels.name)
            self.files[key] = paths.scores(batch.moving, labels.name, arm.label, batch.digest)
            self.digests[key] = digest_conditions(arm, batch.reference, labels)
        self.read()

    def read(self) -> None:
        """Take over what is on disk now."""
        self.rows = {key: score_table.read_rows(self.output, file) for key, file in self.files.items()}

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self.output.lock(f"batch-{self.batch.digest}"):
            self.read()
            yield

    def is_finished(self, task: Task) -> bool:
        """Whether every arm and labelling has this pair's row, with this hash."""
        return all(value in {r["hash"] for r in self.rows[key]} for key, value in task.hashes.items())

    def is_complete(self, task: Task, save: str) -> bool:
        """Whether a pair is finished and what is to be saved of it is there."""
        failed = {r["hash"] for rows in self.rows.values() for r in rows if r["status"] == "failed"}
        return self.is_finished(task) and task.is_kept(save, failed, self.output.hash_of)

    def renew(self, task: Task) -> None:
        """Make the rows of a finished pair the latest: they count again after others had taken their place."""
        with self._changing():
            for key, value in task.hashes.items():
                for row in self.rows[key]:
                    if row["hash"] == value:
                        row["finished"] = _write_time()
                self._write(key)

    def forget_killed(self) -> None:
        """Drop rows of pairs whose process was killed in an earlier run, so that they are tried again."""
        with self._changing():
            for key, rows in self.rows.items():
                final = [r for r in rows if status.is_final(r["status"], r["kind"])]
                if len(final) < len(rows):
                    self.rows[key] = final
                    self._write(key)

    def add(self, task: Task, new: Mapping[Key, score_table.Row]) -> None:
        """Append a pair's rows and write the tables; a failure does not take the place of a score.

        A pair that has one may fail when it is done again: at the same time by another run, or for what is to be saved.
        """
        with self._changing():
            for key, row in new.items():
                mine = [r for r in self.rows[key] if r["fixed"] == task.pair.fixed.name]
                kept = any(r["status"] == "ok" and r["hash"] == task.hashes[key] for r in mine)
                if kept and row["status"] == "failed":
                    logger.error("%s has its score, but was done again and failed: %s", task.pair, row["reason"])
                    continue
                rows = [r for r in self.rows[key] if r["fixed"] != task.pair.fixed.name]
                self.rows[key] = [*rows, {**self._fill_common(task, key), **row}]
                self._write(key)
                said = f"Dice {row['dice_mean']:.3f}" if row.get("dice_mean") is not None else row.get("reason")
                logger.debug("%s, %s, %s: %s", task.pair, *key, said)

    def _write(self, key: Key) -> None:
        rows = self.rows[key]
        score_table.write_rows(self.output, self.files[key], rows)

    def fail(self, task: Task, why: Failure) -> None:
        """Append rows that say why a pair has no score."""
        self.add(task, {key: score_table.failed_row(why) for key in task.hashes})

    def keep_pictures(
        self, task: Task, new: Mapping[Key, score_table.Row], draw: Callable[[], PairPictures], *, asked: bool
    ) -> None:
        """Keep a pair's pictures, before its rows are added, for each arm of whose pairs it is worth a look.

        Those that are worth it no longer go.

        Parameters
        ----------
        draw : callable
            Draws the pair; not called where no arm needs it.
        asked : bool
            Whether they are kept whatever the scores are.
        """
        for arm in self.arms:
            of_arm = {name: row for (label, name), row in new.items() if label == arm}
            own: Note = {"hashes": {name: task.hashes[arm, name] for name in of_arm}, "asked": asked}
            file = paths.slices(self.batch.moving, arm, self.batch.digest)
            with self._changing():
                notes = {**pair_pictures.read_notes(self.output / file), task.pair.fixed.key: own}
                rows = {n: [*self.rows[arm, n], {**of, "hash": own["hashes"][n]}] for n, of in of_arm.items()}
                gone = pair_pictures.find_unwanted(notes, {n: _read_dice(of) for n, of in rows.items()})
                if task.pair.fixed.key not in gone:
                    pair_pictures.rewrite(self.output, file, gone, {task.pair.fixed.key: (draw(), own)})

    def _fill_common(self, task: Task, key: Key) -> score_table.Row:
        arm, pair = self.arms[key[0]], task.pair
        return {
            "variant": arm.variant,
            "method": arm.name,
            "labelling": key[1],
            "split": pair.split,
            "moving": pair.moving.name,
            "fixed": pair.fixed.name,
            "similarity": arm.method.similarity_for(multimodal=pair.multimodal),
            "start": start_name(arm.stages[0]),
            **({"start_from": ", ".join(s.name for s in arm.stages[-2::-1])} if arm.first else {}),
            "input": str(arm.method.own_input or input_name(arm.preparation)),
            "evaluation": arm.evaluation.words,
            "hash": task.hashes[key],
            "registration_hash": task.registration_hash,
            "conditions": self.digests[key],
            "finished": _write_time(),
            "moving_subject": pair.moving.subject,
            "fixed_subject": pair.fixed.subject,
            "moving_contrast": pair.moving.suffix,
            "fixed_contrast": pair.fixed.suffix,
            **dict(zip(("split_moving", "split_fixed"), pair.ends, strict=True)),
            "grid": arm.evaluation.on,
            "transfer": GIVEN if arm.method.carries else arm.evaluation.transfer,
        }


def _read_dice(rows: Iterable[Mapping[Any, Any]]) -> dict[str, float]:
    """Hash of each row that has a Dice → that."""
    values = {row["hash"]: row.get("dice_mean") for row in rows if row["status"] == "ok"}
    return {row: float(value) for row, value in values.items() if value is not None and not math.isnan(value)}


def thin_out_pictures(plan: Plan, rows: Mapping[str, pd.DataFrame], output: Output) -> None:
    """Keep pictures of the worst, the best and a middle pair of each of the run's moving scans and arms.

    And of those that were asked for. Until then each batch keeps as many, and of a moving scan there may be several.

    Parameters
    ----------
    rows : mapping
        Labelling → the rows that count.
    """
    scans = {pair.moving.name: pair.moving for pair in plan.runnable}
    mine = {name: of[of["moving"].isin([*scans])] for name, of in rows.items()}
    tables = {name: dict(list(of.groupby(["variant", "method", "moving"]))) for name, of in mine.items()}
    for scan, arm in product(scans.values(), plan.arms):
        key = (arm.variant, arm.name, scan.name)
        scores = {name: _read_dice(of[key].to_dict("records")) for name, of in tables.items() if key in of}
        gone: dict[Path, set[str]] = {}
        for file, pair in pair_pictures.find_unwanted(pair_pictures.find_notes(output, scan, arm.label), scores):
            gone.setdefault(file, set()).add(pair)
        for file, pairs in gone.items():
            with output.lock(f"batch-{_read_digest(file)}"):
                pair_pictures.rewrite(output, file, pairs)


def _read_digest(file: Path) -> str:
    """Digest of the batch that a file is of."""
    return paths.entities_of(file)["desc"].rpartition("+")[2]


def _write_time() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def start_name(arm: ArmOfRun) -> str:
    """What an arm's registrations begin at, for the column of that name."""
    # Scans that share a grid were brought there by the start.
    if arm.method.takes_start or (arm.preparation.grid == "reference" and arm.method.computes):
        return arm.alignment.start
    if arm.method.computes:
        return "arrays"
    # Fields between scans as they are hold what the others find too, where these begin at the scans as they are.
    return "none" if arm.alignment.start == "none" else "own"


def input_name(preparation: Preparation) -> str:
    """The input in words, for the column of that name.

    Examples
    --------
    >>> input_name(Preparation(spacing=1, shape=(224, 224, 160), grid="reference"))
    '1 mm, 224 × 224 × 160 voxels, RAS, the same grid for all'
    """
    words = ["native spacing" if preparation.spacing is None else f"{preparation.spacing:g} mm"]
    if preparation.shape is not None:
        words += [f"{' × '.join(map(str, preparation.shape))} voxels", preparation.orientation]
    worse = preparation.perturbation
    words += ["the same grid for all"] * (preparation.grid == "reference") + ([worse.words] if worse else [])
    return ", ".join(words)


def forget(plan: Plan, output: Output, names: Container[str]) -> None:
    """Remove all that earlier runs left of the registrations that are to be made again on purpose.

    Those of methods that go on from such a registration are among them. Rows, pictures and saved files of every arm and
    labelling that rests on one go, those included that this run does not ask for: they would tell of another
    registration than the one that takes its place.

    Parameters
    ----------
    names : container of str
        Methods, as arms call them.
    """
    again: dict[str, dict[str, str]] = {}
    for batch in (batch for batch in plan.batches if batch.arm.rests_on(names)):
        registrations = again.setdefault(batch.moving.subject, {})
        registrations.update({task.registration_hash: task.pair.fixed.key for task in batch.tasks})
    for subject, registrations in again.items():
        folder = f"sub-{subject}/**/"
        for file in output.find(f"{folder}*_scores.tsv"):
            _forget_rows(output, file, registrations)
        for sidecar in output.find(f"{folder}*.json"):
            if output.read_json(sidecar).get("Hash") in registrations:
                output.disown(sidecar)
                for saved in output.find(sidecar.with_suffix(".*").as_posix()):
                    output.remove(saved)


def _forget_rows(output: Output, file: Path, registrations: Mapping[str, str]) -> None:
    """Remove a batch's rows of some registrations, given with the keys of their fixed scans, and their pictures."""
    description = paths.entities_of(file)["desc"]
    with output.lock(f"batch-{_read_digest(file)}"):
        rows = score_table.read_rows(output, file)
        gone = {registrations[r["registration_hash"]] for r in rows if r["registration_hash"] in registrations}
        if not gone:
            return
        left = [row for row in rows if row["registration_hash"] not in registrations]
        score_table.write_rows(output, file, left)
        pictures = file.with_name(f"{file.name.partition('_seg-')[0]}_desc-{description}_slices.npz")
        if output.is_there(pictures):
            pair_pictures.rewrite(output, pictures, gone)
