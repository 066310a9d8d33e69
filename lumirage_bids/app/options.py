"""Command line and environment → Settings; with `commands`, the only reader of either.

Spellings of other BIDS-Apps and of wrappers are synonyms: ``_`` in the name of an option is ``-``, and the table below
names the rest.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from lumirage_bids import __version__
from lumirage_bids.app import values
from lumirage_bids.app.config_file import defaults
from lumirage_bids.app.resources import MachineShares, check_memory, share_out
from lumirage_bids.base import extensions
from lumirage_bids.base.devices import resolve_device
from lumirage_bids.base.errors import UsageError
from lumirage_bids.experiment.settings import Settings

LEVELS = ("participant", "group")
EXIT_CODES = """\
exit codes: 0 done, 1 some pairs failed, 16 invalid dataset, 18 nothing selected, 64 usage, 65 bad data,
66 input missing, 73 cannot write, 74 input/output failed, 75 interrupted: the same command goes on where it was
"""
DIFFERENCES = """\
read otherwise than fMRIPrep does:
  --participant-label names the subjects whose scans move; each is registered to the scans of all subjects, which are
  prepared for that. For the named subjects alone, on both sides: --only.
  --nprocs counts processes; the total number of threads is --nthreads (also --n-cpus).
  --derivatives brings label maps, masks and landmarks. --bids-filter-file says which contrasts there are to compare;
  its queries of other datatypes (bold, fmap, …) are passed over.
"""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors of ours, and that takes ``_`` in the name of an option for ``-``."""

    def error(self, message: str) -> NoReturn:
        """Complain."""
        raise UsageError(f"{message}. See {self.prog} --help.")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse after the names of options are spelt our way."""
        return super().parse_known_args([_with_hyphens(a) for a in args or ()], namespace)


def _with_hyphens(argument: str) -> str:
    name, equals, value = argument.partition("=")
    return name.replace("_", "-") + equals + value if name.startswith("--") else argument


class _Collect(argparse.Action):
    """Values of every occurrence of an option, in place of its default."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        given = vars(namespace).setdefault("given", set())
        before = getattr(namespace, self.dest) if self.dest in given else []
        given.add(self.dest)
        setattr(namespace, self.dest, [*before, *values])


def parser(epilog: str = EXIT_CODES, again: bool = False) -> Parser:
    """The parser of the main command; where a run is done `again` by its record, that has what is not given."""
    p = Parser(
        prog="lumirage",
        description="Evaluate deformable brain image registration on a BIDS dataset under the same conditions for all.",
        epilog=DIFFERENCES + "\n" + epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    optional: dict[str, Any] = {"nargs": "?"} if again else {}
    p.add_argument("bids_dir", type=Path, metavar="BIDS_DIR", help="the dataset, as downloaded", **optional)
    p.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="where the derivatives go", **optional)
    p.add_argument(
        "level",
        nargs="*" if again else "+",
        metavar="{participant,group}",
        help="register and score pairs; make tables and report; or both, one after the other",
    )
    p.add_argument("--version", action="version", version=f"lumirage {__version__}")
    p.add_argument(
        "-v", "--verbose", action="count", default=0, help="tell of every scan and pair; -vv: of the libraries too"
    )
    p.add_argument(
        "--config-file", type=Path, metavar="FILE", help="run OUT_DIR/config/RUN.toml again; what else is given counts"
    )
    _what(p.add_argument_group("what is compared"))
    _which(p.add_argument_group("which scans"))
    _how(p.add_argument_group("how it runs"))
    return p


def _list(group: argparse._ArgumentGroup, *names: str, **more: Any) -> None:
    group.add_argument(*names, nargs="+", action=_Collect, default=[], **more)


def _what(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--protocol", default="default", metavar="NAME|FILE.toml", help="the experiment (default: default)"
    )
    _list(group, "--methods", metavar="NAME", help="instead of the protocol's; +NAME: besides")
    _list(group, "--labellings", metavar="NAME", help="instead of the protocol's")
    _list(group, "--variants", metavar="NAME", help="only these of the protocol's; some are run on request alone")
    _list(
        group,
        *("--derivatives", "-d"),
        metavar="[NAME=]PATH",
        help="datasets with label maps, masks (default NAME: the program that made it)",
    )
    group.add_argument(
        "--extension",
        action="append",
        metavar="FILE.py",
        help="Python file with methods, labellers, maskers, measures of your own; its code is run",
    )
    group.add_argument("--max-pairs", type=values.positive_int, metavar="N", help="a random subset of the pairs")
    group.add_argument("--seed", "--random-seed", type=int, default=0, metavar="N", help="of that subset")


