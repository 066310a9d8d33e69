"""The participant level: prepare scans, register and score pairs, write rows and subject pages."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from lumirage_bids import __version__
from lumirage_bids.app import checks
from lumirage_bids.app.describe import composing_seconds, describe, list_work, needed_files
from lumirage_bids.app.estimate import expected_voxels
from lumirage_bids.app.run import Run
from lumirage_bids.base import progress
from lumirage_bids.base.errors import LumirageError, MissingInputError
from lumirage_bids.execution import downstream, graphs
from lumirage_bids.execution.batch_files import Rows, forget, thin_out_pictures
from lumirage_bids.execution.plugin_file import check_scheduler, read_plugin_file
from lumirage_bids.execution.prepare_scan import check_prepared
from lumirage_bids.experiment import freeze, protocol, status
from lumirage_bids.experiment.find import check_same_experiment, find
from lumirage_bids.experiment.foresight import foresee
from lumirage_bids.experiment.make_plan import check_content
from lumirage_bids.experiment.software import software_notes
from lumirage_bids.experiment.structure_notes import log_structures
from lumirage_bids.output import score_table
from lumirage_bids.output.record import versions
from lumirage_bids.stats.reasons import count_kinds, tell_kind

if TYPE_CHECKING:
    import pandas as pd

    from lumirage_bids.bids.dataset import Dataset
    from lumirage_bids.experiment.plan import Plan
    from lumirage_bids.experiment.settings import Settings
    from lumirage_bids.output.folder import Output

logger = logging.getLogger("lumirage")


def run(settings: Settings) -> int:
    """Prepare scans, register and score pairs, write rows and subject pages; the return value is the exit code."""
    experiment = protocol.load(settings.protocol)
    checks.check_folders(settings)
    if settings.use_plugin is not None:
        read_plugin_file(settings.use_plugin)
        if not settings.dry_run and not settings.reports_only:
            check_scheduler(settings.use_plugin)
    dataset, plan = find(settings, experiment)
    check_same_experiment(settings.output, experiment, dataset.name, sloppy=settings.sloppy)
    made_with = checks.read_version(settings.output)
    frozen, about_frozen = freeze.consider(plan, experiment, dataset.name, settings)
    story = describe(plan, dataset, settings, expected_voxels(plan))
    foreseen = foresee(plan, settings.weights, settings.stage)
    story = "\n".join([story, *([foreseen.text] if foreseen.text else []), *about_frozen])
    if made_with not in ("", __version__):
        story += f"\nOutput: goes on with what version {made_with} left; what has the same digest is not made again."
    if settings.dry_run:
        return _show(story, dataset, plan, settings) or foreseen.exit_code
    if not settings.reports_only:
        check_content(plan, settings.named_subjects)
        if foreseen.error:
            raise foreseen.error
    at_work = Run(settings, experiment, dataset, plan, frozen)
    with at_work.record_run():
        for line in story.splitlines():
            logger.info("%s", line)
        try:
            if plan.again.reasons:  # a run that is killed has told what it was to make again
                _write_status(plan, settings.output)
            if not settings.reports_only:
                try:
                    _work(at_work)
                finally:
                    graphs.end_server()
        except BaseException:
            with suppress(OSError, LumirageError):  # of a full disk, say: what broke the run off is told instead
                _write_status(plan, settings.output)
            raise
        return _conclude(at_work)


def _show(story: str, dataset: Dataset, plan: Plan, settings: Settings) -> int:
    """Print what a dry run is asked for; the exit code is that of a run that would be refused, else 0."""
    # The list of files is for those who have yet to fetch them, and may be made where nothing can be written.
    refused = None if settings.print_needed_files else _refusal(plan, settings)
    if refused:
        told = str(refused)
        if isinstance(refused, MissingInputError) and refused.get and refused.get in story:
            told = refused.what  # how to get what is not here need not be read twice
        story += f"\nA RUN WOULD BE REFUSED: {told}"
    print(story, file=sys.stderr if settings.print_needed_files or settings.print_work else sys.stdout)
    if settings.print_needed_files:
        print(*needed_files(plan, dataset), sep="\n")
    if settings.print_work:
        print("work\tof", *("\t".join(row) for row in list_work(plan)), sep="\n")
    return refused.exit_code if refused else 0


def _refusal(plan: Plan, settings: Settings) -> LumirageError | None:
    """Why the run that a dry run tells of would not begin; None where it would."""
    try:
        checks.check_writable(settings)
        if not settings.reports_only:
            check_content(plan, settings.named_subjects)
            if settings.use_plugin is not None:
                check_scheduler(settings.use_plugin)
            if settings.stage == "register":
                check_prepared(plan)
    except LumirageError as error:
        return error
    return None


def _work(run: Run) -> None:
    plan, settings, execution = run.plan, run.settings, run.execution()
    if settings.stage == "register":
        check_prepared(plan)
    else:
        graphs.run(graphs.preparation_graph(plan, execution), execution)
        log_structures(plan, settings.output)
    if settings.stage == "prepare":
        return
    forget(plan, settings.output, settings.redo)
    for batch in plan.batches:
        Rows(batch, settings.output).forget_killed()
    downstream.forget(plan, settings.output, settings.redo)
    graphs.run(graphs.registration_graph(plan, execution), execution)
    ready = downstream.find_ready(plan, settings.output)
    if ready:
        seconds = composing_seconds(ready, expected_voxels(plan)) / settings.nprocs
        logger.info("Composing transforms takes about %s", progress.duration(seconds))
    graphs.run(graphs.downstream_graph(ready, execution), execution)


def _conclude(run: Run) -> int:
    plan, settings = run.plan, run.settings
    output = settings.output
    if settings.stage == "prepare":
        return status.preparation_code(plan, output)
    # Matplotlib, which looks into HOME as soon as it is imported, and is not needed before.
    from lumirage_bids.report.subject_level import write_subject_pages

    rows, table = _write_status(plan, output)
    thin_out_pictures(plan, rows, output)
    looks = {"pictures": not settings.no_pictures, "sloppy": settings.sloppy}
    write_subject_pages(plan, rows, output, **looks, command=settings.command)
    mine = status.keep_own(table, plan)
    undone = mine[mine["status"] != "ok"].fillna({"reason": "not done yet"})
    for why in count_kinds(undone, ["status"]).to_dict("records"):
        logger.error("%d row(s) %s: %s", why["n"], why["status"], tell_kind(why))
    logger.info("%d of %d rows are done. %s", (mine["status"] == "ok").sum(), len(mine), output / "status.tsv")
    for note in software_notes(output, rows, versions()):
        logger.warning("%s", note)
    if settings.no_pictures and output.find("group/figures/pairs-*"):
        logger.warning(
            "%s was made with pictures of brains before. Give 'group' with --no-pictures too: it makes the page again "
            "without them.", output / "group" / "report.html",
        )  # fmt: skip
    unsaved = _count_unsaved(plan, output, settings.save)
    if unsaved:
        logger.error("%d pair(s) have scores, but not all that is to be kept of them; the log says why.", unsaved)
    not_composed = sum(len(job.products) for job in downstream.find_ready(plan, output))
    if not_composed:
        logger.error("%d table(s) of [downstream] could not be made; the log says why.", not_composed)
    return status.exit_code(mine["status"], mine["kind"]) or (1 if unsaved or not_composed else 0)


def _count_unsaved(plan: Plan, output: Output, save: str) -> int:
    """How many pairs have scores, but not all of what is to be saved."""
    kept = (batch for batch in plan.batches if any(task.kinds_kept(save) for task in batch.tasks))
    batches = ((batch, Rows(batch, output)) for batch in kept)
    return sum(rows.is_finished(t) and not rows.is_complete(t, save) for batch, rows in batches for t in batch.tasks)


def _write_status(plan: Plan, output: Output) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:

    with output.lock("root"):
        rows, _ = score_table.read_current(output, structures=False)
        table = status.status_table(plan, rows)
        status.write(output, table)
    return rows, table
