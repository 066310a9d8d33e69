"""The command line as a Boutiques descriptor: ``python -m lumirage_bids.app.boutiques > boutiques.json``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from lumirage_bids import __version__
from lumirage_bids.app.arguments import LEVELS, parser
from lumirage_bids.app.values import positive_int
from lumirage_bids.base import errors

WITHOUT_VALUE = (argparse._StoreTrueAction, argparse._CountAction)
TOLD = (argparse._HelpAction, argparse._VersionAction)


def descriptor() -> dict[str, Any]:
    """Describe the main command as Boutiques' schema 0.5 has it."""
    inputs = [_input(action) for action in parser()._actions if not isinstance(action, TOLD)]
    kinds: list[Any] = [kind for kind in vars(errors).values() if "exit_code" in getattr(kind, "__dict__", {})]
    codes = {kind.exit_code: kind.__doc__.splitlines()[0] for kind in kinds}
    return {
        "name": "LUMirage",
        "description": "Evaluates deformable brain image registration on a BIDS dataset under identical conditions",
        "author": "The LUMirage developers",
        "tool-version": __version__,
        "schema-version": "0.5",
        "command-line": " ".join(["lumirage", *(each["value-key"] for each in inputs)]),
        "inputs": inputs,
        "output-files": [
            {
                "id": "results",
                "name": "Results",
                "description": "BIDS derivatives; the report is group/report.html",
                "path-template": "[OUT_DIR]",
            }
        ],
        "error-codes": [
            {"code": code, "description": text}
            for code, text in sorted({**codes, 1: "Some pairs failed; status.tsv says which and why."}.items())
        ],
        "tags": {"domain": ["neuroinformatics", "bids-app", "mri"]},
    }


def _input(action: argparse.Action) -> dict[str, Any]:
    """One option or positional."""
    long = next((name for name in action.option_strings if name.startswith("--")), action.dest)
    name = long.lstrip("-").replace("-", "_")
    made: dict[str, Any] = {
        "id": name,
        "name": name.replace("_", " "),
        "description": (action.help or "") % {**vars(action), "prog": "lumirage"},
        "value-key": f"[{name.upper()}]",
        "type": _type(action),
        "optional": bool(action.option_strings),
    }
    if action.option_strings:
        made["command-line-flag"] = long
    choices = LEVELS if action.dest == "level" else action.choices
    if choices:
        made["value-choices"] = list(choices)
    if action.nargs == "+":
        made["list"] = True
    if made["type"] == "Number":
        made["integer"] = action.type in (int, positive_int)
    return made


def _type(action: argparse.Action) -> str:
    if isinstance(action, WITHOUT_VALUE):
        return "Flag"
    if action.type in (int, positive_int):
        return "Number"
    # What a run makes itself need not be there: a path is a File for Boutiques only where it is read.
    return "File" if action.type is Path and action.dest in ("bids_dir", "use_plugin", "config_file") else "String"


if __name__ == "__main__":
    print(json.dumps(descriptor(), indent=2, ensure_ascii=False))
