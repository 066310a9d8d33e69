"""Options of the command line, in the groups that its help shows.

Spellings of other BIDS-Apps and of wrappers are synonyms: ``_`` in the name of an option is ``-``, and the names below
are all of the same option.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from lumirage_bids import __version__
from lumirage_bids.app import values
from lumirage_bids.base.errors import UsageError

LEVELS = ("participant", "group")
DESCRIPTION = """\
Find out which registration method is better on your BIDS dataset, under the same conditions for all.

With two or more T1w scans this works as it is:
  lumirage BIDS_DIR OUT_DIR participant group
"""
EXIT_CODES = """\
exit codes:
  0 done, 1 some pairs failed, 16 invalid dataset, 18 nothing selected, 64 usage, 65 bad data, 66 input missing,
  73 cannot write, 74 input/output failed, 75 interrupted: the same command goes on where it was
"""
DIFFERENCES = """\
not as in fMRIPrep:
  --participant-label names the subjects whose scans move; each is registered to the scans of all subjects, which are
  prepared for that. To use the named subjects only, on both sides: --only.
  --nprocs counts processes; the total number of threads is --nthreads (or --n-cpus).
  --derivatives brings label maps, masks and landmarks. --bids-filter-file says which contrasts to compare; its queries
  for other datatypes (bold, fmap, …) are ignored.
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
        usage="lumirage BIDS_DIR OUT_DIR {participant,group} [options]\n       lumirage COMMAND [options]",
        description=DESCRIPTION,
        epilog=f"{epilog}\n{DIFFERENCES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    _add_required(p.add_argument_group("required"), again)
    _first(p.add_argument_group("options that most runs need"))
    _what(p.add_argument_group("what is compared"))
    _which(p.add_argument_group("which scans"))
    _how(p.add_argument_group("processors, memory and time"))
    _results(p.add_argument_group("what is kept and shown"))
    _parts(p.add_argument_group("in parts, and again"))
    _scripts(p.add_argument_group("for clusters and scripts"))
    _about(p.add_argument_group("about the program"))
    return p


def _list(group: argparse._ArgumentGroup, *names: str, **more: Any) -> None:
    group.add_argument(*names, nargs="+", action=_Collect, default=[], **more)


def _switch(group: argparse._ArgumentGroup, *names: str, **more: Any) -> None:
    group.add_argument(*names, action="store_true", **more)


def _add_required(group: argparse._ArgumentGroup, again: bool) -> None:
    optional: dict[str, Any] = {"nargs": "?"} if again else {}
    group.add_argument("bids_dir", type=Path, metavar="BIDS_DIR", help="the dataset, as downloaded", **optional)
    group.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="folder for the results", **optional)
    group.add_argument(
        "level",
        nargs="*" if again else "+",
        metavar="{participant,group}",
        help="participant: register and score pairs; group: make the tables and the report; or both",
    )


def _first(group: argparse._ArgumentGroup) -> None:
    _list(
        group,
        *("--derivatives", "-d"),
        metavar="[NAME=]PATH",
        help="datasets with label maps, brain masks or landmarks (default NAME: the program that made them)",
    )
    _list(
        group,
        "--labellings",
        metavar="NAME",
        help="label maps to score with, instead of the protocol's; see lumirage labellings",
    )
    _list(
        group,
        "--methods",
        metavar="NAME",
        help="methods to compare, instead of the protocol's; +NAME adds one; see lumirage methods",
    )
    group.add_argument("--max-pairs", type=values.positive_int, metavar="N", help="a random subset of N pairs")
    _switch(
        group, "--dry-run", help="say what would be done, what is missing and how long it would take, and do nothing"
    )


def _what(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--protocol",
        default="default",
        metavar="NAME|FILE.toml",
        help="the experiment: one that lumirage protocols lists, or a file (default: default)",
    )
    _list(group, "--variants", metavar="NAME", help="only these variants of the protocol; some run only when named")
    group.add_argument(
        "--extension",
        action="append",
        metavar="FILE.py",
        help="Python file with your own methods, labellers, maskers or measures; its code is run",
    )
    group.add_argument(
        *("--seed", "--random-seed"),
        type=int,
        default=0,
        metavar="N",
        help="seed of random subsets, and of methods that draw random numbers (default: 0)",
    )
    group.add_argument(
        "--freeze",
        type=Path,
        metavar="FILE",
        help="with --dry-run: write the plan to FILE; without: refuse to differ from the plan in FILE",
    )
    _switch(group, "--sloppy", help="3 mm voxels and a tenth of the iterations: to try things out, not to publish")


