"""What a run will do: from scans, protocol, settings and what is already there; pure and printable."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from lumirage_bids import accuracy, derivatives, registration, segmentation
from lumirage_bids.bids_names import LABEL
from lumirage_bids.errors import MissingInputError, NothingSelectedError, UsageError
from lumirage_bids.label_transfer import Evaluation
from lumirage_bids.pairs import choose_pairs, sample_subjects
from lumirage_bids.parameters import digest, from_table
from lumirage_bids.preparation import Preparation
from lumirage_bids.protocol import Labelling, Protocol, Variant
from lumirage_bids.reference_maps import references
from lumirage_bids.registration.alignment import Alignment
from lumirage_bids.registration.base import Context, Method
from lumirage_bids.scans import File, Pair, Scan, fingerprint
from lumirage_bids.segmentation.base import Labeller
from lumirage_bids.settings import Settings

if TYPE_CHECKING:
    from lumirage_bids.dataset import Dataset

# Raised when the way something is computed changes its result, so that old results are made again.
REVISIONS = {"preparation": 2, "alignment": 2, "registration": 1, "score": 1}


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What is compared with what: a method under a variant's conditions."""

    variant: str
    name: str
    method: Method
    preparation: Preparation
    alignment: Alignment
    evaluation: Evaluation

    @property
    def label(self) -> str:
        """The arm's ``desc-`` label."""
        return derivatives.description(self.variant, self.name)

    @property
    def hash(self) -> str:
        """Digest of all parameters."""
        conditions = (self.preparation, self.alignment, self.evaluation)
        return digest(self.name, self.method.name, self.method, *conditions, REVISIONS)


@dataclass(frozen=True, kw_only=True)
class Labels:
    """One labelling of this run, how its maps come about, and which other's they are scored against."""

    name: str
    labeller: Labeller
    structures: tuple[Mapping[int, str], ...] = ()
    source: str = ""
    reference: str | None = None

    def hash(self, scan: Scan) -> str:
        """Digest of what this labelling of this scan depends on."""
        return digest(self.conditions, [f.fingerprint for f in self.labeller.files(scan, self.name)])

    @property
    def is_existing(self) -> bool:
        """Whether the maps are files that were found."""
        return self.labeller.reads

    @property
    def conditions(self) -> str:
        """Digest of what is the same for all scans."""
        return digest(self.labeller.name, self.labeller, [sorted(coding.items()) for coding in self.structures])

    def has(self, scan: Scan) -> bool:
        """Whether the scan has this labelling, or can be given it."""
        return self.labeller.available(scan, self.name)


