"""A record of an earlier run, ``config/RUN.toml``, as the options that it was given."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from lumirage_bids.base import extensions
from lumirage_bids.base.errors import LumirageError, MissingInputError, UsageError
from lumirage_bids.experiment import protocol
from lumirage_bids.experiment.settings import Settings

NOT_AGAIN = frozenset(
    {
        *("command", "weights", "notes", "warnings", "dry_run", "print_needed_files", "print_work"),
        *("reports_only", "redo", "only", "extension"),
    }
)
"""What belongs to a call, not to what was run; what ``--only`` named is recorded for both sides too."""


def defaults(file: Path, *, with_protocol: bool) -> dict[str, Any]:
    """Options of the main command as a record has them, by the names that argparse gives them.

    Parameters
    ----------
    file : Path
        ``OUT_DIR/config/RUN.toml``.
    with_protocol : bool
        Whether its protocol is wanted too, not another one.

    Raises
    ------
    MissingInputError
        There is no such file.
    UsageError
        It is no record, or its protocol is not what it was.
    """
    try:
        record = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise MissingInputError(f"--config-file {file}: no such file. Give one of OUT_DIR/config/.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"--config-file {file} cannot be read: {error}. Give one of OUT_DIR/config/.") from None
    given = record.get("settings")
    if not isinstance(given, dict) or not {"bids_dir", "out_dir", "level"} <= given.keys():
        raise UsageError(
            f"--config-file {file} is not the record of a run: it has no [settings]. Give one of OUT_DIR/config/."
        )
    if lacking := [name for name in given.get("extension", []) if Path(name) not in extensions.files()]:
        raise UsageError(
            f"--config-file {file}: that run had --extension {' --extension '.join(lacking)}, which is code and is not "
            "run because a record says so. Give it too."
        )
    if with_protocol:
        _check_protocol(file, str(given.get("protocol", "default")), record.get("protocol"))
    kinds = {field.name: str(field.type) for field in fields(Settings) if field.name not in NOT_AGAIN}
    found = {key: _spell_as_given(file, key, value, kinds[key]) for key, value in given.items() if key in kinds}
    levels = found.pop("levels", None)  # versions before 0.2.0 noted the level alone that the record is of
    return {**found, "level": levels} if levels else found


def _spell_as_given(file: Path, key: str, value: object, kind: str) -> object:
    """A value of the record as argparse would have it."""
    if key == "level" and isinstance(value, str):
        return [value]
    if key == "derivatives" and isinstance(value, dict):
        return [f"{name}={path}" for name, path in value.items()]
    fits = {
        "tuple[str, ...]": isinstance(value, list) and all(isinstance(one, str) for one in value),
        "bool": isinstance(value, bool),
        "int": isinstance(value, int),
        "float": isinstance(value, int | float),
        "str": isinstance(value, str),
        "Path": isinstance(value, str),
    }
    word = kind.removesuffix(" | None")
    if not fits.get(word, False):
        raise UsageError(f"--config-file {file}: {key} = {value!r:.80} is not what a record has there.")
    return Path(str(value)) if word == "Path" else value


def _check_protocol(file: Path, name: str, recorded: object) -> None:
    """Refuse a protocol that has changed since."""
    text = recorded.get("text") if isinstance(recorded, dict) else None
    try:
        now = protocol.load(name).text
    except LumirageError as error:
        raise UsageError(
            f"--config-file {file}: its protocol cannot be read any more: {error} Its text is in the record, under "
            "[protocol]: save it as a file and give that as --protocol."
        ) from None
    if text != now:
        raise UsageError(
            f"--config-file {file}: protocol {name} has changed since. For what it was, save the record's text, under "
            f"[protocol], as a file and give that as --protocol; for what it is now, give --protocol {name}."
        )
