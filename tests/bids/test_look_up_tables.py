"""Tables that name the indices of label maps, found and read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.base import errors
from lumirage_bids.bids.look_up_tables import find_lut, read_lut
from lumirage_bids.bids.scans import File
from tests.bids.trees import look, make, put


def test_nearest_look_up_table_wins(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-2_T1w.nii", "sub-3_T1w.nii")
    d = make(root / "derivatives/d", *(f"sub-{i}_seg-x_dseg.nii" for i in "123"))
    tables = ("seg-x_dseg.tsv", "dseg.tsv", "seg-y_dseg.tsv", "sub-1/anat/sub-1_seg-x_dseg.tsv", "sub-2/sub-2_dseg.tsv")
    for table in tables:
        put(d / table, "index\tname\n1\ta\n")
    luts = [scan.labels["x"].lut for scan in look(root, labellings=("x",), derivatives={"d": d}).scans]
    assert luts == [d / tables[3], d / tables[4], d / tables[0]]


def test_lut_keeps_order_and_drops_background(tmp_path: Path) -> None:
    put(tmp_path / "l.tsv", "\ufeffname\tcolour\tindex\r\nBackground\t\t0\r\nB b\tred\t7\r\n\r\nA\t\t3\r\n")
    assert list(read_lut(tmp_path / "l.tsv").items()) == [(7, "B b"), (3, "A")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1"),
        ("number\tname\n1\ta\n", "line 1"),
        ("index\tname\n1\ta\nx\tb\n", "line 3: index 'x'"),
        ("index\tname\n1.5\ta\n", "line 2: index '1.5'"),
        ("index\tname\n-1\ta\n", "line 2"),
        ("index\tname\n1\n", r"line 2: 1 cell\(s\), so that index or name"),
        ("index\tname\n\n1\ta\n1\tb\n", "line 4: index 1 occurs twice"),
        ("index\tname\tname\n1\ta\ta\n2\ta\tb\n", "line 3: several columns are called 'name', here with 'a' and 'b'"),
        ("index\tname\n0\tBackground\n", "no structure"),
        ("index\tname\nn/a\tno index\n3\t\n", "no structure"),
        ("index\tname\n1\ta\x00b\nx\tb\n", "line"),
    ],
)
def test_wrong_lut(tmp_path: Path, text: str, said: str) -> None:
    put(tmp_path / "l.tsv", text)
    with pytest.raises(errors.BadDataError, match=said):
        read_lut(tmp_path / "l.tsv")


@pytest.mark.parametrize("text", ["index\tname\n1\ta\n2\tb\n1\ta\n", "index\tname\tname\n1\ta\ta\n2\tb\tb\n"])
def test_what_is_said_twice_alike_is_read(tmp_path: Path, text: str) -> None:
    put(tmp_path / "l.tsv", text)
    assert read_lut(tmp_path / "l.tsv") == {1: "a", 2: "b"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("index\tname", "1\tLeft A\n12\tB, or C"),
        ("Index\tName", "1.0\tLeft A\n\tno index\nn/a\tno index\n12.0\tB, or C\n13.0\t\n14.0\tn/a"),
        ("INDEX,colour,NAME", '1,red,Left A\n12,"#fff","B, or C"'),
        ('"index";"name"', '"1";"Left A"\n"12";"B, or C"'),
        ("name\tindex\tx", '"Left A"\t1\nB, or C\t12\t7'),
    ],
)
def test_luts_as_programs_write_them(tmp_path: Path, header: str, rows: str, encoding: str) -> None:
    for end in ("\n", "\r\n"):
        (tmp_path / "l.tsv").write_bytes(f"{header}\n{rows}\n".replace("\n", end).encode(encoding))
        assert read_lut(tmp_path / "l.tsv") == {1: "Left A", 12: "B, or C"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_a_table_may_end_as_on_any_system(end: str, tmp_path: Path) -> None:
    (tmp_path / "l.tsv").write_bytes(end.join(["index,name", "1,A", "2,B", ""]).encode())
    assert read_lut(tmp_path / "l.tsv") == {1: "A", 2: "B"}
    (tmp_path / "l.tsv").write_bytes(end.join(["index,name", "1,A", "x,B", ""]).encode())
    with pytest.raises(errors.BadDataError, match="line 3: index 'x'"):
        read_lut(tmp_path / "l.tsv")


def test_missing_lut(tmp_path: Path) -> None:
    put(tmp_path / "l.tsv", None)
    with pytest.raises(errors.MissingInputError):
        read_lut(tmp_path / "l.tsv")


ROWS = st.lists(st.lists(st.text("01579\t -ab\x00\u0661\x0b", max_size=5), max_size=3).map("\t".join)).map("\n".join)


@given(st.binary() | ROWS.map(lambda rows: f"index\tname\n{rows}".encode()))
def test_fuzzed_lut(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.tsv"
    path.write_bytes(content)
    try:
        lut, said = read_lut(path), str(path)
    except errors.BadDataError as error:
        lut, said = {}, str(error)
    assert str(path) in said
    assert all(index > 0 and name for index, name in lut.items())


FREESURFER = """#$Id: FreeSurferColorLUT.txt $

#No. Label Name:                            R   G   B   A
0   Unknown                                 0   0   0   0
17  Left-Hippocampus                        220 216 20  0
1002    ctx-lh-caudalanteriorcingulate          125 100 160 0   # of the left

2   Left-Cerebral-White-Matter              245 245 245 0
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_freesurfers_own_table_is_read(end: str, tmp_path: Path) -> None:
    (tmp_path / "any.tsv").write_bytes(FREESURFER.replace("\n", end).encode())
    assert read_lut(tmp_path / "any.tsv") == {
        17: "Left-Hippocampus", 1002: "ctx-lh-caudalanteriorcingulate", 2: "Left-Cerebral-White-Matter",
    }  # fmt: skip
    (tmp_path / "any.tsv").write_text(FREESURFER + "18 Left Amygdala 103 255 255 0\n")
    with pytest.raises(errors.BadDataError, match=r"line 9: '18 Left Amygdala.*red, green, blue"):
        read_lut(tmp_path / "any.tsv")


def test_freesurfers_own_table_serves_maps_without_a_nearer_one(tmp_path: Path) -> None:
    made = make(tmp_path / "d", "sub-1_seg-x_dseg.nii", **{"FreeSurferColorLUT.txt": FREESURFER})
    file = File(path=made / "sub-1/anat/sub-1_seg-x_dseg.nii", dataset=made)
    assert find_lut(file, "x") == made / "FreeSurferColorLUT.txt"
    put(made / "seg-x_dseg.txt", FREESURFER)
    assert find_lut(file, "x") == made / "seg-x_dseg.txt"
    put(made / "seg-x_dseg.tsv", "index\tname\n1\tA\n")
    assert find_lut(file, "x") == made / "seg-x_dseg.tsv"
    put(made / "sub-1/anat/FreeSurferColorLUT.txt", FREESURFER)
    assert find_lut(file, "x") == made / "sub-1/anat/FreeSurferColorLUT.txt"


def test_a_pipe_in_place_of_a_table_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "l.tsv")
    with pytest.raises(errors.BadDataError, match="a named pipe"):
        read_lut(tmp_path / "l.tsv")
