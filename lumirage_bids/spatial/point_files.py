"""Points in files: tables, and the markups of 3D Slicer. Whatever the file holds, points here are RAS+, mm."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lumirage_bids.base.annex import in_place_of_file
from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.spatial.points import PointSet

EXTENSIONS = (".fcsv", ".mrk.json", ".json", ".tsv", ".csv")
"""Endings of the names of files that hold points."""
# What Slicer writes where a header does not say otherwise; it reads by place.
_FCSV_COLUMNS = ("id", "x", "y", "z", "ow", "ox", "oy", "oz", "vis", "sel", "lock", "label", "desc", "associatedNodeID")
_SYSTEMS = {"0": "RAS", "RAS": "RAS", "1": "LPS", "LPS": "LPS"}
_SIGNS = {"RAS": (1.0, 1.0, 1.0), "LPS": (-1.0, -1.0, 1.0)}
_AXES = {("x", "y", "z"): "RAS", ("r", "a", "s"): "RAS", ("l", "p", "s"): "LPS"}
# Slicer 5 writes two cells after those of the header: whether a point is placed (undefined, preview, defined, missing),
# and whether it was made by itself (discourse.slicer.org/t/32318).
_STATUS, _PLACED, _FLAGS = ("0", "1", "2", "3"), "2", ("0", "1")
_SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A row of a file: a name, what it is, where it is (as written), and the file's coordinate system."""

    name: str
    description: str
    position: tuple[object, ...]
    system: str


