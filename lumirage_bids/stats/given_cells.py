"""The cells of a table that somebody else made, as text, by the line that they stand in: a file's or a data frame's."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError

MISSING = ("", "n/a", "N/A", "na", "NA", "nan", "NaN", "NAN", "null", "None")


def read_cells(given: Path | pd.DataFrame) -> tuple[Path, pd.DataFrame]:
    """Read a TSV or CSV, or write the values of a data frame as they would stand in one.

    Returns
    -------
    file : Path
        What to call it in messages.
    cells : DataFrame
        Texts, NaN where there is none; the index has the lines.

    Raises
    ------
    MissingInputError
        There is no such file.
    UsageError
        It is a folder.
    BadDataError
        It is no table; the message says where and why.
    """
    return (given, _read(given)) if isinstance(given, Path) else (Path("the table"), _write_as_text(given))


def _read(file: Path) -> pd.DataFrame:
    """Cells as text, by the line of the file that they stand in."""
    header, cells = _parse(file, _read_text(file))
    _refuse_double(str(file), header)
    table = pd.DataFrame.from_dict(cells, orient="index", columns=header, dtype=object)
    if table.empty:
        raise BadDataError(f"{file} has a header and no rows. Give a row for each method and pair.")
    return table.mask(table.isin(MISSING))


def _read_text(file: Path) -> str:
    if not file.exists():
        raise MissingInputError(f"No table {file}. Give a TSV or CSV with columns method, moving, fixed and a score.")
    if file.is_dir():
        raise UsageError(f"{file} is a folder. Give a table, such as {file / 'group' / 'pairs.tsv'} of an output.")
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDataError(
            f"{file} is not UTF-8 text (byte {error.start}). Save it as a TSV or CSV in UTF-8."
        ) from None


def _parse(file: Path, text: str) -> tuple[list[str], dict[int, list[str]]]:
    """Names of the columns, and the cells of each line that has any."""
    lines = text.split("\n", 2)
    excel = re.fullmatch(r"sep=(.)\r?", lines[0])  # Excel's own first line
    first = lines[1] if excel and len(lines) > 1 else lines[0]
    if not first.strip():
        raise BadDataError(f"{file} has no header line. It must name the columns: method, moving, fixed and a score.")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=excel[1] if excel else _guess_delimiter(first))
    if excel:
        next(reader)
    header = [name.strip() for name in next(reader)]
    cells: dict[int, list[str]] = {}
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise BadDataError(
                f"{file}, line {reader.line_num}: {len(row)} cells, the header has {len(header)}. Each line needs a "
                "cell for each column; one that holds the separator stands in quotes."
            )
        cells[reader.line_num] = [cell.strip() for cell in row]
    return header, cells


def _guess_delimiter(header: str) -> str:
    return "\t" if "\t" in header else ";" if header.count(";") > header.count(",") else ","


def _write_as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Cells of a table at hand as they would stand in a file, whose first row is line 2."""
    text = table.astype(object).map(str)
    text.index, text.columns = pd.RangeIndex(2, len(table) + 2), text.columns.map(str)
    _refuse_double("The table", list(text.columns))
    if text.empty:
        raise BadDataError("The table has no rows. Give a row for each method and pair.")
    return text.mask(text.isin(MISSING))


def _refuse_double(what: str, header: Sequence[str]) -> None:
    if double := sorted({name for name in header if header.count(name) > 1}):
        raise BadDataError(f"{what} has two columns of one name: {', '.join(double)}. Give each a name of its own.")
