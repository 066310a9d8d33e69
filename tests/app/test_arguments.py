"""The help of the main command: what people need first comes first."""

from __future__ import annotations

import re

from lumirage_bids.app.arguments import parser


def test_the_options_that_most_runs_need_come_first() -> None:
    told = parser().format_help()
    offered = re.findall(r"^  (?:-\w \w+, )?(--[a-z-]+)", told, re.MULTILINE)
    assert offered[:5] == ["--derivatives", "--labellings", "--methods", "--max-pairs", "--dry-run"]


def test_every_option_is_in_a_group_and_explained() -> None:
    made = parser()
    titles = [group.title for group in made._action_groups if group._group_actions]
    assert titles[:2] == ["required", "options that most runs need"]
    assert "options" not in titles
    for action in made._actions:
        assert action.help, action.option_strings


def test_no_option_is_lost_where_a_run_is_done_again() -> None:
    once, again = ({name for a in parser(again=way)._actions for name in a.option_strings} for way in (False, True))
    assert once == again >= {"-h", "--help", "--version", "-v", "-w", "-d"}