def read_points(path: Path | str) -> PointSet:
    """Read points.

    Parameters
    ----------
    path : Path
        By its ending: a Slicer list (``.fcsv``, of Slicer 4.6 and newer; Slicer's ``label`` names a point, its
        ``desc`` describes it), Slicer markups (``.json``, ``.mrk.json``), or a table (``.tsv``, ``.csv``) with a
        column ``name`` or ``label`` and the coordinates, whose names say how they are meant: ``x, y, z`` and
        ``r, a, s`` are RAS+, ``l, p, s`` are LPS+; mm. Points that the file says were not placed are left out.

    Raises
    ------
    MissingInputError
        The file cannot be read.
    BadDataError
        It is no such file, does not say its coordinate system, puts a name at two places, has a row with more cells
        than columns, or a coordinate is not a finite number.
    """
    path = Path(path)
    if other := in_place_of_file(path):
        raise BadDataError(f"Landmarks {path} cannot be read: it is {other}, not a file.")
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise MissingInputError(f"Landmarks {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise BadDataError(f"Landmarks {path} are no UTF-8 text: {error}.") from None
    try:
        return _points(list(_reader(path)(text)))
    except (ValueError, csv.Error, RecursionError) as error:
        raise BadDataError(f"Landmarks {path}: {error}") from None


def format_points(points: PointSet, path: Path) -> str:
    """Text of a file of points, RAS+, in the format that the name's ending says; see `read_points`.

    A ``.fcsv`` says so as ``CoordinateSystem = 0``, since Slicer before 4.11 takes ``LPS`` for RAS.

    Raises
    ------
    UsageError
        The name ends otherwise.
    """
    check_extension(path)
    if path.suffix == ".fcsv":
        return _fcsv(points)
    if path.suffix == ".json":
        return _json(points)
    return _table(points, "," if path.suffix == ".csv" else "\t")


def check_extension(path: Path) -> None:
    """Refuse a name that does not say a format.

    Raises
    ------
    UsageError
        It ends with none of `EXTENSIONS`.
    """
    if not path.name.endswith(EXTENSIONS):
        raise UsageError(f"{path} is no file of points: its name must end with one of {', '.join(EXTENSIONS)}.")


def _reader(path: Path) -> Callable[[str], Iterator[_Row]]:
    if path.suffix == ".fcsv":
        return _read_fcsv
    if path.suffix == ".json":
        return _read_json
    return lambda text: _read_table(text, "," if path.suffix == ".csv" else "\t")


def _points(rows: Sequence[_Row]) -> PointSet:
    """Check what was read, and turn it into RAS+; a point that is there twice at one place is one point."""
    found: dict[str, tuple[str, tuple[float, ...]]] = {}
    for row in rows:
        name = " ".join(row.name.split())
        place = _place(name, row)
        if name in found and found[name][1] != place:
            raise ValueError(f"{name!r:.40} is there twice, at two places. Give each point a name of its own.")
        found.setdefault(name, (" ".join(row.description.split()), place))
    return PointSet(
        names=tuple(found),
        descriptions=tuple(text for text, _ in found.values()),
        coordinates=np.array([place for _, place in found.values()], dtype=np.float64).reshape(-1, 3),
    )


def _place(name: str, row: _Row) -> tuple[float, ...]:
    if not name:
        raise ValueError("a point has no name. Give each one a label.")
    try:
        values = [float(str(value)) for value in row.position]
    except ValueError:
        values = []
    if len(values) != 3 or not np.isfinite(values).all():
        raise ValueError(f"a coordinate of {name!r:.40} is not a finite number. Correct or drop it.")
    return tuple(sign * value for sign, value in zip(_SIGNS[row.system], values, strict=True))


def _system(said: object) -> str:
    if str(said).strip() not in _SYSTEMS:
        raise ValueError(f"CoordinateSystem = {said!s:.20}, which must be RAS (0) or LPS (1).")
    return _SYSTEMS[str(said).strip()]


def _read_fcsv(text: str) -> Iterator[_Row]:
    header: dict[str, str] = {}
    rows = []
    for line in text.splitlines():
        if line.startswith("#"):
            key, _, value = line.lstrip("# ").partition("=")
            header[key.strip()] = value.strip()
        elif line.strip():
            rows.append(line)
    if "CoordinateSystem" not in header:
        raise ValueError(
            "no line '# CoordinateSystem = …', so that nobody knows whether it is RAS or LPS. Slicer 4.6 and newer "
            "write it: load and save the list there."
        )
    system = _system(header["CoordinateSystem"])
    columns = [name.strip() for name in header["columns"].split(",")] if "columns" in header else list(_FCSV_COLUMNS)
    if lacking := [name for name in ("x", "y", "z") if name not in columns]:
        raise ValueError(f"no column {', '.join(lacking)}.")
    for cells in csv.reader(rows):
        row, more = dict(zip(columns, cells, strict=False)), cells[len(columns) :]
        if len(more) == 2 and more[0] in _STATUS and more[1] in _FLAGS:
            if more[0] != _PLACED:
                continue
        elif more:
            raise ValueError(_too_long(cells, columns))
        name = row.get("label") or row.get("desc") or row.get("id", "")
        place = tuple(row.get(axis, "") for axis in ("x", "y", "z"))
        yield _Row(name=name, description=row.get("desc", ""), position=place, system=system)


def _read_json(text: str) -> Iterator[_Row]:
    content = json.loads(text)
    markups = content.get("markups") if isinstance(content, dict) else None
    if not isinstance(markups, list) or not all(isinstance(markup, dict) for markup in markups):
        raise ValueError("no list 'markups': it is not a markups file of Slicer.")
    for markup in markups:
        system = _system(markup.get("coordinateSystem", "LPS"))  # Slicer's schema has this default
        unit = markup.get("coordinateUnits", "mm")
        if (unit[0] if isinstance(unit, list) and unit else unit) != "mm":
            raise ValueError(f"coordinateUnits is {unit!r:.40}, which must be mm.")
        points = markup.get("controlPoints", [])
        if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
            raise ValueError("controlPoints is no list of points.")
        for point in points:
            if point.get("positionStatus", "defined") != "defined":
                continue  # named, and not placed yet
            name, description, own = (
                "" if (said := point.get(key)) is None else str(said) for key in ("label", "description", "id")
            )
            place = point.get("position")
            yield _Row(
                name=name or description or own,
                description=description,
                position=tuple(place) if isinstance(place, list) else (),
                system=system,
            )


def _read_table(text: str, separator: str) -> Iterator[_Row]:
    reader = csv.DictReader(io.StringIO(text), delimiter=separator)
    columns = list(reader.fieldnames or ())
    name = next((column for column in ("name", "label") if column in columns), None)
    axes = next((axes for axes in _AXES if set(axes) <= set(columns)), None)
    if name is None or axes is None:
        least = ["name" if name is None else "", *(c for c in "xyz" if axes is None and c not in columns)]
        raise ValueError(
            f"no column {', '.join(filter(None, least))}. Needed are name and x, y, z (RAS+, mm), or r, a, s, or "
            "l, p, s (LPS+)."
        )
    if axes == ("x", "y", "z") and "t" in columns:
        raise ValueError(
            "columns x, y, z, t, as antsApplyTransformsToPoints has them, are LPS+, and x, y, z here RAS+: rename them "
            "to l, p, s if they are LPS+, else to r, a, s."
        )
    read = {name, *axes, "defined", "description", "desc"}
    if twice := [column for column, n in Counter(columns).items() if n > 1 and column in read]:
        raise ValueError(f"column {', '.join(twice)} is there twice. Drop one.")
    for row in reader:
        if None in row:
            raise ValueError(_too_long([*(row[column] for column in columns), *row[None]], columns))
        placed = str(row.get("defined", "1")).strip()
        if placed not in _FLAGS:
            raise ValueError(
                f"defined is {placed!r:.20} of {row[name]!r:.40}, which must be 1, or 0 if it was not placed."
            )
        if placed == "0":
            continue
        yield _Row(
            name=row[name] or "",
            description=row.get("description") or row.get("desc") or "",
            position=tuple(row[axis] for axis in axes),
            system=_AXES[axes],
        )


def _too_long(cells: Sequence[str], columns: Sequence[str]) -> str:
    """Complain of a row whose values may each stand in another's column."""
    return (
        f"the row {','.join(cells)!r:.60} has {len(cells)} cells for {len(columns)} columns. Write decimals with a "
        "point, and text that holds the separator in quotation marks."
    )


def _numbers(points: PointSet) -> Iterator[tuple[str, str, list[str]]]:
    rows = zip(points.names, points.descriptions, points.coordinates.tolist(), strict=True)
    return ((name, text, [f"{value:.6f}" for value in place]) for name, text, place in rows)


def _rows(rows: Iterable[Sequence[str]], separator: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _fcsv(points: PointSet) -> str:
    head = ("# Markups fiducial file version = 4.6", "# CoordinateSystem = 0", f"# columns = {','.join(_FCSV_COLUMNS)}")
    flags = ("0", "0", "0", "1", "1", "1", "0")
    rows = ((str(i), *place, *flags, name, text, "") for i, (name, text, place) in enumerate(_numbers(points), 1))
    return "\n".join(head) + "\n" + _rows(rows, ",")


def _json(points: PointSet) -> str:
    listed: list[Mapping[str, Any]] = [
        {
            "id": str(i),
            "label": name,
            "description": text,
            "position": [float(value) for value in place],
            "positionStatus": "defined",
        }
        for i, (name, text, place) in enumerate(_numbers(points), 1)
    ]
    markup = {"type": "Fiducial", "coordinateSystem": "RAS", "coordinateUnits": "mm", "controlPoints": listed}
    return json.dumps({"@schema": _SCHEMA, "markups": [markup]}, indent=1, ensure_ascii=False) + "\n"


def _table(points: PointSet, separator: str) -> str:
    rows = ([name, *place, text] for name, text, place in _numbers(points))
    return _rows([["name", "x", "y", "z", "description"], *rows], separator)
