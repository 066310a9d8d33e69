"""Fields of a challenge's submission: ``disp_FIXED_MOVING`` files in a folder or a zip."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from lumirage_bids.base.errors import BadDataError, MissingInputError

NAME = re.compile(r"disp_([^_]+)_([^_]+)\.(nii\.gz|nii|npz)")


class Ends(NamedTuple):
    """Labels of the fixed and the moving subject; numbers without zeros before them."""

    fixed: str
    moving: str


def ends(fixed: str, moving: str) -> Ends:
    """Labels as names are compared.

    Examples
    --------
    >>> ends("0012", "A03")
    Ends(fixed='12', moving='A03')
    """
    return Ends(*(label.lstrip("0") or "0" if label.isdigit() else label for label in (fixed, moving)))


def fields(submission: Path) -> Mapping[Ends, str]:
    """Fields by the subjects that they are of: paths below the folder, or within the zip.

    Raises
    ------
    MissingInputError, BadDataError
        It is not there, is neither folder nor zip, or has two fields of one pair.
    """
    try:
        stamp = submission.stat().st_mtime_ns
    except OSError as error:
        raise MissingInputError(f"There is no submission {submission} ({error.strerror}).") from error
    return _fields(submission, stamp)


@lru_cache(maxsize=4)
def _fields(submission: Path, stamp: int) -> Mapping[Ends, str]:
    if submission.is_dir():
        names = sorted(file.relative_to(submission).as_posix() for file in submission.rglob("disp_*"))
    elif zipfile.is_zipfile(submission):
        with zipfile.ZipFile(submission) as archive:
            names = sorted(archive.namelist())
    else:
        raise BadDataError(f"{submission} is neither a folder nor a zip. Give the submission as it was handed in.")
    found: dict[Ends, str] = {}
    for name in names:
        parts = Path(name).parts
        if "__MACOSX" in parts or not (known := NAME.fullmatch(parts[-1] if parts else "")):
            continue
        pair = ends(known[1], known[2])
        if pair in found:
            raise BadDataError(
                f"{submission} has two fields of fixed {pair.fixed} and moving {pair.moving}: {found[pair]} and "
                f"{name}. Give the folder that holds one of them."
            )
        found[pair] = name
    return found


def unpack(submission: Path, name: str, folder: Path) -> Path:
    """A field as a file, taken out of a zip into a folder.

    Raises
    ------
    BadDataError
        The zip is damaged.
    """
    target = folder / Path(name).name
    try:
        with zipfile.ZipFile(submission) as archive:
            target.write_bytes(archive.read(name))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadDataError(f"{submission}: {name} cannot be taken out of it ({error}). Unzip it by hand.") from error
    return target
