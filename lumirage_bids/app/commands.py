"""The commands beside the BIDS-App run: one table; each has its own ``--help``.

To add one: enter a `Subcommand` in `COMMANDS`, by `_command` if its arguments are few, else by `_find_module`. What a
command needs is imported when it runs, so that help is there at once.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import ModuleType

from lumirage_bids.app import arguments, options, surroundings
from lumirage_bids.base.errors import UsageError
from lumirage_bids.output.folder import Output


@dataclass(frozen=True, kw_only=True)
class Subcommand:
    """A command with a name of its own.

    Attributes
    ----------
    usage, summary : str
        Its arguments in short, and what it does in a line, for the main command's help.
    main : callable
        Its arguments as typed → exit code. It knows ``--help``; errors are raised as `LumirageError`.
    """

    name: str
    usage: str
    summary: str
    main: Callable[[Sequence[str]], int]


def _command(
    name: str,
    usage: str,
    summary: str,
    define: Callable[[argparse.ArgumentParser], object],
    run: Callable[[argparse.Namespace], int],
) -> Subcommand:
    """A command whose arguments `define` adds to a parser, and that `run` does with what was parsed."""

    def main(typed: Sequence[str]) -> int:
        description = summary[0].upper() + summary[1:] + "."
        parser = arguments.Parser(prog=f"lumirage {name}", description=description, allow_abbrev=False)
        define(parser)
        return run(parser.parse_args(typed))

    return Subcommand(name=name, usage=usage, summary=summary, main=main)


def evaluate(typed: Sequence[str]) -> int:
    """A BIDS-App run: each level that is asked for. Failed pairs do not stop the group level."""
    try:
        asked = options.settings(typed)
    except FileNotFoundError:  # of the current folder, which relative paths start from
        raise UsageError(
            "The current folder has been deleted, so that relative paths lead nowhere. Give all paths in full, or go "
            "to a folder that is there (cd)."
        ) from None
    surroundings.settle_folder()
    from lumirage_bids.app import group, participant

    code = 0
    for given in asked:
        if given.level == "participant":
            code = participant.run(given)
            if given.dry_run or given.stage == "prepare":  # there is nothing to sum up
                break
        else:
            code = group.run(given) or code
    return code


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", type=Path, metavar="DIR", help="where it goes; it must not exist yet")


def _list(what: str, details: str) -> Subcommand:
    def define(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", metavar="NAME", help=f"one of them: {details}")

    def run(given: argparse.Namespace) -> int:
        from lumirage_bids.app import catalogue

        if given.name is None:
            return catalogue.list_known(what, options.weights())
        print(catalogue.show(what, given.name, options.weights()))
        return 0

    more = {"measures": ", with what each looks at", "protocols": ""}.get(what, ", with what each lacks here")
    summary = f"list the {what}{more}; with NAME: {details}"
    return _command(what, "[NAME]", summary, define, run)


def _run_demo(given: argparse.Namespace) -> int:
    from lumirage_bids.app import demo

    return demo.run(given.dir.absolute(), evaluate)


def _show_status(given: argparse.Namespace) -> int:
    from lumirage_bids.app import overview

    return overview.show(Output(given.dir.absolute()))


def _print_script(_: argparse.Namespace) -> int:
    script = resources.files("lumirage_bids.app") / "sbatch_array.sh"
    print(script.read_text("utf-8"), end="")
    return 0


def _find_module(name: str, usage: str, summary: str) -> Subcommand:
    """A command whose ``define`` and ``run`` are those of the module of its name beside this one."""

    def module() -> ModuleType:
        return importlib.import_module(f"lumirage_bids.app.{name.replace('-', '_')}")

    return _command(name, usage, summary, lambda parser: module().define(parser), lambda given: module().run(given))


COMMANDS = {
    command.name: command
    for command in (
        _command(
            "demo",
            "DIR",
            "make a small synthetic dataset, evaluate it and say where the report is",
            _demo,
            _run_demo,
        ),
        _find_module("doctor", "", "what this machine and installation can do, and what they lack"),
        _command(
            "status",
            "OUT_DIR",
            "what is done, what failed and why, what is left and how long it will take",
            lambda parser: parser.add_argument("dir", type=Path, metavar="OUT_DIR", help="of a participant run"),
            _show_status,
        ),
        _find_module("judge", "TABLE.tsv", "the verdict on a table of scores, without images"),
        _find_module("points", "POINTS OUT", "carry landmarks through a transform in the right direction"),
        _find_module("check-model", "MODEL.pt", "find out the conventions of a TorchScript network"),
        _command(
            "sbatch",
            "",
            "print the script that submits the work to SLURM as an array of jobs",
            lambda parser: None,
            _print_script,
        ),
        _find_module("collect", "OUT... REPORT_DIR", "put several runs on one page, from their group tables"),
        _list("methods", "its parameters and what to cite"),
        _list("labellings", "its parameters and what to cite"),
        _list("measures", "its columns, and which way is better"),
        _list("protocols", "its TOML, to start from"),
    )
}


def overview() -> str:
    """The table in words, for the end of the main command's help."""
    calls = {f"lumirage {c.name} {c.usage}".strip(): c.summary for c in COMMANDS.values()}
    width = max(map(len, calls))
    lines = (f"  {call:{width}}  {summary}" for call, summary in calls.items())
    return "\n".join(["other commands (each has --help):", *lines, "", arguments.EXIT_CODES])
