"""From scans, protocol, settings and what is already there to a plan; pure: nothing is read or written but names."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from lumirage_bids.base.errors import MissingInputError, NothingSelectedError, UsageError
from lumirage_bids.base.parameters import digest
from lumirage_bids.bids.dataset import datalad_get_line
from lumirage_bids.bids.left_out import list_names
from lumirage_bids.bids.scans import Pair, Scan, fingerprint
from lumirage_bids.experiment.again import look_back
from lumirage_bids.experiment.arms import ArmOfRun, choose_arms
from lumirage_bids.experiment.labels_of_run import LabellingOfRun, agreement_conditions, choose_labels
from lumirage_bids.experiment.pairs import choose_pairs, sample_subjects
from lumirage_bids.experiment.plan import AlignmentJob, Batch, Done, Plan, ScanJob, Task, is_present, prepared_files
from lumirage_bids.experiment.protocol import Protocol
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.maskers import Masking, masking
from lumirage_bids.methods.base import Context
from lumirage_bids.output import paths

if TYPE_CHECKING:
    from lumirage_bids.bids.dataset import Dataset

NOTHING_DONE = Done()


def _asked(pairs: Sequence[Pair], n_scans: int, settings: Settings) -> tuple[Pair, ...]:
    """Pairs of the moving and fixed subjects that are named; of all where none are."""
    moving, fixed = settings.participant_label, settings.fixed_label
    asked = tuple(
        p for p in pairs if (not moving or p.moving.subject in moving) and (not fixed or p.fixed.subject in fixed)
    )
    if not asked:
        check = " and ".join([*settings.named_subjects, *(["--max-pairs"] if settings.max_pairs else [])])
        raise NothingSelectedError(
            f"No pair is left of {len(pairs)} pairs of {n_scans} scans. Check {check or '[pairs] of the protocol'}."
        )
    return asked


def choose_reference(scans: Sequence[Scan], wanted: str, labellings: tuple[str, ...]) -> Scan:
    """Scan that all others are aligned to: the first or the named subject's.

    One whose content is here if any is; of these a T1w scan if there is one, else T1-weighted otherwise (UNIT1).

    Raises
    ------
    MissingInputError
        The named subject is not among the scans.
    """
    candidates = [s for s in scans if wanted in ("first", s.subject)]
    if not candidates:
        subjects = ", ".join(sorted({s.subject for s in scans}))
        raise MissingInputError(f"The protocol's reference is subject '{wanted}', but the scans are of: {subjects}.")
    contrasts = ("T1w", "UNIT1")
    return min(
        candidates,
        key=lambda s: (
            not is_present(s, labellings),
            contrasts.index(s.suffix) if s.suffix in contrasts else len(contrasts),
        ),
    )


def check_content(plan: Plan, named: Mapping[str, Iterable[str]]) -> None:
    """Refuse to start where what was asked for by name, or the reference, or everything, is not here.

    Parameters
    ----------
    named : mapping
        Option → subjects that it names.

    Raises
    ------
    MissingInputError
        The message has the command that fetches it.
    """
    names = tuple(labels.name for labels in plan.labels)

    def refuse(what: str, scans: Sequence[Scan]) -> MissingInputError:
        files = [f for s in scans for f in s.wants(names) if not f.present]
        return MissingInputError(f"{what} is not here. To get it: {datalad_get_line(scans[0].dataset, files)}")

    for option, wanted in named.items():
        for subject in wanted:
            own = [s for s in plan.scans if s.subject == subject]
            if not any(is_present(s, names) for s in own):
                raise refuse(f"{option} {subject}: the content of {own[0].relative}", own)
    if not plan.runnable:
        raise refuse(f"Some content of each of the {len(plan.asked)} pairs", [*plan.missing, plan.reference])
    if not is_present(plan.reference, names):
        raise refuse(f"The content of {plan.reference.relative}, to which others are aligned,", [plan.reference])


def _check_selection(
    scans: Sequence[Scan], dataset: Dataset, named: Mapping[str, Iterable[str]], excluded: Collection[str]
) -> None:
    for option, wanted in named.items():
        for subject in wanted:
            if subject not in {s.subject for s in scans}:
                have = ", ".join(sorted({s.subject for s in scans})) or "none"
                why = "".join(f" ({s.reason})" for s in dataset.left_out if s.subject == subject)
                if subject in excluded:
                    why = " (--exclude-participant-label leaves it out)"
                raise MissingInputError(
                    f"{option} {subject}: no eligible scan of that subject{why}. There are: {have}."
                )
    if len(scans) < 2:
        excluding = "--exclude-participant-label, " if excluded else ""
        raise NothingSelectedError(
            f"{len(scans)} scan(s) selected in {dataset.root}: a pair needs two. Check {excluding}--bids-filter-file, "
            "--session-id and which scans have label maps."
            + (f" No scan fits for {list_names(dataset.left_out)}." if dataset.left_out else "")
        )


def _check_redo(arms: Iterable[ArmOfRun], settings: Settings) -> None:
    """Refuse to make again what is not made in this run."""
    names = dict.fromkeys(arm.name for arm in arms)
    if unknown := set(settings.redo) - set(names):
        raise UsageError(f"--redo {' '.join(sorted(unknown))}: no method of this run. There are: {', '.join(names)}.")
    if settings.redo and (settings.reports_only or settings.stage == "prepare"):
        raise UsageError("--redo makes registrations again; it does not go with --reports-only or --stage prepare.")


def make_plan(dataset: Dataset, protocol: Protocol, settings: Settings, done: Done = NOTHING_DONE) -> Plan:
    """Decide everything before anything is done.

    Parameters
    ----------
    dataset : Dataset
        Scans that the filters select.
    done : Done
        What earlier runs left in the output folder.

    Raises
    ------
    UsageError, MissingInputError, NothingSelectedError
        Something asked for is unknown, not there, or leaves no pair.
    """
    arms = choose_arms(protocol, settings)
    labels = choose_labels(protocol, settings, dataset)
    names = tuple(labelling.name for labelling in labels)
    selected = [s for s in dataset.scans if s.template or not settings.session_id or s.session in settings.session_id]
    eligible = tuple(s for s in selected if any(labelling.has(s) for labelling in labels))
    scans = sample_subjects(eligible, settings.seed, protocol.pairs.subjects)
    _check_selection(scans, dataset, settings.named_subjects, settings.exclude_participant_label)
    pairs = choose_pairs(scans, protocol.pairs, settings.seed, settings.max_pairs)
    possible = choose_pairs(scans, replace(protocol.pairs, max=None, max_per_contrast=None), settings.seed)
    asked = _asked(pairs, len(scans), settings)
    # A template may be the reference though it has no label map.
    reference = choose_reference((*scans, *(s for s in selected if s.template)), protocol.reference, names)
    here = {s for s in {s for p in asked for s in (p.moving, p.fixed)} if is_present(s, names)}
    runnable = tuple(p for p in asked if p.moving in here and p.fixed in here)
    how = masking(protocol.masks)
    builder = _Builder(
        arms=arms,
        labels=labels,
        masking=how,
        reference=reference,
        done=done,
        weights=settings.weights,
        seed=settings.seed,
        save=settings.save,
    )
    _check_redo(arms, settings)
    tasks = [
        (own, builder.task(pair, own))
        for own in share_registrations(arms)
        for pair in runnable
        if settings.stage != "prepare"
    ]
    batches, n_done = builder.batches(tasks, settings.nprocs, settings.redo)
    involved = builder.find_involved(runnable, None if settings.stage == "prepare" else batches)
    # Jobs of an array that prepare the same scans begin with their own, so that they do not wait for one another.
    own = {p.moving for p in runnable} if settings.participant_label else set()
    ordered = sorted(involved | ({reference} if involved else set()), key=lambda s: (s not in own, s.name))
    return Plan(
        scans=scans,
        unlabelled=tuple(s for s in selected if s not in eligible and s is not reference),
        pairs=pairs,
        n_subjects=len({s.subject for s in eligible if not s.template}),
        n_pairs=len(possible),
        asked=asked,
        runnable=runnable,
        reference=reference,
        arms=arms,
        labels=labels,
        masking=how,
        preparing=tuple(p for s in ordered if (p := builder.preparing(s, labelled=s in involved))),
        aligning=tuple(a for s in ordered for a in builder.aligning(s)),
        batches=batches,
        n_done=n_done,
        again=look_back(batches, done, settings.redo),
        found=frozenset(dataset.found),
        made={s.name: dict(i for v in builder.variants for i in builder.made(s, v).items()) for s in ordered},
        expected={
            (arm, name, t.pair.moving.name, t.pair.fixed.name): value
            for _, t in tasks
            for (arm, name), value in t.hashes.items()
        },
        left_out=dataset.left_out,
    )


def share_registrations(arms: Iterable[ArmOfRun]) -> list[tuple[ArmOfRun, ...]]:
    """Arms by the registrations that they share."""
    groups: dict[str, list[ArmOfRun]] = {}
    for arm in arms:
        groups.setdefault(arm.registration, []).append(arm)
    return [tuple(group) for group in groups.values()]


class _Builder:
    """Hashes, each computed once, and what they leave to do."""

    def __init__(
        self,
        *,
        arms: tuple[ArmOfRun, ...],
        labels: tuple[LabellingOfRun, ...],
        masking: Masking,
        reference: Scan,
        done: Done,
        weights: Path | None,
        seed: int,
        save: str,
    ) -> None:
        self.arms, self.labels, self.masking, self.reference, self.done = arms, labels, masking, reference, done
        self.weights, self.seed, self.save = weights, seed, save
        self.variants = {
            name: next(arm for arm in arms if arm.variant == name) for name in dict.fromkeys(a.variant for a in arms)
        }
        # A hash asks the file system about its files, so once a scan, not once a pair.
        self.prepared_hash = cache(self._prepared_hash)
        self.alignment_hash = cache(self._alignment_hash)
        self.label_hash = cache(self._label_hash)
        self.made = cache(self._made)

    def find_involved(self, runnable: Sequence[Pair], batches: Sequence[Batch] | None) -> set[Scan]:
        """Scans that are to be prepared: for registrations that are left, or, where none are asked for, for all."""
        scans = {s for p in runnable for s in (p.moving, p.fixed)}
        if batches is None:
            return scans
        # A reference may have been named after all pairs were done.
        compared = {s for s in scans if any(self.agreements(s))}
        return compared | {s for b in batches for t in b.tasks for s in (b.moving, t.pair.fixed)}

    def _prepared_hash(self, scan: Scan, variant: str) -> str:
        prints = [f.fingerprint for f in scan.sources()]
        preparation = self.variants[variant].preparation
        value = digest(preparation.revision, preparation, prints, scan.skull_stripped)
        return self._masked(scan, value, paths.prepared_image(scan, variant), (variant,))

    def _label_hash(self, scan: Scan, index: int) -> str:
        labels = self.labels[index]
        value = labels.hash(scan)
        if labels.is_existing:
            return value
        return self._masked(scan, value, paths.label_map(scan, labels.name), tuple(self.variants))

    def _masked(self, scan: Scan, value: str, file: Path, variants: tuple[str, ...]) -> str:
        """Digest of a file that depends on the scan's brain mask: `value`, from before maskers counted, where it holds.

        It does where the scan came with its brain marked, and where an earlier version made the file as it would be
        made today, which names alone do not tell.
        """
        masking = self.masking.depends(scan)
        anew, there = digest(value, "masked", masking), self.done.files.get(file)
        if there in (value, anew):
            outdated = any(paths.prepared_image(scan, name) in self.done.outdated for name in variants)
            holds = there == value and not outdated and (not masking or self.masking.is_default)
            return value if holds else anew
        return anew if masking else value

    def _alignment_hash(self, scan: Scan, variant: str) -> str:
        ends = [self.prepared_hash(s, variant) for s in (scan, self.reference)]
        alignment = self.variants[variant].alignment
        return digest(alignment.revision, alignment, self.reference.name, ends)

    def preparing(self, scan: Scan, *, labelled: bool) -> ScanJob | None:
        """What is to be made of a scan; one that others are only aligned to needs no labels."""
        variants = tuple(
            (name, arm.preparation, value)
            for name, arm in self.variants.items()
            if not self._is_made(value := self.prepared_hash(scan, name), *prepared_files(scan, name))
        )
        labels = tuple(
            (labelling, value)
            for i, labelling in enumerate(self.labels)
            if labelled
            and labelling.has(scan)
            and not self._is_made(value := self.label_hash(scan, i), paths.label_map(scan, labelling.name))
        )
        agreements = tuple(self.agreements(scan))
        todo = variants or labels or agreements
        if not todo:
            return None
        return ScanJob(scan=scan, variants=variants, labels=labels, agreements=agreements, inputs=self.label_maps(scan))

    def _is_made(self, value: str, *files: Path) -> bool:
        return all(value in (self.done.files.get(file), self.done.notes.get(file)) for file in files)

    def label_maps(self, scan: Scan) -> dict[Path, str]:
        """Label maps of a scan → digests."""
        return {
            paths.label_map(scan, labelling.name): self.label_hash(scan, i)
            for i, labelling in enumerate(self.labels)
            if labelling.has(scan)
        }

    def _made(self, scan: Scan, variant: str) -> Mapping[Path, str]:
        """What is made of a scan for a variant → digests."""
        return {
            **self.label_maps(scan),
            **dict.fromkeys(prepared_files(scan, variant), self.prepared_hash(scan, variant)),
            paths.alignment(scan, self.reference, variant): self.alignment_hash(scan, variant),
        }

    def agreements(self, scan: Scan) -> Iterator[tuple[LabellingOfRun, LabellingOfRun, str]]:
        for (i, labelling), (j, reference) in product(enumerate(self.labels), repeat=2):
            if labelling.reference == reference.name and labelling.has(scan) and reference.has(scan):
                hashes = [self.label_hash(scan, i), self.label_hash(scan, j)]
                value = digest(agreement_conditions(labelling, reference), hashes)
                if not self._is_made(value, paths.agreement(scan, labelling.name, reference.name)):
                    yield labelling, reference, value

    def aligning(self, scan: Scan) -> list[AlignmentJob]:
        todo: dict[str, list[str]] = {}
        for name in self.variants:
            value = self.alignment_hash(scan, name)
            if not self._is_made(value, paths.alignment(scan, self.reference, name)):
                todo.setdefault(value, []).append(name)
        return [
            AlignmentJob(
                scan=scan,
                reference=self.reference,
                variants=tuple(names),
                alignment=self.variants[names[0]].alignment,
                hash=value,
                inputs={
                    file: self.prepared_hash(s, names[0])
                    for s in (scan, self.reference)
                    for file in prepared_files(s, names[0])
                },
            )
            for value, names in todo.items()
        ]

    def task(self, pair: Pair, arms: tuple[ArmOfRun, ...]) -> Task:
        scans, arm = (pair.moving, pair.fixed), arms[0]
        ends = [self.alignment_hash(s, arm.variant) for s in scans]
        names = [s.name for s in scans]
        files = [fingerprint(f) for f in arm.method.files(Context(pair=pair, weights=self.weights))]
        # Contrast and seed are known from sidecars and the command line, not from the images.
        extra = (arm.method.similarity_for(multimodal=pair.multimodal), self.seed if arm.method.uses_seed else None)
        method = arm.method
        depends = (method.name, method, extra, files, ends, names, *arm.own_code)
        registered = digest(arm.revisions["registration"], *depends)
        hashes = {
            (arm.label, labelling.name): digest(
                arm.evaluation.revision,
                registered,
                (arm.variant, arm.name),
                arm.evaluation,
                pair.split,
                [self.label_hash(s, i) for s in scans],
                [s.landmarks.fingerprint for s in scans if s.landmarks is not None],
            )
            for arm in arms
            for i, labelling in enumerate(self.labels)
            if all(labelling.has(s) for s in scans)
        }
        return Task(pair=pair, registration_hash=registered, hashes=hashes)

    def batches(
        self, tasks: Sequence[tuple[tuple[ArmOfRun, ...], Task]], nprocs: int, redo: Container[str]
    ) -> tuple[tuple[Batch, ...], int]:
        todo: dict[tuple[str, str], tuple[tuple[ArmOfRun, ...], list[Task]]] = {}
        n_done = 0
        for arms, task in tasks:
            scored = arms[0].name not in redo and self.done.rows.issuperset(task.hashes.values())
            if scored and task.is_kept(self.save, self.done.failed, self.done.files.get):
                n_done += 1
            else:
                todo.setdefault((arms[0].label, task.pair.moving.name), (arms, []))[1].append(task)
        size = chunk_size(sum(len(tasks) for _, tasks in todo.values()), nprocs)
        batches = [
            self._batch(arms, tuple(tasks[i : i + size]))
            for arms, tasks in todo.values()
            for i in range(0, len(tasks), size)
        ]
        return tuple(batches), n_done

    def _batch(self, arms: tuple[ArmOfRun, ...], tasks: tuple[Task, ...]) -> Batch:
        moving = tasks[0].pair.moving
        scans = (moving, self.reference, *(t.pair.fixed for t in tasks))
        inputs = dict(item for scan in scans for item in self.made(scan, arms[0].variant).items())
        return Batch(moving=moving, arms=arms, reference=self.reference, tasks=tasks, labels=self.labels, inputs=inputs)


def chunk_size(n: int, nprocs: int) -> int:
    """Pairs a batch: enough batches to keep all workers busy, few enough that starting them costs nothing.

    Examples
    --------
    >>> chunk_size(9900, 1), chunk_size(9900, 64), chunk_size(12, 2)
    (100, 39, 2)
    """
    return max(1, min(100, n if nprocs == 1 else -(-n // (4 * nprocs))))
