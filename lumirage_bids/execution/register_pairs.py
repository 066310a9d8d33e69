"""One batch of pairs: register, carry the labels over, score under each arm; a pair's failure is a row."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lumirage_bids.base.errors import NO_ROOM, CannotWriteError, InputOutputError, LumirageError, MissingInputError
from lumirage_bids.base.failures import Failure
from lumirage_bids.base.memory import lacks_memory, peak_memory, watcher
from lumirage_bids.base.own_code import read_code
from lumirage_bids.bids.landmarks import Correspondence, corresponding_points
from lumirage_bids.execution.batch_files import Key, Rows
from lumirage_bids.execution.damage import disown_damaged
from lumirage_bids.execution.draw_pair import draw_pair
from lumirage_bids.execution.score_pair import Side, read_side, score
from lumirage_bids.experiment.arms import ArmOfRun
from lumirage_bids.experiment.evaluation import Evaluation
from lumirage_bids.experiment.plan import Batch, Task
from lumirage_bids.experiment.software import UNKNOWN, list_versions
from lumirage_bids.measures import RegisteredPair, take
from lumirage_bids.measures.pair import Deformation, Images, Lesions, Need, Points, RunCost
from lumirage_bids.methods.base import Context
from lumirage_bids.output import paths, score_table
from lumirage_bids.output.files import replacing
from lumirage_bids.output.folder import Output
from lumirage_bids.output.pair_pictures import PairPictures
from lumirage_bids.output.read_prepared import NotPreparedError, failure_of
from lumirage_bids.spatial.grids import mask_on, resample
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.spatial.itk import read_itk, write_itk
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.preparation import Prepared
from lumirage_bids.spatial.transforms import Transform, warp

logger = logging.getLogger("lumirage")

Cost = dict[str, Any]
"""What a registration took and was made with, kept beside its transform; columns of its rows."""
# A transform that a version before 0.2.0 saved does not say what it was made with.
_COSTS = ("runtime_s", "memory_gb", "start_runtime_s", "start_memory_gb", "made_with")
_BESIDES = ("made_with", "start_runtime_s", "start_memory_gb")
"""Those that are no measures."""
_TOOK = {"seconds": "runtime_s", "memory_gb": "memory_gb"}


def run_batch(
    batch: Batch,
    output: Output,
    context: Context,
    save: str,
    started: Callable[[Task | None], None],
    left_out: Container[str] = (),
    *,
    pictures: bool = True,
) -> None:
    """Register and score a batch's pairs that have no rows yet.

    Parameters
    ----------
    started : callable
        Told of each pair before it begins, and of None after it ended, so that whoever watches this process knows
        which pair a sudden death belongs to.
    left_out : container of str
        Names of fixed scans with which it is not to be tried again.
    pictures : bool
        Whether to keep pictures of the pairs that are worth a look.
    """
    watcher()
    rows = Rows(batch, output)
    todo = [t for t in batch.tasks if t.pair.fixed.name not in left_out and not rows.is_complete(t, save)]
    for task in batch.tasks:
        if task not in todo:
            rows.renew(task)
    if not todo:
        return
    try:
        moving = read_side(output, batch.moving, batch, context.threads)
    except LumirageError as error:
        disown_damaged(output, error)
        why = _explain(error)
        for task in todo:
            rows.fail(task, why)
            started(None)
        return
    for task in todo:
        rows.read()
        if rows.is_complete(task, save):  # another run has done it meanwhile
            started(None)
            continue
        started(task)
        try:
            fixed = read_side(output, task.pair.fixed, batch, context.threads)
            work = PairAtWork(
                task=task,
                batch=batch,
                moving=moving,
                fixed=fixed,
                output=output,
                context=context,
                save=save,
                pictures=pictures,
            )
            work.run(rows)
        except Exception as error:  # methods may raise anything; a pair's failure is a result, the rest goes on
            disown_damaged(output, error)
            rows.fail(task, _explain(error))
        started(None)


def _explain(error: Exception) -> Failure:
    """Why a pair has no score; an error of which the output folder is to blame is raised again."""
    text = " ".join(f"{type(error).__name__}: {error}".split())[:500]
    if lacks_memory(error):
        return Failure("out of memory", f"out of memory: {text}")
    if isinstance(error, (CannotWriteError, InputOutputError, OSError)):
        raise error
    if isinstance(error, LumirageError):
        return failure_of(error)
    logger.exception("A pair failed", exc_info=error)
    return Failure("error", text)


@dataclass(frozen=True, kw_only=True)
class _Sight:
    """What a method is given; `world` maps the world that it sees, where that is the reference's, to the fixed one.

    `lesions` are the fixed and the moving scan's where the method sees them.
    """

    fixed: Prepared
    moving: Prepared
    start: np.ndarray | None
    world: np.ndarray | None = None
    lesions: tuple[Volume | None, Volume | None] = (None, None)


def _see_from(world: np.ndarray, transform: Transform) -> Transform:
    """A map within the reference's world as one within the fixed scan's, and so its inverse."""
    to, back = Transform((np.linalg.inv(world),)), Transform((world,))
    own = to.then(transform).then(back) if transform.steps else transform
    inverse = transform.inverse
    return own if inverse is None else replace(own, inverse=to.then(inverse).then(back))


def _carry_on(transform: Transform, motion: np.ndarray) -> Transform:
    """A map to a world as one to that world moved, and so its inverse; there and back again leaves nothing behind."""
    moved, inverse = transform.then(Transform((motion,))), transform.inverse
    own = Transform(
        tuple(
            s for s in moved.steps if not (isinstance(s, np.ndarray) and np.allclose(s, np.eye(4), rtol=0, atol=1e-9))
        )
    )
    return own if inverse is None else replace(own, inverse=Transform((np.linalg.inv(motion),)).then(inverse))


@dataclass(frozen=True, kw_only=True)
class PairAtWork:
    """One pair from its two sides to its rows."""

    task: Task
    batch: Batch
    moving: Side
    fixed: Side
    output: Output
    context: Context
    save: str
    pictures: bool = True

    @property
    def start(self) -> np.ndarray:
        """Fixed world to moving world by the two alignments, each from the reference's world to a scan's."""
        return np.asarray(self.moving.alignment @ np.linalg.inv(self.fixed.alignment))

    def run(self, rows: Rows) -> None:
        """Register, carry over the labels of every labelling, score them and add the rows."""
        landmarks = self.landmarks()  # a bad table costs no registration
        carried = self.carried()
        transform, cost = self.register() if carried is None else (Transform(), {})
        total = transform.then(Transform((self.start,)))
        cut = 100 * float(np.max([self.fixed.at_edge, self.moving.at_edge]))
        facts = {name: cost[name] for name in _BESIDES if name in cost}
        pair = RegisteredPair(parts={}) if carried is not None else self.gather(transform, total, cost, landmarks)
        values = self.besides_labels(pair)
        failures = {**self.fixed.failures, **self.moving.failures}
        sides = (self.moving, self.fixed)
        known = [labels for labels in self.batch.labels if self.batch.arm.scores(labels.name)]
        both = [labels for labels in known if all(labels.has(side.scan) for side in sides)]
        scored = [labels for labels in both if labels.name not in failures]
        new: dict[Key, score_table.Row] = {}
        for arm in self.batch.arms:
            masked = lesion_masked(arm, self.moving, self.fixed)
            own = {**values[arm.label], **facts, **masked, "brain_at_edge_percent": cut}
            for labels in both:
                key = (arm.label, labels.name)
                if labels in scored:
                    where = (labels, *sides, total, arm.evaluation, self.context.threads)
                    row = score(*where, pair=pair, carried=carried)
                    new[key] = {**own, **row}
                else:
                    new[key] = {**masked, **score_table.failed_row(failures[labels.name])}
            self.keep(arm, transform, [labels.name for labels in scored], cost, carried)
        if self.pictures:
            names = [labels.name for labels in scored]
            draw = cache(lambda: self.draw(names, None if carried is not None else pair.field, carried))
            rows.keep_pictures(self.task, new, draw, asked="images" in self.task.kinds_kept(self.save))
        rows.add(self.task, new)

    def landmarks(self) -> Correspondence | None:
        """Points that the two scans share."""
        try:
            return corresponding_points(self.fixed.scan, self.batch.moving)
        except MissingInputError as error:  # they were there when the run was planned
            raise NotPreparedError(f"input lost: {error}") from error

    def carried(self) -> Volume | None:
        """Labels of the moving scan in the fixed scan's world, where the method has such, and no transform."""
        method = self.batch.arm.method
        return method.carried(self.task.pair) if method.carries else None

    def draw(self, names: Sequence[str], field: Deformation | None, carried: Volume | None) -> PairPictures:
        """What the pair looks like."""
        theirs = self.moving.labels if carried is None else dict.fromkeys(names, carried)
        maps = {name: (self.fixed.labels[name], theirs[name]) for name in names}
        return draw_pair(self.fixed, self.moving, Transform((self.start,)), field, maps)

    def register(self) -> tuple[Transform, Cost]:
        """The deformation, from a saved transform with the same hash or by running the method; and what it took."""
        return self._read_saved() or self._run_method()

    def _read_saved(self) -> tuple[Transform, Cost] | None:
        """What an earlier run saved; a file includes the start, scoring wants the deformation alone."""
        for arm in self.batch.arms:
            ends = (self.batch.moving, self.fixed.scan, arm.label)
            files = [f(*ends) for f in (paths.transform, paths.inverse_transform)]
            notes = [self.output.read_sidecar(file) if self.output.is_there(file) else {} for file in files]
            there, back = (self.output / file for file in files)
            current = [n.get("Hash") == self.task.registration_hash for n in notes]
            if not current[0]:
                continue
            try:
                deformation = read_itk(there).then(Transform((np.linalg.inv(self.start),)))
                if current[1]:
                    deformation = replace(deformation, inverse=Transform((self.start,)).then(read_itk(back)))
            except LumirageError as error:
                logger.warning("%s It is made again.", error)
                continue
            return deformation, {"made_with": UNKNOWN, **{k: notes[0][k] for k in _COSTS if k in notes[0]}}
        return None

    def _run_method(self) -> tuple[Transform, Cost]:
        """Run the method, before it what it goes on from, and say what it took."""
        *before, own = self.batch.arm.stages
        initial: Transform | None = None
        costs: list[Cost] = []
        for stage in before:
            try:
                initial, cost = self._stage(stage, initial)
            except (LumirageError, RuntimeError, ValueError) as error:
                error.args = (f"{stage.name}, which {own.name} goes on from: {error}",)
                raise
            costs.append(cost)
        transform, cost = self._stage(own, initial)
        return transform, _add_up([*costs, cost], [stage.method.packages for stage in self.batch.arm.stages])

    def _stage(self, arm: ArmOfRun, initial: Transform | None) -> tuple[Transform, Cost]:
        """Run one method, from what another has found where there is that."""
        sight, motion = self._perturb(arm, self._sight(arm))
        if initial is not None and sight.world is not None:
            initial = _see_from(np.linalg.inv(sight.world), initial)
        if initial is not None and motion is not None:
            initial = _carry_on(initial, motion)
        with (
            tempfile.TemporaryDirectory(dir=self.context.work_dir) as scratch,
            peak_memory(self.context.device) as memory,
        ):
            context = replace(
                self.context,
                work_dir=Path(scratch),
                pair=self.task.pair,
                fixed_mask=sight.fixed.mask,
                moving_mask=sight.moving.mask,
                fixed_lesion=sight.lesions[0] if arm.method.masks_lesions else None,
                moving_lesion=sight.lesions[1] if arm.method.masks_lesions else None,
                start=sight.start,
                initial=initial,
            )
            begin = time.perf_counter()
            try:
                transform = arm.method.register(sight.fixed.image, sight.moving.image, context)
            except OSError as error:
                if error.errno in NO_ROOM:
                    raise
                # The method's own, not the output folder's.
                raise RuntimeError(f"{type(error).__name__}: {error}") from error
            seconds = time.perf_counter() - begin
        if read_code(arm.method.code()) != arm.code:
            raise NotPreparedError("input lost: the program or the source of the method was edited during the run")
        transform = transform if motion is None else _carry_on(transform, np.linalg.inv(motion))
        transform = transform if sight.world is None else _see_from(sight.world, transform)
        if not arm.method.computes:
            return transform, {}
        return transform, {"runtime_s": seconds, "memory_gb": memory.peak_gb}

    def _sight(self, arm: ArmOfRun) -> _Sight:
        """What the method sees: both scans on the grid that all share, else each on its own, the moving one started.

        Transforms that others made are between the scans' own grids.
        """
        fixed, moving = self.fixed.seen, self.moving.seen
        if fixed is not None and moving is not None and arm.method.computes:
            ours, theirs = (s.lesion and s.lesion.move(np.linalg.inv(s.alignment)) for s in (self.fixed, self.moving))
            return _Sight(fixed=fixed, moving=moving, start=None, world=self.fixed.alignment, lesions=(ours, theirs))
        back, lesion = np.linalg.inv(self.start), self.moving.lesion
        return _Sight(
            fixed=Prepared(image=self.fixed.image, mask=self.fixed.mask),
            moving=Prepared(image=self.moving.image.move(back), mask=self.moving.mask.move(back)),
            start=self.start,
            lesions=(self.fixed.lesion, lesion and lesion.move(back)),
        )

    def _perturb(self, arm: ArmOfRun, sight: _Sight) -> tuple[_Sight, np.ndarray | None]:
        """The same with the moving image made worse, if the arm asks for it; and how that has moved its world."""
        perturbation = arm.preparation.perturbation
        if perturbation is None:
            return sight, None
        image, mask = sight.moving.image, sight.moving.mask
        worse = perturbation.of(image, mask, self.batch.moving.name)
        if np.array_equal(worse.affine, image.affine):
            return replace(sight, moving=replace(sight.moving, image=worse)), None
        motion = worse.affine @ np.linalg.inv(image.affine)
        mask = mask.move(motion)
        if sight.world is not None:  # on the grid that all share, what moves is interpolated
            worse, mask = resample(worse, image.shape, image.affine), replace(image, array=mask_on(mask, image))
        start = None if sight.start is None else sight.start @ np.linalg.inv(motion)
        ours, theirs = sight.lesions
        lesions = (ours, theirs and theirs.move(motion))
        return replace(sight, moving=Prepared(image=worse, mask=mask), start=start, lesions=lesions), motion

    def gather(
        self, transform: Transform, total: Transform, cost: Cost, landmarks: Correspondence | None
    ) -> RegisteredPair:
        """What there is to be measured besides labels."""
        image, brain, threads = self.fixed.image, self.fixed.mask.array > 0, self.context.threads
        parts: dict[Need, object] = {
            "field": Deformation(transform=transform, mask=brain, affine=image.affine, threads=threads),
            "images": Images(fixed=image, moving=self.moving.image, transform=total, mask=brain, threads=threads),
        }
        if self.fixed.lesion is not None or self.moving.lesion is not None:
            ours, theirs = self.fixed.lesion, self.moving.lesion
            start = Transform((self.start,))
            parts["lesions"] = Lesions(fixed=ours, moving=theirs, start=start, transform=total, threads=threads)
        if landmarks is not None:
            parts["points"] = Points(transform=total, **vars(landmarks))
        if took := {name: cost[column] for name, column in _TOOK.items() if column in cost}:
            parts["cost"] = RunCost(**took)
        return RegisteredPair(parts=parts)

    def besides_labels(self, pair: RegisteredPair) -> dict[str, dict[str, float]]:
        """Values of the measures that look at no labels, by arm; each measure is taken once."""
        asked = {arm.label: [m for m in arm.evaluation.taken if not m.looks_at_labels] for arm in self.batch.arms}
        values = {m: take([m], pair) for m in dict.fromkeys(m for of_arm in asked.values() for m in of_arm)}
        return {arm: {k: v for m in of_arm for k, v in values[m].items()} for arm, of_arm in asked.items()}

    def keep(
        self, arm: ArmOfRun, transform: Transform, scored: Sequence[str], cost: Cost, carried: Volume | None
    ) -> None:
        """Write what is to be kept: moved labels on the fixed native grid, moved image, transforms."""
        kinds = self.task.kinds_kept(self.save)
        total = transform.then(Transform((self.start,)))
        scan, target = self.batch.moving, self.fixed.scan
        meta: dict[str, object] = {
            "Sources": [paths.raw_uri(scan), paths.raw_uri(target)],
            "SpatialReference": paths.raw_uri(target),
            "Hash": self.task.registration_hash,
        }
        if "labels" in kinds:
            how, threads = arm.evaluation.transfer, self.context.threads
            for name in scored:
                shape, affine = self.fixed.grids[name]
                labels, way = (self.moving.labels[name], total) if carried is None else (carried, Transform())
                array = transfer_labels(labels, way, shape, affine, threads=threads, method=how)
                about = {**meta, **_describe_moved(arm.evaluation)}
                with self.output.publishing(paths.moved_labels(scan, target, arm.label, name), about) as file:
                    write_image(Volume(array=array, affine=affine), file, np.int32)
        if "images" in kinds:
            about = {**meta, "SkullStripped": arm.preparation.skull_strip}
            with self.output.publishing(paths.moved_image(scan, target, arm.label), about) as file:
                write_image(warp(self.moving.image, total, self.fixed.image, self.context.threads), file, np.float32)
        if "transforms" in kinds:
            files = {paths.transform(scan, target, arm.label): total}
            if transform.inverse is not None:
                back = Transform((np.linalg.inv(self.start),)).then(transform.inverse)
                files = {paths.inverse_transform(scan, target, arm.label): back, **files}
            for relative, map_ in files.items():
                with self.output.publishing(relative, {**meta, **cost}) as file, replacing(file) as temporary:
                    write_itk(map_, temporary)


