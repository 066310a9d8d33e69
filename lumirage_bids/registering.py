"""One batch of pairs: register, carry the labels over, score, write the rows; a pair's failure is a row."""

from __future__ import annotations

import errno
import io
import logging
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from lumirage_bids import derivatives, scores, status
from lumirage_bids.errors import CannotWriteError, InputOutputError, LumirageError
from lumirage_bids.images import Volume, write_image
from lumirage_bids.label_transfer import Evaluation, transfer_labels
from lumirage_bids.labellings import Labels
from lumirage_bids.landmarks import corresponding_points
from lumirage_bids.measures.diffeomorphism import non_diffeomorphic
from lumirage_bids.measures.field import folding_percent, inverse_consistency, jacobian_determinant, sdlogj
from lumirage_bids.measures.surface import landmark_errors
from lumirage_bids.memory import peak_memory
from lumirage_bids.plan import Batch, Task
from lumirage_bids.registration.base import Context
from lumirage_bids.scoring import Side, middle, moved_planes, read_side, score
from lumirage_bids.transform_files import read_itk, write_itk
from lumirage_bids.transforms import Transform, warp

logger = logging.getLogger("lumirage")


class Rows:
    """A batch's own files: a table of rows a labelling, and the slices; replaced whole after each pair.

    Two runs of the same command have the same batches, so rows on disk are read again, under a lock, before any are
    added: neither loses what the other wrote.
    """

    def __init__(self, batch: Batch, out_dir: Path) -> None:
        self.batch, self.out_dir = batch, out_dir
        arm, digest = batch.arm.label, batch.digest
        self.files = {
            labels.name: out_dir / derivatives.scores(batch.moving, labels.name, arm, digest) for labels in batch.labels
        }
        self.read()
        self.conditions = {labels.name: batch.conditions(labels) for labels in batch.labels}
        self.slices_file = out_dir / derivatives.slices(batch.moving, arm, digest)

    def read(self) -> None:
        """Take over what is on disk now."""
        self.rows = {name: scores.read_rows(file) for name, file in self.files.items()}

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with derivatives.lock(self.out_dir, self.slices_file.stem):
            self.read()
            yield

    def finished(self, task: Task) -> bool:
        """Whether every labelling has this pair's row, with this hash."""
        return all(value in {r["hash"] for r in self.rows[name]} for name, value in task.hashes.items())

    def complete(self, task: Task, save: str) -> bool:
        """Whether a pair is finished and what is to be saved of it is there."""
        failed = {r["hash"] for rows in self.rows.values() for r in rows if r["status"] == "failed"}
        return self.finished(task) and task.is_kept(self.batch.arm, save, failed, self._noted)

    def _noted(self, file: Path) -> str | None:
        there = (self.out_dir / file).exists()
        return derivatives.read_json(derivatives.sidecar(self.out_dir / file)).get("Hash") if there else None

    def renew(self, task: Task) -> None:
        """Make the rows of a finished pair the latest: they count again after others had taken their place."""
        with self._changing():
            for name, value in task.hashes.items():
                for row in self.rows[name]:
                    if row["hash"] == value:
                        row["finished"] = _now()
                self._write(name)

    def forget_killed(self) -> None:
        """Drop rows of pairs whose process was killed in an earlier run, so that they are tried again."""
        with self._changing():
            for name, rows in self.rows.items():
                final = [r for r in rows if status.is_final(r["status"], r["reason"])]
                if len(final) < len(rows):
                    self.rows[name] = final
                    self._write(name)

    def add(self, task: Task, by_labelling: Mapping[str, scores.Row]) -> None:
        """Append a pair's rows and write the tables."""
        with self._changing():
            for name, row in by_labelling.items():
                rows = [r for r in self.rows[name] if r["fixed"] != task.pair.fixed.name]
                self.rows[name] = [*rows, {**self._common(task, name), **row}]
                self._write(name)

    def _write(self, name: str) -> None:
        indices = sorted({i for r in self.rows[name] for k in r if (i := scores.structure_index(k)) is not None})
        scores.write_rows(self.files[name], self.rows[name], indices)

    def fail(self, task: Task, reason: str) -> None:
        """Append rows that say why a pair has no score."""
        self.add(task, {name: {"status": "failed", "reason": reason} for name in task.hashes})

    def add_slices(self, name: str, planes: Mapping[str, np.ndarray]) -> None:
        """Keep a pair's moved labels in three planes, and the voxel that they were cut through."""
        with self._changing(), derivatives.replacing(self.slices_file) as temporary:
            if self.slices_file.exists():
                shutil.copyfile(self.slices_file, temporary)
            with zipfile.ZipFile(temporary, "a", zipfile.ZIP_DEFLATED) as archive:
                for plane, array in planes.items():
                    member = f"{name}/{plane}.npy"
                    if member not in archive.namelist():
                        data = io.BytesIO()
                        np.save(data, array)
                        archive.writestr(member, data.getvalue())

    def _common(self, task: Task, labelling: str) -> scores.Row:
        arm, pair = self.batch.arm, task.pair
        return {
            "variant": arm.variant,
            "method": arm.name,
            "labelling": labelling,
            "split": pair.split,
            "moving": pair.moving.name,
            "fixed": pair.fixed.name,
            "similarity": arm.method.similarity_for(multimodal=pair.multimodal),
            "start": arm.alignment.start if arm.method.takes_start else "own",
            "input": arm.method.own_input or input_name(arm.preparation),
            "evaluation": arm.evaluation.words,
            "hash": task.hashes[labelling],
            "registration_hash": task.registration_hash,
            "conditions": self.conditions[labelling],
            "finished": _now(),
            "moving_subject": pair.moving.subject,
            "fixed_subject": pair.fixed.subject,
        }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def input_name(preparation: object) -> str:
    """The input in words, for the column of that name."""
    spacing = getattr(preparation, "spacing", None)
    return "native spacing" if spacing is None else f"{spacing:g} mm"