def _which(group: argparse._ArgumentGroup) -> None:
    _list(
        group,
        "--participant-label",
        metavar="L",
        help="subjects whose scans move; all other subjects' scans stay fixed ones, and are prepared",
    )
    _list(group, "--fixed-label", metavar="L", help="subjects whose scans are fixed")
    _list(group, "--only", metavar="L", help="subjects whose scans move and are fixed: pairs among these alone")
    _list(group, "--exclude-participant-label", metavar="L", help="subjects that are left out altogether")
    _list(group, "--session-id", "--session-label", metavar="L", help="only these sessions")
    group.add_argument("--bids-filter-file", metavar="NAME|FILE", help="PyBIDS filter, instead of the protocol's")
    group.add_argument("--bids-database-dir", type=Path, metavar="DIR", help="keep the dataset's index here")
    group.add_argument(
        *("--skip-bids-validation", "--skip-bids-validator"),
        action="store_true",
        help="accept a dataset with a faulty description",
    )


def _how(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--stage", choices=("prepare", "register", "all"), default="all", help="only a part of the work")
    _list(group, "--redo", metavar="METHOD", help="make all results of these methods again")
    group.add_argument("--save", choices=("none", "labels", "images", "transforms", "all"), default="none")
    group.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]")
    group.add_argument(
        *("--nthreads", "--n-threads", "--n-cpus"),
        type=values.positive_int,
        metavar="N",
        help="threads of all processes together (default: one a core)",
    )
    group.add_argument(
        *("--nprocs", "--n-procs"),
        type=values.positive_int,
        metavar="N",
        help="processes (default: one a GPU, or as many as there are threads for)",
    )
    group.add_argument(
        "--omp-nthreads", type=values.positive_int, metavar="N", help="threads a process (default: nthreads/nprocs)"
    )
    group.add_argument(
        *("--mem", "--mem-gb", "--memory-gb"),
        type=values.gigabytes,
        metavar="GB",
        help="memory for all processes: GB, or with a unit, 16G, 16000M (default: 90 %% of it)",
    )
    group.add_argument("--mem-mb", type=values.megabytes, dest="mem", metavar="MB", help="the same in MB")
    group.add_argument("--pair-timeout", type=values.positive, metavar="S", help="stop a pair after so many seconds")
    group.add_argument("--use-plugin", type=Path, metavar="FILE", help="Nipype plugin file (YAML), for clusters")
    group.add_argument(
        "-w", "--work-dir", type=values.folder, metavar="DIR", help="scratch folder (default: OUT_DIR/work)"
    )
    group.add_argument("--clean-workdir", action="store_true", help="accepted: work folders are removed in any case")
    group.add_argument("--notrack", action="store_true", help="accepted: nothing is ever tracked")
    group.add_argument(
        "--sloppy", action="store_true", help="3 mm and a tenth of the iterations: to try, not to publish"
    )
    group.add_argument(
        "--no-pictures", action="store_true", help="pages without pictures of heads and brains, which identify people"
    )
    group.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    group.add_argument(
        "--freeze",
        type=Path,
        metavar="FILE",
        help="with --dry-run: write the plan to FILE; else: refuse to differ from the plan in FILE",
    )
    group.add_argument(
        "--print-needed-files", action="store_true", help="with --dry-run: print the files that a run reads"
    )
    group.add_argument(
        "--print-work", action="store_true", help="with --dry-run: print what is left to do, as a table for scripts"
    )
    group.add_argument("--reports-only", action="store_true", help="only the reports, from what is there")
    group.add_argument("--write-graph", action="store_true", help="write the Nipype graphs as OUT_DIR/logs/*.dot")
    group.add_argument("--stop-on-first-crash", action="store_true", help="end when Nipype meets an error of its own")


def without_extensions(argv: Sequence[str]) -> list[str]:
    """Load the files of ``--extension``, before anything asks what plug-ins there are; return the other arguments.

    Raises
    ------
    LumirageError
        One cannot be had: see `lumirage_bids.base.extensions.use`.
    """
    first = Parser(prog="lumirage", add_help=False, allow_abbrev=False)
    first.add_argument("--extension", type=Path, action="append", default=[])
    known, rest = first.parse_known_args(argv)
    extensions.use(known.extension)
    return list(rest)


