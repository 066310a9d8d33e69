"""From scans, protocol, settings and what is already there to a plan; pure: nothing is read or written but names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.bids.dataset import datalad_get_line
from lumirage_bids.bids.scans import Pair, Scan
from lumirage_bids.experiment.again import look_back
from lumirage_bids.experiment.arms import ArmOfRun, choose_arms
from lumirage_bids.experiment.declared import Protocol
from lumirage_bids.experiment.downstream import FEWEST_SCANS, DownstreamJob, draw
from lumirage_bids.experiment.labels_of_run import choose_labels
from lumirage_bids.experiment.plan import Done, Plan, ScanJob, Task
from lumirage_bids.experiment.plan_builder import PlanBuilder
from lumirage_bids.experiment.selection import Selection, is_present, select
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.maskers import read_masking
from lumirage_bids.methods.programs.call import missing_program

if TYPE_CHECKING:
    from lumirage_bids.bids.dataset import Dataset

NOTHING_DONE = Done()

Work = tuple[tuple[ArmOfRun, ...], Task]
"""A task and the arms that share its registration."""


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


def _check_redo(arms: Iterable[ArmOfRun], settings: Settings) -> None:
    """Refuse to make again what is not made in this run."""
    names = dict.fromkeys(stage.name for arm in arms for stage in arm.stages)
    if unknown := set(settings.redo) - set(names):
        raise UsageError(f"--redo {' '.join(sorted(unknown))}: no method of this run. There are: {', '.join(names)}.")
    if settings.redo and (settings.reports_only or settings.stage == "prepare"):
        raise UsageError("--redo makes registrations again; it does not go with --reports-only or --stage prepare.")


def _check_carried(arms: Iterable[ArmOfRun], names: list[str]) -> None:
    """Refuse label maps of a labelling that the run does not have."""
    for arm in arms:
        if arm.method.carries and arm.method.carries not in names:
            raise UsageError(
                f"[methods.{arm.name}] labelling = {arm.method.carries!r} is none of this run, which has "
                f"{', '.join(names)}. Name that of the maps, or choose it by --labellings."
            )


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
    over = select(dataset, protocol, settings, choose_labels(protocol, settings, dataset))
    _check_redo(arms, settings)
    _check_carried(arms, [labels.name for labels in over.labels])
    builder = PlanBuilder(
        arms=arms,
        labels=over.labels,
        masking=read_masking(protocol.masks),
        reference=over.reference,
        done=done,
        weights=settings.weights,
        seed=settings.seed,
        save=settings.save,
    )
    groups = share_registrations(arms)
    pairs = () if settings.stage == "prepare" else over.runnable
    tasks = [(own, builder.make_task(pair, own)) for own in groups for pair in pairs]
    drawn = _draw(over.pairs, protocol.downstream, settings.seed)
    downstream = _plan_downstream(builder, over, drawn, groups, settings.redo)
    batches, n_done = builder.make_batches(_mark_composed(tasks, downstream), settings.nprocs, settings.redo)
    involved = builder.find_involved(over.runnable, None if settings.stage == "prepare" else batches)
    scans = _put_own_first(involved, over, settings)
    preparing = tuple(job for s in scans if (job := builder.plan_preparation(s, labelled=s in involved)))
    if not settings.dry_run:
        _check_synthesis(arms, preparing)
    return Plan(
        **vars(over),
        arms=arms,
        masking=builder.masking,
        preparing=preparing,
        aligning=tuple(job for s in scans for job in builder.plan_alignments(s)),
        batches=batches,
        n_done=n_done,
        again=look_back(batches, done, settings.redo),
        found=frozenset(dataset.found),
        made={s.name: builder.list_made(s) for s in scans},
        expected=_list_expected(tasks),
        drawn=drawn,
        downstream=downstream,
    )


def _put_own_first(involved: set[Scan], over: Selection, settings: Settings) -> list[Scan]:
    """Scans to be prepared, and the reference, in order: jobs of an array that prepare the same ones do not wait."""
    own = {p.moving for p in over.runnable} if settings.participant_label else set()
    return sorted(involved | ({over.reference} if involved else set()), key=lambda s: (s not in own, s.name))


def _list_expected(tasks: Iterable[Work]) -> dict[tuple[str, str, str, str], str]:
    """(arm label, labelling, moving, fixed) → hash of its row."""
    return {
        (arm, name, task.pair.moving.name, task.pair.fixed.name): value
        for _, task in tasks
        for (arm, name), value in task.hashes.items()
    }


def _check_synthesis(arms: Iterable[ArmOfRun], preparing: Iterable[ScanJob]) -> None:
    """Refuse to begin where images cannot be synthesised."""
    if missing := next(missing_synthesis(arms, [job.scan for job in preparing if job.variants]), ""):
        raise MissingInputError(f"Scans cannot be prepared here: {missing}")


def _plan_downstream(
    builder: PlanBuilder,
    over: Selection,
    drawn: Sequence[Scan],
    groups: Iterable[tuple[ArmOfRun, ...]],
    redo: Collection[str],
) -> tuple[DownstreamJob, ...]:
    """What is left to be found out of transforms among the scans drawn that are here, whoever registers them.

    Not where images are made worse on purpose, nor of controls, which register nothing.
    """
    here = [s for s in drawn if is_present(s, tuple(labels.name for labels in over.labels))]
    composing = [
        (own, builder.make_task(pair, own))
        for own in groups
        for pair in over.pairs
        if own[0].is_composed and pair.moving in here and pair.fixed in here
    ]
    return tuple(builder.plan_downstream(drawn, here, composing, redo))


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


def _mark_composed(tasks: list[Work], downstream: Collection[DownstreamJob]) -> list[Work]:
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