def run_batch(batch: Batch, out_dir: Path, context: Context, save: str, started: Callable[[Task | None], None]) -> None:
    """Register and score a batch's pairs that have no rows yet.

    Parameters
    ----------
    started : callable
        Told of each pair before it begins, and of None after it ended, so that whoever watches this process knows
        which pair a sudden death belongs to.
    """
    rows = Rows(batch, out_dir)
    todo = [t for t in batch.tasks if not rows.complete(t, save)]
    for task in batch.tasks:
        if task not in todo:
            rows.renew(task)
    if not todo:
        return
    try:
        moving = read_side(out_dir, batch.moving, batch, context.threads)
    except LumirageError as error:
        reason = _reason(error)
        for task in todo:
            rows.fail(task, reason)
            started(None)
        return
    for task in todo:
        rows.read()
        if rows.complete(task, save):  # another run has done it meanwhile
            started(None)
            continue
        started(task)
        try:
            fixed = read_side(out_dir, task.pair.fixed, batch, context.threads)
            work = PairAtWork(
                task=task, batch=batch, moving=moving, fixed=fixed, out_dir=out_dir, context=context, save=save
            )
            work.run(rows)
        except Exception as error:  # methods may raise anything; a pair's failure is a result, the rest goes on
            rows.fail(task, _reason(error))
        started(None)


def _reason(error: Exception) -> str:
    """Why a pair has no score; an error of which the output folder is to blame is raised again."""
    text = " ".join(f"{type(error).__name__}: {error}".split())[:500]
    starved = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    if starved or "OutOfMemoryError" in text or "allocate memory" in text or "bad_alloc" in text:
        return "out of memory"
    if isinstance(error, (CannotWriteError, InputOutputError, OSError)):
        raise error
    if isinstance(error, LumirageError):
        return str(error)
    logger.exception("A pair failed", exc_info=error)
    return text


