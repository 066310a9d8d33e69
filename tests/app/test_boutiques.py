"""The Boutiques descriptor says what the command line is."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from lumirage_bids.app.arguments import parser
from lumirage_bids.app.boutiques import descriptor
from lumirage_bids.app.options import settings

REPOSITORY = Path(__file__).parents[2]


def test_the_file_is_what_the_parser_says() -> None:
    """To make it again: python -m lumirage_bids.app.boutiques > boutiques.json."""
    assert json.loads((REPOSITORY / "boutiques.json").read_text("utf-8")) == descriptor()


def test_every_option_is_an_input_of_its_own() -> None:
    inputs = descriptor()["inputs"]
    assert len({each["id"] for each in inputs}) == len(inputs)
    flags = {each.get("command-line-flag") for each in inputs}
    spelt = [set(action.option_strings) for action in parser()._actions if action.option_strings]
    assert all(names & flags or names & {"--help", "--version"} for names in spelt)


def test_a_command_line_filled_in_is_understood() -> None:
    line = descriptor()["command-line"]
    filled = {
        "bids_dir": "/bids", "out_dir": "/out", "level": "participant group", "methods": "--methods greedy syn",
        "max_pairs": "--max-pairs 3", "sloppy": "--sloppy", "mem": "--mem 1",
    }  # fmt: skip
    for each in descriptor()["inputs"]:
        line = line.replace(each["value-key"], filled.get(each["id"], ""))
    made = settings(shlex.split(line)[1:])
    assert [one.level for one in made] == ["participant", "group"]
    assert (made[0].methods, made[0].max_pairs, made[0].sloppy, made[0].mem) == (("greedy", "syn"), 3, True, 1.0)