def settings(argv: Sequence[str]) -> tuple[Settings, ...]:
    """Settings from the arguments of the main command, one of each level that is asked for.

    Raises
    ------
    UsageError
        An argument is unknown or has a value that is not allowed.
    """
    try:
        " ".join(argv).encode()
    except UnicodeEncodeError:
        raise UsageError(f"{' '.join(argv)!r} is not UTF-8, so no record can name it. Rename the folder.") from None
    a = _parse(argv)
    given = vars(a).get("given", set())
    if unknown := [level for level in a.level if level not in LEVELS]:
        raise UsageError(
            f"argument {{participant,group}}: invalid choice: {unknown[0]!r} (choose from participant, "
            "group). See lumirage --help."
        )
    printed = [f"--print-{what}" for what in ("needed-files", "work") if vars(a)[f"print_{what.replace('-', '_')}"]]
    if len(printed) > 1:
        raise UsageError(f"{' and '.join(printed)} both write to standard output. Give one of them.")
    if printed and not (a.dry_run and a.level == ["participant"]):
        raise UsageError(f"{printed[0]} belongs to 'participant' with --dry-run. Add --dry-run.")
    if a.only and given & {"participant_label", "fixed_label"}:
        raise UsageError(
            "--only names moving and fixed subjects at once. Leave --participant-label and --fixed-label out."
        )
    return tuple(_settings(a, level, argv) for level in LEVELS if level in a.level)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Arguments, those of a record below them where one is given."""
    first = Parser(prog="lumirage", add_help=False, allow_abbrev=False)
    first.add_argument("--config-file", type=Path)
    first.add_argument("--protocol")
    known = first.parse_known_args(argv)[0]
    if known.config_file is None:
        return parser().parse_args(argv)
    whole = parser(again=True)
    recorded = defaults(known.config_file, with_protocol=known.protocol is None)
    whole.set_defaults(**recorded)
    return whole.parse_intermixed_args(argv)  # an optional positional would else be taken as left out too early


def _settings(a: argparse.Namespace, level: str, argv: Sequence[str]) -> Settings:
    computes = level == "participant"
    if computes:
        shares = share_out(a.device, a.nthreads, a.nprocs, a.omp_nthreads, a.use_plugin)
    else:
        shares = MachineShares(device=resolve_device(a.device, 0, elsewhere=True))
    warnings = shares.warnings
    derivatives, notes = values.derivatives(a.derivatives)
    if computes and a.use_plugin is None:
        warnings += check_memory(a.mem, dry_run=a.dry_run)
    if a.clean_workdir:
        notes.append("--clean-workdir changes nothing: the work folder is removed when a run ends.")
    moving, fixed = a.only or a.participant_label, a.only or a.fixed_label
    return Settings(
        bids_dir=a.bids_dir.absolute(),
        out_dir=a.out_dir.absolute(),
        level=level,
        levels=tuple(each for each in LEVELS if each in a.level),
        protocol=values.absolute_file(a.protocol, ".toml"),
        methods=values.names(a.methods),
        labellings=values.names(a.labellings),
        participant_label=values.labels(moving, "sub-"),
        fixed_label=values.labels(fixed, "sub-"),
        only=bool(a.only),
        exclude_participant_label=values.labels(a.exclude_participant_label, "sub-"),
        session_id=values.labels(a.session_id, "ses-"),
        bids_filter_file=values.absolute_file(a.bids_filter_file, ".json") if a.bids_filter_file else None,
        derivatives=derivatives,
        extension=tuple(extensions.files()),
        max_pairs=a.max_pairs,
        seed=a.seed,
        variants=tuple(dict.fromkeys(a.variants)),
        redo=values.names(a.redo),
        stage=a.stage,
        save=a.save,
        device=shares.device,
        nprocs=shares.nprocs,
        omp_nthreads=shares.omp_nthreads,
        mem=None if a.mem is None else float(a.mem),
        pair_timeout=a.pair_timeout,
        use_plugin=a.use_plugin.absolute() if a.use_plugin else None,
        work_dir=a.work_dir.absolute() if a.work_dir else None,
        dry_run=a.dry_run,
        freeze=a.freeze.absolute() if a.freeze else None,
        print_needed_files=a.print_needed_files,
        print_work=a.print_work,
        reports_only=a.reports_only,
        write_graph=a.write_graph,
        stop_on_first_crash=a.stop_on_first_crash,
        skip_bids_validation=a.skip_bids_validation,
        bids_database_dir=a.bids_database_dir.absolute() if a.bids_database_dir else None,
        sloppy=a.sloppy,
        no_pictures=a.no_pictures,
        verbose=a.verbose,
        weights=weights(),
        command=shlex.join(["lumirage", *argv]),
        notes=tuple(notes),
        warnings=warnings,
    )


def weights() -> Path | None:
    """Folder of network weights that the environment names."""
    folder = os.environ.get("LUMIRAGE_WEIGHTS")
    return Path(folder).absolute() if folder else None