def _which(group: argparse._ArgumentGroup) -> None:
    _list(
        group,
        "--participant-label",
        metavar="L",
        help="subjects whose scans move; the scans of all other subjects stay fixed ones, and are prepared",
    )
    _list(group, "--fixed-label", metavar="L", help="subjects whose scans are fixed")
    _list(group, "--only", metavar="L", help="subjects on both sides: only the pairs among these")
    _list(group, "--exclude-participant-label", metavar="L", help="subjects to leave out altogether")
    _list(group, "--session-id", "--session-label", metavar="L", help="only these sessions")
    group.add_argument("--bids-filter-file", metavar="NAME|FILE", help="PyBIDS filter to use instead of the protocol's")
    group.add_argument("--bids-database-dir", type=Path, metavar="DIR", help="folder in which to keep the index")
    _switch(
        group,
        *("--skip-bids-validation", "--skip-bids-validator"),
        help="accept a dataset whose description is faulty",
    )


def _how(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--device",
        default="auto",
        metavar="auto|cpu|cuda[:N]",
        help="where to register (default: a GPU, if there is one)",
    )
    group.add_argument(
        *("--nthreads", "--n-threads", "--n-cpus"),
        type=values.positive_int,
        metavar="N",
        help="threads of all processes together (default: one per core)",
    )
    group.add_argument(
        *("--nprocs", "--n-procs"),
        type=values.positive_int,
        metavar="N",
        help="processes (default: one per GPU, or as many as there are threads for)",
    )
    group.add_argument(
        "--omp-nthreads", type=values.positive_int, metavar="N", help="threads per process (default: nthreads / nprocs)"
    )
    group.add_argument(
        *("--mem", "--mem-gb", "--memory-gb"),
        type=values.gigabytes,
        metavar="GB",
        help="memory for all processes together: in GB, or with a unit, 16G, 16000M (default: 90 %% of what there is)",
    )
    group.add_argument("--mem-mb", type=values.megabytes, dest="mem", metavar="MB", help="the same in MB")
    group.add_argument("--pair-timeout", type=values.positive, metavar="S", help="give up on a pair after S seconds")
    group.add_argument(
        "-w", "--work-dir", type=values.folder, metavar="DIR", help="scratch folder (default: OUT_DIR/work)"
    )


def _results(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--save",
        choices=("none", "labels", "images", "transforms", "all"),
        default="none",
        help="what to keep of each pair besides its scores (default: none)",
    )
    _switch(group, "--no-pictures", help="pages without pictures of heads and brains, which can identify people")
    group.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="report every scan and pair; -vv: the libraries' messages too",
    )


def _parts(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--stage", choices=("prepare", "register", "all"), default="all", help="only a part of the work (default: all)"
    )
    _list(group, "--redo", metavar="METHOD", help="discard all results of these methods and make them again")
    _switch(group, "--reports-only", help="only make the pages, from the results that are there")
    group.add_argument(
        "--config-file",
        type=Path,
        metavar="FILE",
        help="do again what OUT_DIR/config/RUN.toml records; other options that are given take precedence",
    )
    _switch(group, "--stop-on-first-crash", help="end when Nipype meets an error of its own")


def _scripts(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--use-plugin", type=Path, metavar="FILE", help="Nipype plugin file (YAML): work as cluster jobs"
    )
    _switch(group, "--print-work", help="with --dry-run: print what is left to do, as a table")
    _switch(group, "--print-needed-files", help="with --dry-run: print the files that a run would read")
    _switch(group, "--write-graph", help="write the Nipype graphs as OUT_DIR/logs/*.dot")
    _switch(group, "--clean-workdir", help="accepted, without effect: the scratch folder is removed in any case")
    _switch(group, "--notrack", help="accepted, without effect: nothing is ever tracked")


def _about(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-h", "--help", action="help", help="show this and exit")
    group.add_argument("--version", action="version", version=f"lumirage {__version__}", help="show it and exit")
