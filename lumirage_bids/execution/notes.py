"""Why files could not be made of a scan, noted in the output folder for those that would read them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lumirage_bids.base.errors import (
    BadDataError,
    CannotWriteError,
    InputOutputError,
    LumirageError,
    MissingInputError,
)
from lumirage_bids.base.failures import Failure
from lumirage_bids.execution.damage import disown_damaged
from lumirage_bids.experiment.downstream import DownstreamJob
from lumirage_bids.experiment.plan import AlignmentJob, ScanJob, prepared_files
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output
from lumirage_bids.output.read_prepared import NotMadeError, NotPreparedError, failure_of

logger = logging.getLogger("lumirage")


@contextmanager
def noting(output: Output, files: Sequence[Path], value: str, told: set[str]) -> Iterator[bool]:
    """Note why files could not be made, so that their pairs can say so; forget the notes when they were made.

    Yields whether they are to be made: another run may have made them since this one was planned.

    Parameters
    ----------
    told : set of str
        Reasons that were logged of this scan, each of which is logged once.
    """
    try:
        yield any(output.hash_of(file) != value for file in files)
    except (CannotWriteError, InputOutputError, OSError):
        raise  # the output folder is at fault, not the scan
    except MissingInputError as error:  # it was there when the run was planned
        _tell(error, told)
        _note(output, files, value, Failure("lost input", f"input lost: {error}"))
    except LumirageError as error:
        disown_damaged(output, error)
        _tell(error, told)
        why = failure_of(error)
        own = isinstance(error, BadDataError) and not isinstance(error, NotPreparedError)
        _note(output, files, value, replace(why, reason=f"bad data: {error}") if own else why)
    except Exception as error:  # a labeller or library may raise anything; the other scans must go on
        logger.exception("%s could not be made", files[0])
        _note(output, files, value, Failure("error", f"{type(error).__name__}: {error}"))
    else:
        for file in files:
            output.forget_failure(file)


def _tell(error: LumirageError, told: set[str]) -> None:
    """Log a reason, if it has not been logged."""
    if str(error) not in told and not isinstance(error, NotMadeError):
        logger.error("%s", error)
    told.add(str(error))


def _note(output: Output, files: Iterable[Path], value: str, why: Failure) -> None:
    for file in files:
        output.note_failure(file, value, why)


def note_failure(job: ScanJob | AlignmentJob | DownstreamJob, output: Output, why: Failure) -> None:
    """Note that a process ended before it had made its files."""
    if isinstance(job, DownstreamJob):
        files = job.digests
    elif isinstance(job, AlignmentJob):
        files = dict.fromkeys(job.files, job.hash)
    else:
        files = {file: value for name, _, value in job.variants for file in prepared_files(job.scan, name)}
        files |= {paths.label_map(job.scan, labels.name): value for labels, value in job.labels}
    for file, value in files.items():
        if output.hash_of(file) != value:
            output.note_failure(file, value, why)
