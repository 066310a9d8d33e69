"""From scans, protocol, settings and what is already there to a plan; pure: nothing is read or written but names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lumirage_bids.base.errors import MissingInputError, NothingSelectedError, UsageError
from lumirage_bids.bids.dataset import datalad_get_line
from lumirage_bids.bids.left_out import list_names
from lumirage_bids.bids.scans import Pair, Scan
from lumirage_bids.experiment.again import look_back
from lumirage_bids.experiment.arms import ArmOfRun, choose_arms
from lumirage_bids.experiment.declared import Protocol
from lumirage_bids.experiment.downstream import FEWEST_SCANS, DownstreamJob, draw
from lumirage_bids.experiment.labels_of_run import choose_labels
from lumirage_bids.experiment.pairs import choose_pairs, sample_subjects
from lumirage_bids.experiment.plan import Done, Plan, Task, is_present
from lumirage_bids.experiment.plan_builder import PlanBuilder
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.maskers import read_masking
from lumirage_bids.methods.programs.call import missing_program

if TYPE_CHECKING:
    from lumirage_bids.bids.dataset import Dataset

NOTHING_DONE = Done()

Work = tuple[tuple[ArmOfRun, ...], Task]
"""A task and the arms that share its registration."""


def _choose_asked(pairs: Sequence[Pair], n_scans: int, settings: Settings) -> tuple[Pair, ...]:
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
        return MissingInputError(f"{what} is not here.", get=datalad_get_line(scans[0].dataset, files))

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
            if scans and subject not in {s.subject for s in scans}:
                have = ", ".join(sorted({s.subject for s in scans}))
                why = "".join(f" ({s.reason})" for s in dataset.left_out if s.subject == subject)
                if subject in excluded:
                    why = " (--exclude-participant-label leaves it out)"
                raise MissingInputError(
                    f"{option} {subject}: no eligible scan of that subject{why}. There are: {have}."
                )
    if len(scans) < 2:
        excluding = "--exclude-participant-label, " if excluded else ""
        there = ", ".join(f"{name} ({n} scans)" for name, n in dataset.offered.items())
        raise NothingSelectedError(
            f"{len(scans)} scan(s) selected in {dataset.root}: a pair needs two. Check {excluding}--bids-filter-file, "
            "--session-id and which scans have label maps."
            + (f" The derivatives have: {there}. To choose: --labellings {' '.join(dataset.offered)}." if there else "")
            + (f" No scan fits for {list_names(dataset.left_out)}." if dataset.left_out else "")
        )


def _check_redo(arms: Iterable[ArmOfRun], settings: Settings) -> None:
    """Refuse to make again what is not made in this run."""
    names = dict.fromkeys(stage.name for arm in arms for stage in arm.stages)
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
    _check_carried(arms, names)
    selected = [s for s in dataset.scans if s.template or not settings.session_id or s.session in settings.session_id]
    eligible = tuple(s for s in selected if any(labelling.has(s) for labelling in labels))
    scans = sample_subjects(eligible, settings.seed, protocol.pairs.subjects)
    _check_selection(scans, dataset, settings.named_subjects, settings.exclude_participant_label)
    pairs = choose_pairs(scans, protocol.pairs, settings.seed, settings.max_pairs)
    possible = choose_pairs(scans, replace(protocol.pairs, max=None, max_per_contrast=None), settings.seed)
    asked = _choose_asked(pairs, len(scans), settings)
    # A template may be the reference though it has no label map.
    reference = choose_reference((*scans, *(s for s in selected if s.template)), protocol.reference, names)
    here = {s for s in {s for p in asked for s in (p.moving, p.fixed)} if is_present(s, names)}
    runnable = tuple(p for p in asked if p.moving in here and p.fixed in here)
    how = read_masking(protocol.masks)
    builder = PlanBuilder(
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
    groups = share_registrations(arms)
    tasks = [(own, builder.make_task(pair, own)) for own in groups for pair in runnable if settings.stage != "prepare"]
    drawn = _draw(pairs, protocol.downstream, settings.seed)
    among = [s for s in drawn if is_present(s, names)]
    # Whoever registers them; not where images are made worse on purpose, nor controls, which register nothing.
    composing = [
        (own, builder.make_task(pair, own))
        for own in groups
        for pair in pairs
        if own[0].is_composed and pair.moving in among and pair.fixed in among
    ]
    downstream = tuple(builder.plan_downstream(drawn, among, composing, settings.redo))
    batches, n_done = builder.make_batches(_with_composed(tasks, downstream), settings.nprocs, settings.redo)
    involved = builder.find_involved(runnable, None if settings.stage == "prepare" else batches)
    # Jobs of an array that prepare the same scans begin with their own, so that they do not wait for one another.
    own = {p.moving for p in runnable} if settings.participant_label else set()
    ordered = sorted(involved | ({reference} if involved else set()), key=lambda s: (s not in own, s.name))
    preparing = tuple(p for s in ordered if (p := builder.plan_preparation(s, labelled=s in involved)))
    unprepared = [job.scan for job in preparing if job.variants]
    if not settings.dry_run and (missing := next(missing_synthesis(arms, unprepared), "")):
        raise MissingInputError(f"Scans cannot be prepared here: {missing}")
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
        preparing=preparing,
        aligning=tuple(a for s in ordered for a in builder.plan_alignments(s)),
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
        drawn=drawn,
        downstream=downstream,
    )


def _check_carried(arms: Sequence[ArmOfRun], names: Sequence[str]) -> None:
    for arm in arms:
        if arm.method.carries and arm.method.carries not in names:
            raise UsageError(
                f"[methods.{arm.name}] labelling = {arm.method.carries!r} is none of this run, which has "
                f"{', '.join(names)}. Name that of the maps, or choose it by --labellings."
            )


def _draw(pairs: Sequence[Pair], size: int | None, seed: int) -> tuple[Scan, ...]:
    """Scans whose transforms are composed.

    Raises
    ------
    UsageError
        There are too few.
    """
    drawn = draw(pairs, size, seed)
    if size is not None and len(drawn) < FEWEST_SCANS:
        raise UsageError(
            f"[downstream] scans = {size}: it takes {FEWEST_SCANS} scans of different subjects that are all registered "
            f"to one another both ways, and [pairs] has no more than {len(drawn)}. Leave [downstream] out, or take "
            "more pairs."
        )
    return drawn


def _with_composed(tasks: list[Work], downstream: Collection[DownstreamJob]) -> list[Work]:
    """Tasks, those marked whose transforms are composed."""
    if not downstream:
        return tasks
    wanted = {(job.arm.label, pair) for job in downstream for pair in job.registrations}

    def is_wanted(own: tuple[ArmOfRun, ...], pair: Pair) -> bool:
        return any((arm.label, (pair.moving.name, pair.fixed.name)) in wanted for arm in own)

    return [(own, replace(task, composed=is_wanted(own, task.pair))) for own, task in tasks]


def missing_synthesis(arms: Iterable[ArmOfRun], scans: Collection[Scan]) -> Iterator[str]:
    """Say, of each variant, what is missing to synthesise images of those of some scans of which it has some made."""
    for variant, preparation in {arm.variant: arm.preparation for arm in arms}.items():
        synthesis = next((made for s in scans if (made := preparation.of_contrast(s.suffix).synthesis)), None)
        if synthesis and (complaint := synthesis.absent or missing_program(synthesis.command[0])):
            where = f": {synthesis.where}" if synthesis.where and not synthesis.absent else ""
            of = ", ".join(synthesis.contrasts)
            yield f"variant {variant} synthesises images of {of} scans, and {complaint}{where}"


def share_registrations(arms: Iterable[ArmOfRun]) -> list[tuple[ArmOfRun, ...]]:
    """Arms by the registrations that they share."""
    groups: dict[str, list[ArmOfRun]] = {}
    for arm in arms:
        groups.setdefault(arm.registration, []).append(arm)
    return [tuple(group) for group in groups.values()]
