"""Several runs on one page, from their group tables alone: ``lumirage collect OUT1 OUT2 … REPORT_DIR``."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from lumirage_bids.app.checks import check_folder_writable
from lumirage_bids.base.errors import UsageError
from lumirage_bids.output.files import read_json

DESCRIPTION = """\
Put several runs on one page: any set of datasets, sites and protocols. OUT: an output folder whose group level was
run, or only its folder group, as sent by a site that may not share images; nothing else is read. The page has each
experiment's verdict, methods by experiments, and what experiments of one label set say together; what cannot be
compared is refused or shown apart, with reasons.
"""
EPILOG = """\
examples:
  lumirage collect OUT_NIMH OUT_ULTRACORTEX OUT_PRIMEDE report
  lumirage collect site-a/group site-b/group site-c/group report

exit codes: 0 done, 64 usage, 65 results that cannot stand on one page, 66 no group tables, 73 cannot write
"""


def define(p: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    p.description, p.epilog, p.formatter_class = DESCRIPTION, EPILOG, argparse.RawDescriptionHelpFormatter
    p.add_argument("outs", nargs="+", type=Path, metavar="OUT", help="output folders, or their folders group")
    p.add_argument(
        "report", type=Path, metavar="REPORT_DIR", help="where the page goes: a new folder, or an older report"
    )


def run(arguments: argparse.Namespace) -> int:
    """Collect and write; the return value is the exit code."""
    report = arguments.report.absolute()
    _check_report(report, arguments.outs)
    from lumirage_bids.report.collected.page import write_collected  # Matplotlib and pandas: help does not wait
    from lumirage_bids.report.collected.reading import read_all
    from lumirage_bids.report.collected.summing import sum_up

    summed = sum_up(read_all(arguments.outs))
    command = shlex.join(["lumirage", *sys.argv[1:]])
    print(f"The page is {write_collected(report, summed, command)}")
    return 0


def _check_report(report: Path, outs: Sequence[Path]) -> None:
    """Refuse to write where something else lies.

    Raises
    ------
    UsageError
        REPORT_DIR holds something else, or lies in one of the runs' folders.
    CannotWriteError
        It cannot be written.
    """
    real = report.resolve()
    for out in outs:
        own = out.resolve()
        if real == own or real.is_relative_to(own):
            raise UsageError(
                f"REPORT_DIR {report} must not be or lie in {out}, whose results it reads. The last argument is where "
                "the page goes: give a folder of its own."
            )
    if report.is_dir() and any(report.iterdir()):
        from lumirage_bids.report.collected.columns import MADE_BY, RESULTS

        if read_json(report / RESULTS).get("made_by") != MADE_BY:
            raise UsageError(
                f"REPORT_DIR {report} is not empty, and holds no report of 'lumirage collect'. The last "
                "argument is where the page goes: give a new folder."
            )
    check_folder_writable("REPORT_DIR", report)
