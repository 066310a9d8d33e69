"""Files of points: what 3D Slicer writes, tables, and what none of them may leave open."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.spatial.point_files import EXTENSIONS, format_points, read_points
from lumirage_bids.spatial.points import PointSet

HEAD = "# Markups fiducial file version = {}\n# CoordinateSystem = {}\n"
COLUMNS = "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
ROWS = (
    "vtkMRMLMarkupsFiducialNode_1,-0.5,20,3.25,0,0,0,1,1,1,0,1,AC,vtkMRMLScalarVolumeNode1\n"
    'vtkMRMLMarkupsFiducialNode_2,1,-5.5,0,0,0,0,1,1,1,0,2,"horn, left",\n'
)


def file(folder: Path, text: str, name: str = "points.fcsv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("version", "system", "sign"),
    [("4.6", "0", 1), ("4.10", "1", -1), ("4.11", "LPS", -1), ("5.2", "RAS", 1)],
)
def test_lists_of_every_slicer_say_ras_or_lps(tmp_path: Path, version: str, system: str, sign: int) -> None:
    found = read_points(file(tmp_path, HEAD.format(version, system) + COLUMNS + ROWS))
    assert found.names == ("1", "2")
    assert found.descriptions == ("AC", "horn, left")
    np.testing.assert_allclose(found.coordinates, [[sign * -0.5, sign * 20, 3.25], [sign, sign * -5.5, 0]])


def test_a_list_as_windows_writes_it_without_names_of_columns(tmp_path: Path) -> None:
    text = "\ufeff" + (HEAD.format("4.6", "0") + ROWS).replace("\n", "\r\n")
    assert read_points(file(tmp_path, text)).coordinates.tolist() == [[-0.5, 20, 3.25], [1, -5.5, 0]]


def test_a_point_that_is_there_twice_at_one_place_is_one_point(tmp_path: Path) -> None:
    """As in the list of Yerkes19 that its raters published."""
    last = ROWS.splitlines(keepends=True)[1]
    assert read_points(file(tmp_path, HEAD.format("4.6", "0") + COLUMNS + ROWS + last)).names == ("1", "2")
    moved = last.replace("-5.5", "5.5")
    with pytest.raises(BadDataError, match="'2' is there twice, at two places"):
        read_points(file(tmp_path, HEAD.format("4.6", "0") + COLUMNS + ROWS + moved))


def markups(**changes: object) -> dict[str, object]:
    points = [
        {"id": "1", "label": "AC", "description": "commissure", "position": [1.0, 2.0, 3.0]},
        {"id": "2", "label": "PC", "position": [4.0, 5.0, 6.0], "positionStatus": "defined"},
        {"id": "3", "label": "later", "position": [0.0, 0.0, 0.0], "positionStatus": "undefined"},
    ]
    return {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": points} | changes


NO_POINTS: tuple[object, ...] = (None, 7, {"label": "AC"}, ["AC", "PC"])


def place(position: object) -> dict[str, object]:
    return markups(controlPoints=[{"label": "AC", "position": position}])


@pytest.mark.parametrize(("name", "system", "sign"), [("a.json", "RAS", 1), ("a.mrk.json", "LPS", -1)])
def test_markups(tmp_path: Path, name: str, system: str, sign: int) -> None:
    path = file(tmp_path, json.dumps({"markups": [markups(coordinateSystem=system)]}), name)
    found = read_points(path)
    assert dict(zip(found.names, found.descriptions, strict=True)) == {"AC": "commissure", "PC": ""}
    np.testing.assert_allclose(found.coordinates, [[sign, sign * 2, 3], [sign * 4, sign * 5, 6]])


def test_columns_of_tables_say_the_coordinate_system(tmp_path: Path) -> None:
    for name, text in (
        ("a.tsv", "name\tx\ty\tz\nAC\t1\t2\t3\n"),
        ("a.csv", "label,r,a,s,defined,selected\nAC,1,2,3,1,1\n"),
        ("b.csv", "label,l,p,s,description\nAC,-1,-2,3,\n"),
    ):
        assert read_points(file(tmp_path, text, name)).coordinates.tolist() == [[1, 2, 3]]


def test_points_that_were_never_placed_are_none(tmp_path: Path) -> None:
    """Slicer writes 0, 0, 0 for them, in whatever format."""
    table = "label,l,p,s,defined,selected,visible,locked,description\nAC,1,2,3,1,1,1,0,\nPC,0,0,0,0,1,1,0,\n"
    rows = "".join(f"{n},{n},2,3,0,0,0,1,1,1,0,p{n},,,{n},0\n" for n in range(4))
    assert read_points(file(tmp_path, table, "a.csv")).names == ("AC",)
    assert read_points(file(tmp_path, HEAD.format("5.2", "LPS") + COLUMNS + rows)).names == ("p2",)


def test_a_label_may_be_a_number(tmp_path: Path) -> None:
    points = [{"label": n, "description": "d", "position": [n, 0, 0]} for n in (0, 1)]
    path = file(tmp_path, json.dumps({"markups": [markups(controlPoints=points)]}), "a.json")
    assert read_points(path).names == ("0", "1")


@pytest.mark.parametrize("ending", EXTENSIONS)
def test_what_is_written_is_read_again(tmp_path: Path, ending: str) -> None:
    points = PointSet(names=("AC", "a, b"), descriptions=('the "first"', ""), coordinates=np.arange(6.0).reshape(2, 3))
    path = tmp_path / f"points{ending}"
    path.write_text(format_points(points, path), "utf-8")
    found = read_points(path)
    assert (found.names, found.descriptions) == (points.names, points.descriptions)
    np.testing.assert_allclose(found.coordinates, points.coordinates)


def test_a_list_that_old_slicers_read_the_right_way_round() -> None:
    """They take ``LPS`` for 0, which is RAS."""
    points = PointSet(names=("AC",), descriptions=("",), coordinates=np.ones((1, 3)))
    assert "# CoordinateSystem = 0\n" in format_points(points, Path("a.fcsv"))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.fcsv", COLUMNS + ROWS, "no line '# CoordinateSystem"),
        ("a.fcsv", HEAD.format("4.6", "2") + ROWS, "CoordinateSystem = 2, which must be RAS"),
        ("a.fcsv", HEAD.format("4.6", "0") + "# columns = label,x,y\nAC,1,2\n", "no column z"),
        ("a.fcsv", HEAD.format("4.6", "0") + "1,left,0,0\n", "not a finite number"),
        ("a.json", "{", "a.json: "),
        ("a.json", '{"Manual": true}', "no list 'markups'"),
        ("a.json", json.dumps({"markups": [markups(coordinateUnits="um")]}), "coordinateUnits is 'um'"),
        ("a.json", json.dumps({"markups": [markups(coordinateSystem="IJK")]}), "which must be RAS"),
        ("a.csv", "x,y,z,t,label\n1,2,3,0,AC\n", "antsApplyTransformsToPoints"),
        ("a.tsv", "name\tx\ty\tz\n\t1\t2\t3\n", "has no name"),
        ("a.csv", "name,x,y,z\na,1,5,2,5,3,5\n", "7 cells for 4 columns"),
        ("a.csv", "name,x,y,z,description\na,1,5,2,3,\n", "6 cells for 5 columns"),
        ("a.csv", "name,x,y,z,x\na,1,2,3,4\n", "column x is there twice"),
        ("a.csv", "label,l,p,s,defined\na,1,2,3,perhaps\n", "defined is 'perhaps' of 'a'"),
        ("a.fcsv", HEAD.format("4.6", "0") + COLUMNS + "1,1,5,2,3,0,0,0,1,1,1,0,1,AC,\n", "15 cells for 14 columns"),
        ("a.fcsv", HEAD.format("4.6", "0") + COLUMNS + "1,1,5,2,5,3,0,0,0,1,1,1,0,1,AC,\n", "16 cells for 14 columns"),
        ("a.fcsv", HEAD.format("4.6", "0") + "1,1,2,3,0,0,0,1,1,1,0,1,AC,,4,0\n", "16 cells for 14 columns"),
        *(("a.json", json.dumps({"markups": [markups(controlPoints=v)]}), "no list of points") for v in NO_POINTS),
        *(("a.json", json.dumps({"markups": [place(v)]}), "not a finite number") for v in (7, "123", {"x": 1}, None)),
        ("a.json", "[" * 100_000, "a.json: "),
    ],
)
def test_what_is_not_said_is_not_guessed(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(BadDataError, match=words):
        read_points(file(tmp_path, text, name))


def test_what_is_not_there_and_what_has_another_name(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"none\.fcsv cannot be read"):
        read_points(tmp_path / "none.fcsv")
    with pytest.raises(UsageError, match="must end with one of"):
        format_points(PointSet(names=(), descriptions=(), coordinates=np.zeros((0, 3))), Path("a.txt"))