@dataclass(frozen=True, kw_only=True)
class PairAtWork:
    """One pair from its two sides to its rows."""

    task: Task
    batch: Batch
    moving: Side
    fixed: Side
    out_dir: Path
    context: Context
    save: str

    @property
    def labels(self) -> list[Labels]:
        """Labellings that both scans have."""
        return [labels for labels in self.batch.labels if labels.name in self.task.hashes]

    @property
    def start(self) -> np.ndarray:
        """Fixed world to moving world by the two alignments, each from the reference's world to a scan's."""
        return np.asarray(self.moving.alignment @ np.linalg.inv(self.fixed.alignment))

    def run(self, rows: Rows) -> None:
        """Register, carry over the labels of every labelling, score them and add the rows."""
        landmarks = corresponding_points(self.fixed.scan, self.batch.moving)  # a bad table costs no registration
        transform, cost = self.registered()
        total = transform.then(Transform((self.start,)))
        measures = {**self.deformation(transform), **cost}
        if landmarks is not None:
            measures["tre_mm"] = float(landmark_errors(*landmarks, total).mean())
        by_labelling: dict[str, scores.Row] = {}
        scored: list[str] = []
        for labels in self.labels:
            failure = self.moving.failures.get(labels.name) or self.fixed.failures.get(labels.name)
            if failure:
                by_labelling[labels.name] = {"status": "failed", "reason": failure}
                continue
            row = score(labels, self.moving, self.fixed, total, self.batch.arm.evaluation, self.context.threads)
            by_labelling[labels.name] = {**measures, **row}
            scored.append(labels.name)
        self.keep(transform, scored, cost)
        mask = self.fixed.mask
        index = middle(mask)
        for name in scored:
            planes = moved_planes(self.moving.labels[name], total, mask, index, self.context.threads)
            rows.add_slices(f"{self.fixed.scan.key}/{name}", {**planes, "index": np.array(index)})
        rows.add(self.task, by_labelling)

    def registered(self) -> tuple[Transform, dict[str, float]]:
        """The deformation, from a saved transform with the same hash or by running the method; and what it took."""
        return self._saved() or self._made()

    def _saved(self) -> tuple[Transform, dict[str, float]] | None:
        """What an earlier run saved; a file includes the start, scoring wants the deformation alone."""
        ends = (self.batch.moving, self.fixed.scan, self.batch.arm.label)
        there, back = (self.out_dir / f(*ends) for f in (derivatives.transform, derivatives.inverse_transform))
        notes = [derivatives.read_json(derivatives.sidecar(f)) if f.exists() else {} for f in (there, back)]
        current = [n.get("Hash") == self.task.registration_hash for n in notes]
        if not current[0]:
            return None
        deformation = read_itk(there).then(Transform((np.linalg.inv(self.start),)))
        if current[1]:
            deformation = replace(deformation, inverse=Transform((self.start,)).then(read_itk(back)))
        return deformation, {k: notes[0][k] for k in ("runtime_s", "memory_gb") if k in notes[0]}

    def _made(self) -> tuple[Transform, dict[str, float]]:
        """Run the method, and say what it took."""
        moving, mask = (
            replace(v, affine=np.linalg.inv(self.start) @ v.affine) for v in (self.moving.image, self.moving.mask)
        )
        with (
            tempfile.TemporaryDirectory(dir=self.context.work_dir) as scratch,
            peak_memory(self.context.device) as memory,
        ):
            context = replace(
                self.context,
                work_dir=Path(scratch),
                pair=self.task.pair,
                fixed_mask=self.fixed.mask,
                moving_mask=mask,
                start=self.start,
            )
            begin = time.perf_counter()
            try:
                transform = self.batch.arm.method.register(self.fixed.image, moving, context)
            except OSError as error:  # the method's own, not the output folder's
                raise RuntimeError(f"{type(error).__name__}: {error}") from error
            seconds = time.perf_counter() - begin
        if not self.batch.arm.method.computes:
            return transform, {}
        return transform, {"runtime_s": seconds, "memory_gb": memory.peak_gb}

    def deformation(self, transform: Transform) -> dict[str, float]:
        """Measures of the field within the fixed brain."""
        image, brain = self.fixed.image, self.fixed.mask.array > 0
        determinant = jacobian_determinant(transform, image.shape, image.affine, threads=self.context.threads)
        measures = {
            "folding_percent": folding_percent(determinant, brain),
            "sdlogj": sdlogj(determinant, brain),
            "inverse_consistency_mm": inverse_consistency(transform, brain, image.affine),
        }
        if self.batch.arm.evaluation.diffeomorphism:
            found = non_diffeomorphic(transform, brain, image.affine, threads=self.context.threads)
            measures["ndv_percent"] = found.volume_percent
        return measures

    def keep(self, transform: Transform, scored: Sequence[str], cost: Mapping[str, float]) -> None:
        """Write what ``--save`` asks for: moved labels on the fixed native grid, moved image, transforms."""
        total = transform.then(Transform((self.start,)))
        scan, target, arm = self.batch.moving, self.fixed.scan, self.batch.arm
        meta: dict[str, object] = {
            "Sources": [derivatives.raw_uri(scan), derivatives.raw_uri(target)],
            "SpatialReference": derivatives.raw_uri(target),
            "Hash": self.task.registration_hash,
        }
        if self.save in {"labels", "all"}:
            how, threads = arm.evaluation.transfer, self.context.threads
            for name in scored:
                shape, affine = self.fixed.grids[name]
                array = transfer_labels(self.moving.labels[name], total, shape, affine, threads=threads, method=how)
                file = self.out_dir / derivatives.moved_labels(scan, target, arm.label, name)
                write_image(Volume(array=array, affine=affine), file, np.int32)
                derivatives.write_json(derivatives.sidecar(file), {**meta, **_about_moved(arm.evaluation)})
        if self.save in {"images", "all"}:
            file = self.out_dir / derivatives.moved_image(scan, target, arm.label)
            write_image(warp(self.moving.image, total, self.fixed.image, self.context.threads), file, np.float32)
            about = {**meta, "SkullStripped": arm.preparation.skull_strip}
            derivatives.write_json(derivatives.sidecar(file), about)
        if self.save in {"transforms", "all"}:
            files = {derivatives.transform(scan, target, arm.label): total}
            if transform.inverse is not None:
                back = Transform((np.linalg.inv(self.start),)).then(transform.inverse)
                files = {derivatives.inverse_transform(scan, target, arm.label): back, **files}
            for relative, map_ in files.items():
                with derivatives.replacing(self.out_dir / relative) as temporary:
                    write_itk(map_, temporary)
                derivatives.write_json(derivatives.sidecar(self.out_dir / relative), {**meta, **cost})


def _about_moved(evaluation: Evaluation) -> dict[str, str]:
    """What the sidecar of a moved label map says of its grid: a map to look at is native, whatever was scored."""
    text = "Labels of the moving scan, carried once to the fixed scan's native grid"
    if evaluation.grid == "reference":
        text += (
            "; the scores of this arm were taken on the reference's prepared grid, so they are not those of this map"
        )
    return {"Description": f"{text}.", "Interpolation": evaluation.transfer, "Evaluation": evaluation.words}
