"""Which subject each scan of somebody else's table is of: by its columns, else by the names of the scans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.stats.subject_names import AmbiguousError, subjects_in

SIDES = ("moving", "fixed")


def given_subjects(file: Path, table: pd.DataFrame, notes: list[str]) -> dict[str, pd.Series[str]]:
    """Subjects of each side's scans: as given, else by ``sub-…`` in their names, else the scans themselves.

    Parameters
    ----------
    file : Path
        For messages.
    table : DataFrame
        Columns moving and fixed, with or without subject_moving and subject_fixed.
    notes : list of str
        What is assumed is added to it.

    Raises
    ------
    BadDataError
        A column has a gap, a scan is of two subjects, or names may be read in two ways.
    """
    given = {side: table[f"subject_{side}"] for side in SIDES if f"subject_{side}" in table}
    for side, column in given.items():
        if column.isna().any():
            line = int(table.index[column.isna()][0])
            raise BadDataError(
                f"{file}, line {line}: column subject_{side} is empty. Fill it in, or leave the column out."
            )
    known = {scan: subject for side, of in given.items() for scan, subject in zip(table[side], of, strict=True)}
    sides = [side for side in SIDES if side not in given]
    unknown = list(dict.fromkeys(scan for side in sides for scan in table[side] if scan not in known))
    read = {**_read_subjects(file, unknown, notes), **known}
    found = {**given, **{side: table[side].map(read) for side in sides}}
    _check(file, table, found)
    notes += _find_contradiction(known)
    return found


def _read_subjects(file: Path, scans: Sequence[str], notes: list[str]) -> dict[str, str]:
    """Subject of each scan by its name; what was read is told where it is not as in BIDS."""
    try:
        read = subjects_in(scans)
    except AmbiguousError as error:
        raise BadDataError(
            f"{file}: by their names {error} may be of one subject or of two. Give columns subject_moving and "
            "subject_fixed."
        ) from None
    if read.unlike_bids:
        notes.append(
            f"Subjects are read from names that are not as in BIDS: {read.of[read.unlike_bids]} from "
            f"{read.unlike_bids}. If that is wrong, give columns subject_moving and subject_fixed."
        )
    if nameless := [scan for scan in scans if scan not in read.of]:
        notes.append(
            f"No sub-… in the name of {nameless[0]}: such a scan is taken for a subject of its own. If a subject has "
            "several, give columns subject_moving and subject_fixed."
        )
    return {scan: read.of.get(scan, scan) for scan in scans}


def _check(file: Path, table: pd.DataFrame, found: Mapping[str, pd.Series[str]]) -> None:
    """Refuse a scan of two subjects."""
    of = pd.concat([pd.DataFrame({"scan": table[side], "subject": found[side]}) for side in SIDES]).drop_duplicates()
    if (twice := of[of.duplicated("scan")]).size:
        scan = twice["scan"].iloc[0]
        subjects = " and ".join(of.loc[of["scan"] == scan, "subject"])
        raise BadDataError(f"{file}: scan {scan} belongs to {subjects}. A scan is of one subject; correct the columns.")


def _find_contradiction(known: Mapping[str, str]) -> list[str]:
    """Two scans of one subject by a column and of two by their names as in BIDS, or the other way round."""
    try:
        read = subjects_in(known)
    except AmbiguousError:
        return []
    if read.unlike_bids:
        return []
    for one, other, told in (
        (read.of, known, "one subject by their names, of two by the columns"),
        (known, read.of, "two subjects by their names, of one by the columns"),
    ):
        first: dict[str, str] = {}
        for scan in read.of:
            before = first.setdefault(one[scan], scan)
            if other[before] != other[scan]:
                return [
                    f"{before} and {scan} are of {told} subject_moving and subject_fixed: the columns take precedence."
                ]
    return []
