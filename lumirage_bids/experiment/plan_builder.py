"""What is left to do of a plan: digests of what is to be there, each computed once, against what is."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from lumirage_bids.base.parameters import digest
from lumirage_bids.bids.scans import Pair, Scan, fingerprint
from lumirage_bids.experiment.arms import ArmOfRun
from lumirage_bids.experiment.downstream import FEWEST_ATLASES, DownstreamJob, digest_of_draw
from lumirage_bids.experiment.downstream import REVISION as DOWNSTREAM
from lumirage_bids.experiment.labels_of_run import LabellingOfRun, digest_agreement
from lumirage_bids.experiment.plan import AlignmentJob, Batch, Done, ScanJob, Task, prepared_files
from lumirage_bids.maskers import Masking
from lumirage_bids.methods.base import Context
from lumirage_bids.output import paths
from lumirage_bids.spatial.synthesis import Synthesis

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Method

LESIONS_MEASURED = 2
"""How lesions are measured. A measure's own revision would have rows of pairs without lesions made again too."""


class PlanBuilder:
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
        self.code = cache(Synthesis.code)
        self.prepared_hash = cache(self._prepared_hash)
        self.alignment_hash = cache(self._alignment_hash)
        self.label_hash = cache(self._label_hash)
        self.made = cache(self._digests_of_scan)

    def find_involved(self, runnable: Sequence[Pair], batches: Sequence[Batch] | None) -> set[Scan]:
        """Scans that are to be prepared: for registrations that are left, or, where none are asked for, for all."""
        scans = {s for p in runnable for s in (p.moving, p.fixed)}
        if batches is None:
            return scans
        # A reference may have been named after all pairs were done.
        besides = {s for s in scans if any(self.agreements(s)) or self.landmarks(s)}
        return besides | {s for b in batches for t in b.tasks for s in (b.moving, t.pair.fixed)}

    def _prepared_hash(self, scan: Scan, variant: str) -> str:
        prints = [f.fingerprint for f in scan.sources()]
        preparation = self.variants[variant].preparation.of_contrast(scan.suffix)
        own = [self.code(preparation.synthesis)] if preparation.synthesis else []
        value = digest(preparation.revision, preparation, prints, scan.skull_stripped, *own)
        return self._digest_of_masked(scan, value, paths.prepared_image(scan, variant), (variant,))

    def _label_hash(self, scan: Scan, index: int) -> str:
        labels = self.labels[index]
        value = labels.hash(scan)
        if labels.is_existing:
            return value
        return self._digest_of_masked(scan, value, paths.label_map(scan, labels.name), tuple(self.variants))

    def _digest_of_masked(self, scan: Scan, value: str, file: Path, variants: tuple[str, ...]) -> str:
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

    def plan_preparation(self, scan: Scan, *, labelled: bool) -> ScanJob | None:
        """What is to be made of a scan; one that others are only aligned to needs no labels."""
        variants = tuple(
            (name, arm.preparation.of_contrast(scan.suffix), value)
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
        landmarks = self.landmarks(scan) if labelled else ""
        if not (variants or labels or agreements or landmarks):
            return None
        return ScanJob(
            scan=scan,
            variants=variants,
            labels=labels,
            agreements=agreements,
            landmarks=landmarks,
            inputs=self.label_maps(scan),
        )

    def _is_made(self, value: str, *files: Path) -> bool:
        return all(value in (self.done.files.get(file), self.done.notes.get(file)) for file in files)

    def label_maps(self, scan: Scan) -> dict[Path, str]:
        """Label maps of a scan → digests."""
        return {
            paths.label_map(scan, labelling.name): self.label_hash(scan, i)
            for i, labelling in enumerate(self.labels)
            if labelling.has(scan)
        }

    def _digests_of_scan(self, scan: Scan, variant: str) -> Mapping[Path, str]:
        """What is made of a scan for a variant → digests."""
        return {
            **self.label_maps(scan),
            **dict.fromkeys(prepared_files(scan, variant), self.prepared_hash(scan, variant)),
            paths.alignment(scan, self.reference, variant): self.alignment_hash(scan, variant),
        }

    def list_made(self, scan: Scan) -> dict[Path, str]:
        """What is made of a scan for every variant → digests."""
        return {file: value for variant in self.variants for file, value in self.made(scan, variant).items()}

    def agreements(self, scan: Scan) -> Iterator[tuple[LabellingOfRun, LabellingOfRun, str]]:
        """Labellings of a scan that are compared with others, and the digest of each comparison."""
        for (i, labelling), (j, reference) in product(enumerate(self.labels), repeat=2):
            if labelling.reference == reference.name and labelling.has(scan) and reference.has(scan):
                hashes = [self.label_hash(scan, i), self.label_hash(scan, j)]
                value = digest(digest_agreement(labelling, reference), hashes)
                if not self._is_made(value, paths.agreement(scan, labelling.name, reference.name)):
                    yield labelling, reference, value

    def landmarks(self, scan: Scan) -> str:
        """Digest of a scan's landmarks, unless they were put down already; empty where there are none."""
        if scan.landmarks is None:
            return ""
        value = digest([f.fingerprint for f in (scan.landmarks, *(f for f in scan.raters if f.present))])
        return "" if self._is_made(value, paths.placements(scan)) else value

    def plan_alignments(self, scan: Scan) -> list[AlignmentJob]:
        """Alignments of a scan that are left to do."""
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
                preparation=self.variants[names[0]].preparation,
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

    def make_task(self, pair: Pair, arms: tuple[ArmOfRun, ...]) -> Task:
        """A pair with the digests of what its registration and its scores depend on."""
        scans, arm = (pair.moving, pair.fixed), arms[0]
        ends = [self.alignment_hash(s, arm.variant) for s in scans]
        names = [s.name for s in scans]
        *before, own = ((s.method.name, s.method, *self._list_inputs(s.method, pair)) for s in arm.stages)
        revisions = [(s.method.revision or 1, *s.own_code) for s in arm.stages[:-1]]
        depends = (*own, ends, names, *arm.own_code, *zip(before, revisions, strict=True))
        if (worse := arm.preparation.perturbation) is not None:
            depends = (*depends, worse, worse.revision)
        if any(stage.method.masks_lesions for stage in arm.stages):
            depends = (*depends, *_lesions(pair))
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
                *_lesions(pair, LESIONS_MEASURED),
            )
            for arm in arms
            for i, labelling in enumerate(self.labels)
            if all(labelling.has(s) for s in scans) and arm.scores(labelling.name)
        }
        return Task(pair=pair, registration_hash=registered, hashes=hashes, transformed=not arm.method.carries)

    def _list_inputs(self, method: Method, pair: Pair) -> tuple[object, list[str]]:
        """What a method takes from a pair besides its images: contrast and seed, and files."""
        files = [fingerprint(f) for f in method.files(Context(pair=pair, weights=self.weights))]
        # Contrast and seed are known from sidecars and the command line, not from the images.
        return (method.similarity_for(multimodal=pair.multimodal), self.seed if method.uses_seed else None), files

    def plan_downstream(
        self,
        drawn: Sequence[Scan],
        here: Sequence[Scan],
        tasks: Sequence[tuple[tuple[ArmOfRun, ...], Task]],
        redo: Container[str],
    ) -> Iterator[DownstreamJob]:
        """What is left to be found out of the transforms among scans.

        Parameters
        ----------
        drawn, here : sequence of Scan
            Those that were drawn, and those of them that are here.
        tasks : sequence
            Of all ordered pairs of the latter.
        redo : container of str
            Methods that are to be done again on purpose.
        """
        own: dict[str, list[Task]] = {}
        for group, task in tasks:
            for arm in group:
                own.setdefault(arm.label, []).append(task)
        for arm in (arm for arm in self.arms if arm.label in own):
            for scan in here:
                others = tuple(s for s in here if s is not scan)
                job = self._downstream(scan, others, arm, own[arm.label], digest_of_draw(drawn))
                job = job.mark_failed(self.done.failed)
                job = job if arm.rests_on(redo) else job.drop_made(self._is_made)
                if job.products:
                    yield job

    def _downstream(
        self, scan: Scan, others: tuple[Scan, ...], arm: ArmOfRun, tasks: Sequence[Task], drawn: str
    ) -> DownstreamJob:
        pairs = {(t.pair.moving.name, t.pair.fixed.name): t for t in tasks}
        registrations = {ends: t.registration_hash for ends, t in pairs.items()}
        of = (DOWNSTREAM, drawn, arm.variant, arm.name, scan.name, sorted(registrations.items()))
        products, labels = {paths.consistency(scan, arm.label): digest(*of)}, []
        for i, labelling in enumerate(self.labels):
            if len(others) >= FEWEST_ATLASES and all(labelling.has(s) for s in (scan, *others)):
                hashes = [self.label_hash(s, i) for s in (scan, *others)]
                products[paths.fusion(scan, arm.label, labelling.name)] = digest(*of, arm.evaluation.transfer, hashes)
                labels.append(labelling)
        return DownstreamJob(
            scan=scan,
            others=others,
            arm=arm,
            reference=self.reference,
            registrations=registrations,
            rows={e: [v for (of_arm, _), v in t.hashes.items() if of_arm == arm.label] for e, t in pairs.items()},
            products=products,
            labels=tuple(labels),
            inputs={k: v for s in (scan, *others) for k, v in self.made(s, arm.variant).items()},
            drawn=drawn,
        )

    def make_batches(
        self, tasks: Sequence[tuple[tuple[ArmOfRun, ...], Task]], nprocs: int, redo: Container[str]
    ) -> tuple[tuple[Batch, ...], int]:
        """What is left to do, in batches, and how many registrations are done already."""
        todo: dict[tuple[str, str], tuple[tuple[ArmOfRun, ...], list[Task]]] = {}
        n_done = 0
        for arms, task in tasks:
            on_purpose = arms[0].rests_on(redo)
            scored = not on_purpose and self.done.rows.issuperset(task.hashes.values())
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


def _lesions(pair: Pair, *more: object) -> list[object]:
    """What a digest tells of the lesion masks of a pair; nothing where there are none, as in earlier versions."""
    found = [(side, s.lesion.fingerprint) for side, s in (("moving", pair.moving), ("fixed", pair.fixed)) if s.lesion]
    return ["lesions", found, *more] if found else []


def chunk_size(n: int, nprocs: int) -> int:
    """Pairs a batch: enough batches to keep all workers busy, few enough that starting them costs nothing.

    Examples
    --------
    >>> chunk_size(9900, 1), chunk_size(9900, 64), chunk_size(12, 2)
    (100, 39, 2)
    """
    return max(1, min(100, n if nprocs == 1 else -(-n // (4 * nprocs))))
