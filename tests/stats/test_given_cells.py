"""Cells of a table as they stand in a file, whoever wrote it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.stats.given_cells import read_cells

TEXT = "method;moving;fixed;dice\na;x;y; 0.81\n\nb;x;y;n/a\n"


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "table.csv"
    file.write_bytes(text.encode(encoding))
    return file


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cells_are_texts_by_their_line(tmp_path: Path, delimiter: str, encoding: str, end: str) -> None:
    text = TEXT.replace(";", delimiter).replace("\n", end)
    _, cells = read_cells(write(tmp_path, text, encoding))
    assert list(cells.columns) == ["method", "moving", "fixed", "dice"]
    assert cells["dice"].dropna().to_dict() == {2: "0.81"}
    assert list(cells.index) == [2, 4]


def test_excels_own_first_line_names_the_separator(tmp_path: Path) -> None:
    _, cells = read_cells(write(tmp_path, "sep=,\nmethod,dice\na;b,0.5\n"))
    assert cells.to_dict("index") == {3: {"method": "a;b", "dice": "0.5"}}


def test_a_data_frame_is_read_as_its_file_would_be(tmp_path: Path) -> None:
    table = pd.DataFrame({"method": ["a", "b"], "dice": [0.81, None]})
    name, cells = read_cells(table)
    table.to_csv(tmp_path / "table.csv", index=False)
    of_file = read_cells(tmp_path / "table.csv")[1]
    pd.testing.assert_frame_equal(
        cells.astype(object), of_file.astype(object), check_index_type=False, check_column_type=False
    )
    assert str(name) == "the table"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no header line"),
        ("\n", "no header line"),
        ("a,b\n", "a header and no rows"),
        ("a,b,a\n1,2,3\n", "two columns of one name: a"),
        ("a,b\n1,2,3\n", "line 2: 3 cells, the header has 2"),
    ],
)
def test_what_is_no_table_is_refused_in_words(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadDataError, match=told):
        read_cells(write(tmp_path, text))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="No table"):
        read_cells(tmp_path / "none.tsv")
    with pytest.raises(UsageError, match="is a folder"):
        read_cells(tmp_path)
    binary = tmp_path / "scan.nii.gz"
    binary.write_bytes(b"\x1f\x8b\x08\xff\xfe\n")
    with pytest.raises(BadDataError, match="not UTF-8"):
        read_cells(binary)


def test_a_data_frame_without_rows_or_with_a_name_twice_is_refused() -> None:
    with pytest.raises(BadDataError, match="no rows"):
        read_cells(pd.DataFrame({"a": []}))
    with pytest.raises(BadDataError, match="two columns of one name: a"):
        read_cells(pd.DataFrame([[1, 2]], columns=["a", "a"]))