def lesion_masked(arm: ArmOfRun, moving: Side, fixed: Side) -> dict[str, str]:
    """Whose lesions an arm's registration was given to leave out, for the column of that name, where it has one.

    A file of a mask that is empty is no lesion, and only who has read it knows.
    """
    having = [name for name, side in (("moving", moving), ("fixed", fixed)) if side.lesion is not None]
    if not having or not arm.method.computes:
        return {}
    given = having if all(stage.method.masks_lesions for stage in arm.stages) else ["none"]
    return {"lesion_masked": "both" if len(given) == 2 else given[0]}


def _add_up(costs: Sequence[Cost], packages: Sequence[tuple[str, ...]]) -> Cost:
    """What methods took that were run one after the other: their time, the memory of the one that took most.

    It is not known where it is not of one of them, as of fields from files.
    """
    if not costs[-1]:
        return {}
    *before, _ = costs
    versions = {"made_with": list_versions({package for of in packages for package in of})}
    if not all(costs):
        return versions
    seconds, memory = (sum(c["runtime_s"] for c in costs), max(c["memory_gb"] for c in costs))
    whole = {"runtime_s": seconds, "memory_gb": memory, **versions}
    if not before:
        return whole
    started = sum(c["runtime_s"] for c in before), max(c["memory_gb"] for c in before)
    return {**whole, "start_runtime_s": started[0], "start_memory_gb": started[1]}


def _describe_moved(evaluation: Evaluation) -> dict[str, str]:
    """What the sidecar of a moved label map says of its grid: a map to look at is native, whatever was scored."""
    text = "Labels of the moving scan, carried once to the fixed scan's native grid"
    if evaluation.grid == "reference":
        text += (
            "; the scores of this arm were taken on the reference's prepared grid, so they are not those of this map"
        )
    return {"Description": f"{text}.", "Interpolation": evaluation.transfer, "Evaluation": evaluation.words}