@dataclass(frozen=True, kw_only=True)
class Preparing:
    """Everything that is made of one scan alone."""

    scan: Scan
    variants: tuple[tuple[str, Preparation, str], ...]
    labels: tuple[tuple[Labels, str], ...]
    agreements: tuple[tuple[Labels, Labels, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Aligning:
    """The affine map of one scan to the reference."""

    scan: Scan
    reference: Scan
    variant: str
    alignment: Alignment
    hash: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """One pair to be registered and scored; hashes by labelling."""

    pair: Pair
    registration_hash: str
    hashes: Mapping[str, str]

    def is_kept(self, arm: Arm, save: str, failed: Container[str], noted: Callable[[Path], str | None]) -> bool:
        """Whether what ``--save`` asks for of this finished pair is there; what failed has nothing to save.

        Parameters
        ----------
        failed : container of str
            Hashes of rows that say why there is no score.
        noted : callable
            Path below the output folder → hash noted with the file; None where there is no file.
        """
        scored = [name for name, value in self.hashes.items() if value not in failed]
        files = derivatives.kept(self.pair.moving, self.pair.fixed, arm.label, save, scored) if scored else []
        return all(noted(file) == self.registration_hash for file in files)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One moving scan, one arm, some fixed scans: what one process does at a stretch."""

    moving: Scan
    arm: Arm
    reference: Scan
    tasks: tuple[Task, ...]
    labels: tuple[Labels, ...]

    def conditions(self, labels: Labels) -> str:
        """Digest of what the rows of this arm and a labelling must share."""
        return conditions(self.arm, self.reference, labels)

    @property
    def digest(self) -> str:
        """Names the batch's own files; the same pairs give the same name."""
        return digest(self.moving.key, self.arm.label, [t.hashes for t in self.tasks])


def agreement_conditions(labels: Labels, reference: Labels) -> str:
    """Digest of what the agreements of a labelling with its reference must share to be summed up together."""
    return digest("agreement", labels.conditions, reference.conditions)


def conditions(arm: Arm, reference: Scan, labels: Labels) -> str:
    """Digest of what the rows of an arm and a labelling must share to be summed up together."""
    return digest(arm.hash, reference.name, labels.conditions)


@dataclass(frozen=True, kw_only=True)
class Done:
    """What is already there.

    Attributes
    ----------
    rows : frozenset of str
        Hashes of score rows that need not be made again.
    failed : frozenset of str
        Those of them that say why there is no score.
    files : mapping
        Path below the output folder → hash noted in its sidecar.
    """

    rows: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    files: Mapping[Path, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done.

    Attributes
    ----------
    scans : tuple of Scan
        Eligible scans: selected by the filters and with at least one label map, here or to be made.
    pairs : tuple of Pair
        The protocol's pairs, sampled before it was asked what is present.
    n_subjects, n_pairs : int
        Subjects, and pairs of the sampled subjects, that there were to draw from.
    asked : tuple of Pair
        Those of `pairs` that this run was asked to do (participant and fixed labels).
    runnable : tuple of Pair
        Those of `asked` whose files are all here.
    found : frozenset of str
        Labellings whose maps were found.
    n_done : int
        Registrations (pair × arm) that need not be repeated.
    expected : mapping
        (arm label, labelling, moving, fixed) → hash that the row of a runnable pair must have.
    """

    scans: tuple[Scan, ...]
    unlabelled: tuple[Scan, ...]
    pairs: tuple[Pair, ...]
    n_subjects: int
    n_pairs: int
    asked: tuple[Pair, ...]
    runnable: tuple[Pair, ...]
    reference: Scan
    arms: tuple[Arm, ...]
    labels: tuple[Labels, ...]
    preparing: tuple[Preparing, ...]
    aligning: tuple[Aligning, ...]
    batches: tuple[Batch, ...]
    n_done: int
    found: frozenset[str]
    expected: Mapping[tuple[str, str, str, str], str]

    @property
    def n_todo(self) -> int:
        """Registrations (pair × arm) still to be run."""
        return sum(len(b.tasks) for b in self.batches)

    @property
    def conditions(self) -> dict[str, str]:
        """``arm/labelling``, and ``labelling against reference``, → digest of their conditions."""
        scored = {
            f"{arm.label}/{labels.name}": conditions(arm, self.reference, labels)
            for arm, labels in product(self.arms, self.labels)
        }
        against = {
            accuracy.key(a.name, b.name): agreement_conditions(a, b)
            for a, b in product(self.labels, self.labels)
            if a.reference == b.name
        }
        return scored | against

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subjects that the pairs are made of, all or a sample."""
        return tuple(sorted({s.subject for s in self.scans if not s.template}))

    @property
    def missing(self) -> tuple[Scan, ...]:
        """Scans of the pairs asked for whose content is not here."""
        scans = {s.name: s for p in self.asked for s in (p.moving, p.fixed)}
        return tuple(s for _, s in sorted(scans.items()) if not is_present(s, self._labellings))

    @property
    def files(self) -> tuple[File, ...]:
        """Files that the pairs asked for read if they are here: those of their scans and of the reference."""
        scans = {s: None for p in self.asked for s in (p.moving, p.fixed)} | {self.reference: None}
        return tuple({f.path: f for s in scans for f in s.wants(self._labellings)}.values())

    @property
    def _labellings(self) -> tuple[str, ...]:
        return tuple(labels.name for labels in self.labels)


def is_present(scan: Scan, labellings: tuple[str, ...]) -> bool:
    """Whether all files of a scan that a run reads are here."""
    return all(f.present for f in scan.needs(labellings))


def choose_arms(protocol: Protocol, settings: Settings) -> tuple[Arm, ...]:
    """Every variant with every method, `identity` first; parameters checked."""
    names = settings.methods or protocol.default_methods
    names = ("identity", *dict.fromkeys(n for n in names if n != "identity"))
    variants = [protocol.variant(n) for n in settings.variants] or list(protocol.variants)
    arms = tuple(_arm(v, n, settings) for v, n in product(variants, names))
    labels: dict[str, Arm] = {}
    for arm in arms:
        if arm.label in labels:
            raise UsageError(
                f"Arms {arm.variant} × {arm.name} and {labels[arm.label].variant} × "
                f"{labels[arm.label].name} have the same label '{arm.label}' in file names. Rename a variant."
            )
        labels[arm.label] = arm
    return arms


def _arm(variant: Variant, name: str, settings: Settings) -> Arm:
    method = _method(name, dict(variant.methods.get(name, {})))
    preparation = from_table(Preparation, _native(variant.preparation), "[preparation]")
    alignment = from_table(Alignment, variant.alignment, "[alignment]")
    evaluation = from_table(Evaluation, variant.evaluation, "[evaluation]")
    if settings.sloppy:
        method, preparation, alignment = method.sloppy(), preparation.sloppy(), alignment.sloppy()
    if (complaint := method.missing(_here(settings))) and not settings.dry_run:
        raise MissingInputError(f"Method {name} cannot run here: {complaint}")
    return Arm(
        variant=variant.name,
        name=name,
        method=method,
        preparation=preparation,
        alignment=alignment,
        evaluation=evaluation,
    )


def _method(name: str, parameters: dict[str, object]) -> Method:
    """Make the method of a ``[methods.NAME]`` table, whose key ``method`` says which it is where NAME does not."""
    kind = parameters.pop("method", name)
    known = registration.methods()
    if not isinstance(kind, str) or (name in known and kind != name):
        raise UsageError(
            f"[methods.{name}] method = {kind!r} is not allowed; "
            + (f"'{name}' is itself a method: choose another name." if name in known else "name a method.")
        )
    try:
        return registration.method(kind, **parameters)
    except UsageError as error:
        raise error if kind == name else UsageError(f"[methods.{name}]: {error}") from None


def _here(settings: Settings) -> Context:
    return Context(device=settings.device, weights=settings.weights)


def needs(plan: Plan, settings: Settings) -> Iterator[str]:
    """What is missing to carry out a plan that was made to be looked at only."""
    for name, method in {arm.name: arm.method for arm in plan.arms}.items():
        if complaint := method.missing(_here(settings)):
            yield f"method {name}: {complaint}"
    for labels in plan.labels:
        there = labels.name in plan.found or _starts_from_maps(labels.labeller, plan.scans)
        if not there and (complaint := labels.labeller.missing(_here(settings))):
            yield f"labelling {labels.name}: {complaint}"


def _native(table: Mapping[str, object]) -> Mapping[str, object]:
    return {k: None if (k, v) == ("spacing", "native") else v for k, v in table.items()}


def choose_labels(protocol: Protocol, settings: Settings, dataset: Dataset) -> tuple[Labels, ...]:
    """For every labelling asked for, where its maps come from: files that were found come before labellers."""
    names = settings.labellings or protocol.default_labellings
    compared = references(protocol, names)
    optional = {n for n in compared if n not in dataset.found and segmentation.reads(protocol.labellings[n].labeller)}
    return tuple(
        replace(_labels(n, protocol, settings, dataset), reference=compared.get(n)) for n in names if n not in optional
    )


def _labels(name: str, protocol: Protocol, settings: Settings, dataset: Dataset) -> Labels:
    if not LABEL.fullmatch(name):
        raise UsageError(f"Labelling {name!r} is not allowed; letters and digits only (it goes into file names).")
    given = protocol.labellings.get(name)
    structures = given.structures if given else ()
    if given is not None and given.labeller != "existing":
        segmentation.labeller(given.labeller, **given.parameters)  # refuses one that there is not
    if name in dataset.found:
        reader = segmentation.reader(name)
        return Labels(name=name, labeller=reader, structures=structures, source=dataset.found[name])
    if given is None:
        makers = segmentation.labellings()
        given = Labelling(labeller=makers[name].name if name in makers else "existing")
    if given.labeller == "existing":
        looked = f"the pattern {given.pattern}" if given.pattern else "the derivatives given"
        known = sorted({*protocol.labellings, *dataset.found, *segmentation.labellings()})
        raise MissingInputError(
            f"No label map of labelling '{name}' was found by {looked}. Known here: {', '.join(known)}. Give a BIDS "
            f"derivatives dataset with files …_seg-{name}_dseg.nii.gz by --derivatives NAME=PATH."
        )
    labeller = segmentation.labeller(given.labeller, **given.parameters)
    complaint = labeller.missing(_here(settings))
    if complaint and not settings.dry_run and not _starts_from_maps(labeller, dataset.scans):
        raise MissingInputError(
            f"Labelling '{name}' cannot be made here by {labeller.name}: {complaint}. Maps that are there, as files "
            f"…_seg-{name}_dseg.nii.gz of a BIDS derivatives dataset, are read with --derivatives NAME=PATH."
        )
    return Labels(name=name, labeller=labeller, structures=structures, source=labeller.source)


def _starts_from_maps(labeller: Labeller, scans: Iterable[Scan]) -> bool:
    """Whether maps were found of the T1w labelling that a labeller carries to other scans."""
    t1w = [scan.t1w for scan in scans if scan.t1w]
    return labeller.of_t1w is not None and any(labeller.of_t1w in scan.labels for scan in t1w)


def _asked(pairs: Iterable[Pair], settings: Settings) -> tuple[Pair, ...]:
    moving, fixed = set(settings.participant_label), set(settings.fixed_label)
    return tuple(
        p for p in pairs if (not moving or p.moving.subject in moving) and (not fixed or p.fixed.subject in fixed)
    )


def choose_reference(scans: Sequence[Scan], wanted: str, labellings: tuple[str, ...]) -> Scan:
    """Scan that all others are aligned to: the first or the named subject's, one whose content is here if any is.

    Raises
    ------
    MissingInputError
        The named subject is not among the scans.
    """
    candidates = [s for s in scans if wanted in ("first", s.subject)]
    if not candidates:
        subjects = ", ".join(sorted({s.subject for s in scans}))
        raise MissingInputError(f"The protocol's reference is subject '{wanted}', but the scans are of: {subjects}.")
    return next((s for s in candidates if is_present(s, labellings)), candidates[0])


def check_content(plan: Plan, settings: Settings) -> None:
    """Refuse to start where what was asked for by name, or the reference, or everything, is not here.

    Raises
    ------
    MissingInputError
        The message has the command that fetches it.
    """
    from lumirage_bids.dataset import datalad_get_line

    names = tuple(labels.name for labels in plan.labels)

    def refuse(what: str, scans: Sequence[Scan]) -> MissingInputError:
        files = [f for s in scans for f in s.wants(names) if not f.present]
        return MissingInputError(f"{what} is not here. To get it: {datalad_get_line(scans[0].dataset, files)}")

    for option, wanted in (
        ("--participant-label", settings.participant_label),
        ("--fixed-label", settings.fixed_label),
    ):
        for subject in wanted:
            own = [s for s in plan.scans if s.subject == subject]
            if not any(is_present(s, names) for s in own):
                raise refuse(f"{option} {subject}: the content of {own[0].relative}", own)
    if not plan.runnable:
        raise refuse(f"Some content of each of the {len(plan.asked)} pairs", [*plan.missing, plan.reference])
    if not is_present(plan.reference, names):
        raise refuse(f"The content of {plan.reference.relative}, to which others are aligned,", [plan.reference])


def _check_selection(scans: Sequence[Scan], dataset: Dataset, settings: Settings) -> None:
    for option, wanted in (
        ("--participant-label", settings.participant_label),
        ("--fixed-label", settings.fixed_label),
    ):
        for subject in wanted:
            if subject not in {s.subject for s in scans}:
                have = ", ".join(sorted({s.subject for s in scans})) or "none"
                raise MissingInputError(f"{option} {subject}: no eligible scan of that subject. There are: {have}.")
    if len(scans) < 2:
        raise NothingSelectedError(
            f"{len(scans)} scan(s) selected in {dataset.root}: a pair needs two. Check --bids-filter-file, "
            "--session-id and which scans have label maps."
        )


def make_plan(dataset: Dataset, protocol: Protocol, settings: Settings, done: Done = Done()) -> Plan:
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
    _check_selection(scans, dataset, settings)
    pairs = choose_pairs(scans, protocol.pairs, settings.seed, settings.max_pairs)
    possible = choose_pairs(scans, replace(protocol.pairs, max=None, max_per_contrast=None), settings.seed)
    asked = _asked(pairs, settings)
    if not asked:
        raise NothingSelectedError(
            f"No pair is left of {len(pairs)} pairs of {len(scans)} scans. Check --participant-label and --fixed-label."
        )
    # A template may be the reference though it has no label map.
    reference = choose_reference((*scans, *(s for s in selected if s.template)), protocol.reference, names)
    here = {s for s in {s for p in asked for s in (p.moving, p.fixed)} if is_present(s, names)}
    runnable = tuple(p for p in asked if p.moving in here and p.fixed in here)
    builder = _Builder(arms=arms, labels=labels, reference=reference, done=done, settings=settings)
    tasks = [(arm, builder.task(pair, arm)) for arm in arms for pair in runnable if settings.stage != "prepare"]
    batches, n_done = builder.batches(tasks, settings.nprocs)
    involved = {s for p in runnable for s in (p.moving, p.fixed)}
    if settings.stage != "prepare":
        # A reference may have been named after all pairs were done.
        compared = {s for s in involved if any(builder.agreements(s))}
        involved = compared | {s for b in batches for t in b.tasks for s in (b.moving, t.pair.fixed)}
    ordered = sorted(involved | ({reference} if involved else set()), key=lambda s: s.name)
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
        preparing=tuple(p for s in ordered if (p := builder.preparing(s, labelled=s in involved))),
        aligning=tuple(a for s in ordered for a in builder.aligning(s)),
        batches=batches,
        n_done=n_done,
        found=frozenset(dataset.found),
        expected={
            (arm.label, name, t.pair.moving.name, t.pair.fixed.name): value
            for arm, t in tasks
            for name, value in t.hashes.items()
        },
    )


class _Builder:
    """Hashes, each computed once, and what they leave to do."""

    def __init__(
        self, *, arms: tuple[Arm, ...], labels: tuple[Labels, ...], reference: Scan, done: Done, settings: Settings
    ) -> None:
        self.arms, self.labels, self.reference, self.done = arms, labels, reference, done
        self.weights, self.seed, self.save = settings.weights, settings.seed, settings.save
        self.variants = {arm.variant: arm for arm in reversed(arms)}
        # A hash asks the file system about its files, so once a scan, not once a pair.
        self.prepared_hash = cache(self._prepared_hash)
        self.alignment_hash = cache(self._alignment_hash)
        self.label_hash = cache(lambda scan, index: labels[index].hash(scan))

    def _prepared_hash(self, scan: Scan, variant: str) -> str:
        prints = [f.fingerprint for f in scan.sources()]
        return digest(REVISIONS["preparation"], self.variants[variant].preparation, prints, scan.skull_stripped)

    def _alignment_hash(self, scan: Scan, variant: str) -> str:
        ends = [self.prepared_hash(s, variant) for s in (scan, self.reference)]
        return digest(REVISIONS["alignment"], self.variants[variant].alignment, self.reference.name, ends)

    def preparing(self, scan: Scan, *, labelled: bool) -> Preparing | None:
        """What is to be made of a scan; one that others are only aligned to needs no labels."""
        variants = tuple(
            (name, arm.preparation, value)
            for name, arm in self.variants.items()
            if self.done.files.get(derivatives.prepared_image(scan, name)) != (value := self.prepared_hash(scan, name))
        )
        labels = tuple(
            (labelling, value)
            for i, labelling in enumerate(self.labels)
            if labelled
            and labelling.has(scan)
            and self.done.files.get(derivatives.label_map(scan, labelling.name)) != (value := self.label_hash(scan, i))
        )
        agreements = tuple(self.agreements(scan))
        todo = variants or labels or agreements
        return Preparing(scan=scan, variants=variants, labels=labels, agreements=agreements) if todo else None

    def agreements(self, scan: Scan) -> Iterator[tuple[Labels, Labels, str]]:
        for (i, labelling), (j, reference) in product(enumerate(self.labels), repeat=2):
            if labelling.reference == reference.name and labelling.has(scan) and reference.has(scan):
                hashes = [self.label_hash(scan, i), self.label_hash(scan, j)]
                value = digest(agreement_conditions(labelling, reference), hashes)
                if self.done.files.get(derivatives.agreement(scan, labelling.name, reference.name)) != value:
                    yield labelling, reference, value

    def aligning(self, scan: Scan) -> list[Aligning]:
        return [
            Aligning(scan=scan, reference=self.reference, variant=name, alignment=arm.alignment, hash=value)
            for name, arm in self.variants.items()
            if self.done.files.get(derivatives.alignment(scan, self.reference, name))
            != (value := self.alignment_hash(scan, name))
        ]

    def task(self, pair: Pair, arm: Arm) -> Task:
        scans = (pair.moving, pair.fixed)
        ends = [self.alignment_hash(s, arm.variant) for s in scans]
        names = [s.name for s in scans]
        files = [fingerprint(f) for f in arm.method.files(Context(pair=pair, weights=self.weights))]
        # Contrast and seed are known from sidecars and the command line, not from the images.
        extra = (arm.method.similarity_for(multimodal=pair.multimodal), self.seed if arm.method.uses_seed else None)
        registered = digest(REVISIONS["registration"], arm.method.name, arm.method, extra, files, ends, names)
        hashes = {
            labelling.name: digest(
                REVISIONS["score"],
                registered,
                (arm.variant, arm.name),
                arm.evaluation,
                pair.split,
                [self.label_hash(s, i) for s in scans],
                [s.landmarks.fingerprint for s in scans if s.landmarks is not None],
            )
            for i, labelling in enumerate(self.labels)
            if all(labelling.has(s) for s in scans)
        }
        return Task(pair=pair, registration_hash=registered, hashes=hashes)

    def batches(self, tasks: Sequence[tuple[Arm, Task]], nprocs: int) -> tuple[tuple[Batch, ...], int]:
        todo: dict[tuple[str, str], tuple[Arm, list[Task]]] = {}
        n_done = 0
        for arm, task in tasks:
            scored = self.done.rows.issuperset(task.hashes.values())
            if scored and task.is_kept(arm, self.save, self.done.failed, self.done.files.get):
                n_done += 1
            else:
                todo.setdefault((arm.label, task.pair.moving.name), (arm, []))[1].append(task)
        size = chunk_size(sum(len(tasks) for _, tasks in todo.values()), nprocs)
        batches = [
            Batch(
                moving=tasks[0].pair.moving,
                arm=arm,
                reference=self.reference,
                tasks=tuple(tasks[i : i + size]),
                labels=self.labels,
            )
            for arm, tasks in todo.values()
            for i in range(0, len(tasks), size)
        ]
        return tuple(batches), n_done


def chunk_size(n: int, nprocs: int) -> int:
    """Pairs a batch: enough batches to keep all workers busy, few enough that starting them costs nothing.

    Examples
    --------
    >>> chunk_size(9900, 1), chunk_size(9900, 64), chunk_size(12, 2)
    (100, 39, 2)
    """
    return max(1, min(100, n if nprocs == 1 else -(-n // (4 * nprocs))))
