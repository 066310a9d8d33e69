"""The commands beside the BIDS-App run: one table; each has its own ``--help``.

To add one: write what its arguments are and what it does, and put it into `COMMANDS`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lumirage_bids import app, catalogue, options, surroundings


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command with a name of its own.

    Attributes
    ----------
    summary : str
        What it does, in a line.
    define : callable
        Adds its arguments to a parser.
    run : callable
        Arguments as parsed → exit code. Errors are raised as `LumirageError`.
    """

    name: str
    summary: str
    define: Callable[[argparse.ArgumentParser], object]
    run: Callable[[argparse.Namespace], int]

    def parser(self) -> argparse.ArgumentParser:
        """The parser of its arguments."""
        description = self.summary[0].upper() + self.summary[1:] + "."
        parser = options.Parser(prog=f"lumirage {self.name}", description=description, allow_abbrev=False)
        self.define(parser)
        return parser

    @property
    def usage(self) -> str:
        """Its arguments in short."""
        return " ".join(self.parser().format_usage().split()[3:]).replace("[-h] ", "").replace("[-h]", "")


def evaluate(arguments: Sequence[str]) -> int:
    """A BIDS-App run: each level that is asked for. Failed pairs do not stop the group level."""
    code, asked = 0, options.settings(arguments)
    surroundings.leave_lost_folder()
    for given in asked:
        if given.level == "participant":
            code = app.participant(given)
            if given.dry_run or given.stage == "prepare":  # there is nothing to sum up
                break
        else:
            code = app.group(given) or code
    return code


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", type=Path, metavar="DIR", help="where it goes; it must not exist yet")


def _list(what: str, details: str) -> Command:
    def define(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", metavar="NAME", help=f"one of them: {details}")

    def run(arguments: argparse.Namespace) -> int:
        if arguments.name is None:
            return app.list_known(what, options.weights())
        print(catalogue.show(what, arguments.name, options.weights()))
        return 0

    return Command(
        name=what,
        summary=f"list the {what}, and what is missing to use them here; NAME: {details}",
        define=define,
        run=run,
    )


COMMANDS = {
    command.name: command
    for command in (
        Command(
            name="demo",
            summary="write a small synthetic dataset, evaluate it, say where the report is",
            define=_demo,
            run=lambda a: app.demo(a.dir.absolute(), run=evaluate),
        ),
        _list("methods", "its parameters, their units and defaults, what to cite"),
        _list("labellings", "its parameters and what to cite"),
        _list("protocols", "its TOML, to start from"),
    )
}


def overview() -> str:
    """The table in words, for the end of the main command's help."""
    lines = (f"  lumirage {c.name} {c.usage}".ljust(33) + c.summary for c in COMMANDS.values())
    return "\n".join(["other commands (each has --help):", *lines, "", options.EXIT_CODES])
