"""Command line and environment → Settings; with `commands`, the only reader of either."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from lumirage_bids import __version__
from lumirage_bids.devices import count_cores, count_gpus, resolve_device
from lumirage_bids.errors import UsageError
from lumirage_bids.settings import Settings

EXIT_CODES = """\
exit codes: 0 done, 1 some pairs failed, 16 invalid dataset, 18 nothing selected, 64 usage, 65 bad data,
66 input missing, 73 cannot write, 74 input/output failed, 75 interrupted: the same command goes on where it was
"""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors of ours."""

    def error(self, message: str) -> NoReturn:
        """Complain."""
        raise UsageError(f"{message}. See {self.prog} --help.")


def parser(epilog: str = EXIT_CODES) -> Parser:
    """The parser of the main command."""
    p = Parser(
        prog="lumirage",
        description="Evaluate deformable brain image registration on a BIDS dataset under the same conditions for all.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    p.add_argument("bids_dir", type=Path, metavar="BIDS_DIR", help="the dataset, as downloaded")
    p.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="where the derivatives go")
    p.add_argument(
        "level", choices=("participant", "group"), help="register and score pairs; or make tables and report"
    )
    p.add_argument("--version", action="version", version=f"lumirage {__version__}")
    p.add_argument("-v", "--verbose", action="count", default=0, help="say more")

    what = p.add_argument_group("what is compared")
    what.add_argument(
        "--protocol", default="default", metavar="NAME|FILE.toml", help="the experiment (default: default)"
    )
    what.add_argument("--methods", nargs="+", default=[], metavar="NAME", help="instead of the protocol's")
    what.add_argument("--labellings", nargs="+", default=[], metavar="NAME", help="instead of the protocol's")
    what.add_argument("--variants", nargs="+", default=[], metavar="NAME", help="only these of the protocol's")
    what.add_argument(
        "--derivatives", nargs="+", default=[], metavar="NAME=PATH", help="datasets with label maps, masks"
    )
    what.add_argument("--max-pairs", type=_positive_int, metavar="N", help="a random subset of the ordered pairs")
    what.add_argument("--seed", "--random-seed", type=int, default=0, metavar="N", help="of that subset")

    which = p.add_argument_group("which scans")
    which.add_argument("--participant-label", nargs="+", default=[], metavar="L", help="subjects whose scans move")
    which.add_argument("--fixed-label", nargs="+", default=[], metavar="L", help="subjects whose scans are fixed")
    which.add_argument("--session-id", nargs="+", default=[], metavar="L", help="only these sessions")
    which.add_argument("--bids-filter-file", metavar="NAME|FILE", help="PyBIDS filter, instead of the protocol's")
    which.add_argument("--bids-database-dir", type=Path, metavar="DIR", help="keep the dataset's index here")
    which.add_argument("--skip-bids-validation", action="store_true", help="accept a dataset with a faulty description")

    how = p.add_argument_group("how it runs")
    how.add_argument("--stage", choices=("prepare", "register", "all"), default="all", help="only a part of the work")
    how.add_argument("--save", choices=("none", "labels", "images", "transforms", "all"), default="none")
    how.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]")
    how.add_argument("--nprocs", type=_positive_int, metavar="N", help="processes (default: one a GPU, or one a core)")
    how.add_argument(
        "--omp-nthreads", type=_positive_int, metavar="N", help="threads a process (default: cores/processes)"
    )
    how.add_argument(
        "--mem", type=_positive_float, metavar="GB", help="memory for all processes (default: 90 %% of it)"
    )
    how.add_argument("--pair-timeout", type=_positive_float, metavar="S", help="stop a pair after so many seconds")
    how.add_argument("--use-plugin", type=Path, metavar="FILE", help="Nipype plugin file (YAML), for clusters")
    how.add_argument("--work-dir", type=Path, metavar="DIR", help="scratch folder (default: OUT_DIR/work)")
    how.add_argument("--sloppy", action="store_true", help="3 mm and a tenth of the iterations: to try, not to publish")
    how.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    how.add_argument(
        "--print-needed-files", action="store_true", help="with --dry-run: print the files that a run reads"
    )
    how.add_argument("--reports-only", action="store_true", help="only the reports, from what is there")
    how.add_argument("--write-graph", action="store_true", help="write the Nipype graphs as OUT_DIR/logs/*.dot")
    how.add_argument("--stop-on-first-crash", action="store_true", help="end when Nipype meets an error of its own")
    return p


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _positive_float(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


_positive_int.__name__ = "positive whole number"
_positive_float.__name__ = "positive number"


def settings(argv: Sequence[str]) -> Settings:
    """Settings from the arguments of the main command.

    Raises
    ------
    UsageError
        An argument is unknown or has a value that is not allowed.
    """
    a = parser().parse_args(argv)
    try:
        " ".join(argv).encode()
    except UnicodeEncodeError:
        raise UsageError(f"{' '.join(argv)!r} is not UTF-8, so no record can name it. Rename the folder.") from None
    if a.print_needed_files and not (a.dry_run and a.level == "participant"):
        raise UsageError("--print-needed-files belongs to 'participant' with --dry-run. Add --dry-run.")
    computes = a.level == "participant"
    gpus = count_gpus() if computes and a.device != "cpu" else 0
    device = resolve_device(a.device, gpus, elsewhere=a.use_plugin is not None or not computes)
    cores = count_cores() if computes else 1
    nprocs = a.nprocs or (cores if device == "cpu" else max(1, gpus) if device == "cuda" else 1)
    return Settings(
        bids_dir=a.bids_dir.absolute(),
        out_dir=a.out_dir.absolute(),
        level=a.level,
        protocol=a.protocol,
        methods=tuple(dict.fromkeys(a.methods)),
        labellings=tuple(dict.fromkeys(a.labellings)),
        participant_label=tuple(x.removeprefix("sub-") for x in a.participant_label),
        fixed_label=tuple(x.removeprefix("sub-") for x in a.fixed_label),
        session_id=tuple(x.removeprefix("ses-") for x in a.session_id),
        bids_filter_file=a.bids_filter_file,
        derivatives=_derivatives(a.derivatives),
        max_pairs=a.max_pairs,
        seed=a.seed,
        variants=tuple(dict.fromkeys(a.variants)),
        stage=a.stage,
        save=a.save,
        device=device,
        nprocs=nprocs,
        omp_nthreads=a.omp_nthreads or max(1, cores // nprocs),
        mem=a.mem,
        pair_timeout=a.pair_timeout,
        use_plugin=a.use_plugin,
        work_dir=a.work_dir.absolute() if a.work_dir else None,
        dry_run=a.dry_run,
        print_needed_files=a.print_needed_files,
        reports_only=a.reports_only,
        write_graph=a.write_graph,
        stop_on_first_crash=a.stop_on_first_crash,
        skip_bids_validation=a.skip_bids_validation,
        bids_database_dir=a.bids_database_dir.absolute() if a.bids_database_dir else None,
        sloppy=a.sloppy,
        verbose=a.verbose,
        weights=weights(),
        command=shlex.join(["lumirage", *argv]),
    )


def weights() -> Path | None:
    """Folder of network weights that the environment names."""
    folder = os.environ.get("LUMIRAGE_WEIGHTS")
    return Path(folder).absolute() if folder else None


def _derivatives(items: Sequence[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for item in items:
        name, _, path = item.partition("=")
        if not name.isidentifier() or not path:
            raise UsageError(f"--derivatives {item}: give NAME=PATH, with a name of letters, digits and underscores.")
        if name in found:
            raise UsageError(f"--derivatives names '{name}' twice; give each dataset a name of its own.")
        found[name] = Path(path).absolute()
    return found
