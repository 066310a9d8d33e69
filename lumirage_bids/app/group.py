"""The group level: statistics, figures and one page from what participant runs left."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lumirage_bids.app import checks
from lumirage_bids.base.logs import logging_to
from lumirage_bids.experiment.freeze import check_output
from lumirage_bids.output.frozen import read_frozen

if TYPE_CHECKING:
    from lumirage_bids.experiment.settings import Settings


logger = logging.getLogger("lumirage")


def run(settings: Settings) -> int:
    """Turn score tables into statistics, figures and one page; the return value is the exit code."""
    checks.check_participant_output(settings.output)
    if settings.freeze:
        check_output(settings.output, read_frozen(settings.freeze))
    if settings.dry_run:
        print(f"The group level would write tables, figures and page to {settings.output / 'group'}.")
        return 0
    from threadpoolctl import threadpool_limits

    from lumirage_bids.report.group_level import write_group  # Matplotlib: see `participant`

    # Its matrices are small: where others use the cores too, threads wait for each other far longer than they work.
    with threadpool_limits(1, "blas"), logging_to(settings.output / "logs" / "group.log", settings.verbose):
        report = write_group(settings.output, command=settings.command, pictures=not settings.no_pictures)
        logger.info("The report is %s", report)
    return 0
