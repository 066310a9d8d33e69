"""Checks of folders and files before anything is written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lumirage_bids import __version__
from lumirage_bids.base.errors import CannotWriteError, MissingInputError, UsageError
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import release
from lumirage_bids.output.root import DESCRIPTION, read_own_description

LONGEST_TEMPORARY = 70
"""Bytes that the path of a folder may have with room for a socket: 108, less what multiprocessing adds."""


def check_folders(settings: Settings) -> None:
    """Refuse output, work and index folders that would harm the dataset or another program's output.

    Raises
    ------
    UsageError
        A folder is the dataset, lies in its raw tree or holds it; or OUT_DIR holds something else's derivatives.
    CannotWriteError
        A folder cannot be written; a dry run asks `check_writable` later, when it has said what would be done.
    """
    for what, folder in _folders_by_name(settings).items():
        _check_outside_raw_tree(what, folder, settings.bids_dir)
    if not settings.dry_run:
        check_writable(settings)
    out = settings.output
    about = out / DESCRIPTION
    if about.exists() and not _is_ours(out):
        raise UsageError(
            f"OUT_DIR {out} holds another dataset ({about.name} is not LUMirage's). Give a folder of its own."
        )
    _check_not_newer(out)
    if not about.exists() and (other := next(settings.out_dir.glob("sub-*"), None)):
        raise UsageError(
            f"OUT_DIR {out} holds something else's output ({other.name}, but no {about.name} of LUMirage's). Give a "
            "folder of its own."
        )


def _folders_by_name(settings: Settings) -> dict[str, Path]:
    """Folders that a run writes to, by what they are called in messages."""
    others = {"--work-dir": settings.work_dir, "--bids-database-dir": settings.bids_database_dir}
    return {"OUT_DIR": settings.out_dir, **{what: folder for what, folder in others.items() if folder is not None}}


def check_writable(settings: Settings) -> None:
    """Refuse output, work and index folders that cannot be written; nothing stays there.

    Raises
    ------
    CannotWriteError
        A folder cannot be written.
    """
    for what, folder in _folders_by_name(settings).items():
        check_folder_writable(what, folder)


def _check_not_newer(output: Output) -> None:
    """Refuse the output of a newer version, whose tables this one may not understand."""
    made_with = read_version(output)
    if release(made_with) > release(__version__):
        raise UsageError(
            f"OUT_DIR {output} was made by LUMirage {made_with}, this is {__version__}. Use that version or a "
            "newer one, or give another output folder."
        )


def read_version(output: Output) -> str:
    """Version of this program that wrote the output folder last; empty where it does not say."""
    made_by = read_own_description(output).get("GeneratedBy")
    ours = (
        [g for g in made_by if isinstance(g, dict) and g.get("Name") == "LUMirage"] if isinstance(made_by, list) else []
    )
    return str(ours[0].get("Version", "")) if ours else ""


def _check_outside_raw_tree(what: str, folder: Path, bids_dir: Path) -> None:
    """Refuse a folder that is the dataset or in its raw tree; and an output folder around it."""
    # Not Path.resolve, which raises where links form a circle.
    bids, real = (Path(os.path.realpath(path)) for path in (bids_dir, folder))
    in_derivatives = len(real.parts) > len(bids.parts) + 1 and real.is_relative_to(bids / "derivatives")
    # Work and index folders may be /tmp: what is written there is in folders of their own.
    holds = what == "OUT_DIR" and bids.is_relative_to(real)
    if real == bids or (real.is_relative_to(bids) and not in_derivatives) or holds:
        raise UsageError(
            f"{what} {real} must not be the dataset {bids}, lie in its raw tree or hold it. Give a folder elsewhere "
            f"or one like {bids / 'derivatives' / 'lumirage'}."
        )


def temporary_folder() -> str:
    """The folder for temporary files.

    Raises
    ------
    CannotWriteError
        There is none that can be written.
    """
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError as error:
        raise CannotWriteError(
            f"Temporary files cannot be written: {error.strerror}. Set TMPDIR to a folder that can be written; a "
            "container with a read-only root needs one: docker run --tmpfs /tmp."
        ) from None
    if len(os.fsencode(folder)) > LONGEST_TEMPORARY:
        raise CannotWriteError(
            f"The folder for temporary files, {folder}, has a path of {len(os.fsencode(folder))} bytes; processes talk "
            f"through sockets in it, whose paths are short: {LONGEST_TEMPORARY} at most. Set TMPDIR to another one."
        )
    return folder


def check_folder_writable(what: str, folder: Path) -> None:
    """Refuse a folder that cannot be written; nothing stays there.

    Raises
    ------
    CannotWriteError
        It cannot be written, or is no folder.
    """
    temporary_folder()
    try:
        if folder.is_symlink() and not folder.exists():
            raise CannotWriteError(f"{what} {folder} is a link to nowhere. Give a folder.")
        existing = next(p for p in (folder, *folder.parents) if p.exists())
        if not existing.is_dir():
            raise CannotWriteError(f"{what} {folder}: {existing} is a file. Give a folder.")
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise CannotWriteError(
            f"{what} {folder} cannot be written: {error.strerror}. Check permissions, or give another folder."
        ) from None


def _is_ours(output: Output) -> bool:
    if not (output / DESCRIPTION).exists():
        return False
    about = read_own_description(output)
    made_by = about.get("GeneratedBy")
    ours = isinstance(made_by, list) and any(isinstance(g, dict) and g.get("Name") == "LUMirage" for g in made_by)
    # A machine that goes down may leave the file torn.
    return ours or (not about and (output / ".lumirage").is_dir())


def check_participant_output(output: Output) -> None:
    """Refuse a group run on a folder that no participant run has written.

    Raises
    ------
    MissingInputError
        OUT_DIR is not there or not ours.
    """
    if not _is_ours(output):
        raise MissingInputError(
            f"OUT_DIR {output} holds no output of 'lumirage BIDS_DIR OUT_DIR participant'. Run that first."
        )
    if not read_own_description(output):
        raise MissingInputError(f"{output / DESCRIPTION} is torn. Give the participant command again, which writes it.")
    _check_not_newer(output)
    check_folder_writable("OUT_DIR", output.root)
