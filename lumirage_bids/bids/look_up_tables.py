"""Look-up tables of label maps: index to name, as BIDS has them and as programs write them."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from lumirage_bids.base.annex import in_place_of_file
from lumirage_bids.base.errors import BadDataError, InputOutputError, MissingInputError
from lumirage_bids.bids.found_maps import names_in
from lumirage_bids.bids.names import parse_name
from lumirage_bids.bids.scans import File

EMPTY = frozenset({"", "n/a", "na", "nan"})
"""What stands in an empty cell, lower case."""
FREESURFER = "FreeSurferColorLUT.txt"
"""Name of FreeSurfer's own table, which goes with any map beside or below it that has no nearer one."""
FREESURFER_ROW = re.compile(r"\s*([0-9]{1,9})\s+(\S+)((\s+[0-9]{1,3}){3,4})\s*(#.*)?", re.ASCII)
"""A row of it: index, name, red, green, blue and alpha."""


def find_lut(file: File, labelling: str) -> Path | None:
    """Find a label map's look-up table by BIDS inheritance.

    Parameters
    ----------
    file : File
        The label map.
    labelling : str
        Stands in for a ``seg-`` that the file name lacks.

    Returns
    -------
    Path or None
        The table (``.tsv``, or ``.txt`` as FreeSurfer has them) nearest to the map, from its folder up to the dataset's
        root, whose suffix is the map's or ``dseg`` and whose entities the map all has; within a folder the one with
        most entities, then the TSV; ``FreeSurferColorLUT.txt`` where a folder has no such table.
    """
    entities, suffix = parse_name(file.path.name) or ({}, "dseg")
    entities = {"seg": labelling, **entities}
    folder = file.path.parent
    while True:
        found = []
        for name in names_in(folder):
            names = parse_name(name) if name.endswith((".tsv", ".txt")) else None
            if name == FREESURFER:
                found.append((-1, False, name))
            elif names and names[1] in {suffix, "dseg"} and names[0].items() <= entities.items():
                found.append((len(names[0]), name.endswith(".tsv"), name))
        if found:
            return folder / max(found)[-1]
        if folder in (file.dataset, folder.parent):
            return None
        folder = folder.parent


def read_lut(path: Path) -> dict[int, str]:
    """Read the names of a labelling's structures.

    Parameters
    ----------
    path : Path
        Table with columns ``index`` and ``name`` in any case, others are ignored; tab-separated, or by commas or
        semicolons. Cells may be quoted. Rows without an index or a name are passed over. Or one as FreeSurfer has
        them, whatever its name ends in: rows of index, name, red, green, blue and alpha, comments after ``#``.

    Returns
    -------
    dict
        Index → name in the file's order, without background (index 0).

    Raises
    ------
    MissingInputError
        The file does not exist, or its content has not been fetched.
    BadDataError
        A column is missing or there twice with other cells, or an index is not a whole number from 0 or has two names;
        names the line.
    InputOutputError
        The file system failed.
    """
    try:
        if other := in_place_of_file(path):
            raise BadDataError(f"Look-up table {path} cannot be read: it is {other}.")
        text = decode(path.read_bytes())
    except FileNotFoundError:
        raise MissingInputError(f"There is no look-up table {path}, or its content has not been fetched.") from None
    except NotADirectoryError as error:
        raise BadDataError(f"Look-up table {path} cannot be read: {error.strerror}.") from None
    except OSError as error:
        raise InputOutputError(f"Look-up table {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadDataError(f"Look-up table {path}, line {line}: not UTF-8 text. Save it as UTF-8.") from None
    ends = re.sub("\r\n?", "\n", text)  # of Windows, and of old Macs and some of their spreadsheets
    lines = [(number, line) for number, line in enumerate(ends.split("\n"), 1) if line.strip()]
    bare = [line for line in lines if not line[1].lstrip().startswith("#")]
    if bare and FREESURFER_ROW.fullmatch(bare[0][1]):
        return _structures(path, ["index", "name"], _freesurfer_rows(path, bare))
    first = lines[0][1] if lines else ""
    delimiter = next((character for character in "\t,;" if character in first), "\t")
    rows = [(number, _cells(line, delimiter, f"Look-up table {path}, line {number}")) for number, line in lines]
    header = [cell.lower() for cell in rows[0][1]] if rows else []
    if not {"index", "name"} <= set(header):
        raise BadDataError(
            f"Look-up table {path}, line 1: columns {header}; 'index' and 'name' are needed, separated by tabs, "
            "commas or semicolons."
        )
    return _structures(path, header, rows[1:])


def _freesurfer_rows(path: Path, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """Index and name of the rows of a table as FreeSurfer has them."""
    for number, line in lines:
        if not (match := FREESURFER_ROW.fullmatch(line)):
            raise BadDataError(
                f"Look-up table {path}, line {number}: {line.strip()!r:.60} is not a row of index, name, red, green, "
                "blue "
                "and alpha, as those before it are."
            )
        yield number, [match[1], match[2]]


def decode(content: bytes) -> str:
    """Text of a table in UTF-8 or, with a byte order mark, UTF-16.

    Raises
    ------
    UnicodeDecodeError
        It is neither.
    """
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8-sig")


def _cells(line: str, delimiter: str, where: str) -> list[str]:
    """Cells of a line, without blanks and quotes around them."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
    except csv.Error as error:
        raise BadDataError(f"{where}: {error}.") from None


def _structures(path: Path, header: list[str], rows: Iterable[tuple[int, list[str]]]) -> dict[int, str]:
    seen: dict[int, str] = {}
    for number, cells in rows:
        where = f"Look-up table {path}, line {number}"
        row = dict(zip(header, cells, strict=False))
        for column in ("index", "name"):
            told = {cell for head, cell in zip(header, cells, strict=False) if head == column}
            if len(told) > 1:
                there = " and ".join(map(repr, sorted(told)))
                raise BadDataError(f"{where}: several columns are called {column!r}, here with {there}. Keep one.")
        if not {"index", "name"} <= row.keys():
            raise BadDataError(f"{where}: {len(cells)} cell(s), so that index or name is not among them.")
        index, name = row["index"], row["name"]
        if index.lower() in EMPTY or name.lower() in EMPTY:
            continue
        # pandas writes 1.0 where another row has no index.
        if not (match := re.fullmatch(r"([0-9]{1,9})(\.0*)?", index, re.ASCII)):
            raise BadDataError(f"{where}: index {index!r:.40} is not a whole number from 0 to 999999999.")
        if seen.get(found := int(match[1]), name) != name:
            raise BadDataError(f"{where}: index {index} occurs twice ({seen[found]!r} and {name!r}). Keep one.")
        seen[found] = name
    seen.pop(0, None)
    if not seen:
        raise BadDataError(f"Look-up table {path} names no structure besides background.")
    return seen


def is_mixed(structures: Mapping[int, str]) -> bool:
    """Whether a table has names and also stopgaps (``label N``)."""
    return len({name == f"label {i}" for i, name in structures.items()}) > 1


def only_named(structures: Mapping[int, str]) -> dict[int, str]:
    """The structures that have names; all where none has one."""
    only = {i: name for i, name in structures.items() if name != f"label {i}"}
    return only or dict(structures)
