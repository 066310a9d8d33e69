from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.base.errors import CannotWriteError
from lumirage_bids.output.files import (
    json_value,
    lock,
    read_json,
    read_table,
    read_tables,
    replacing,
    write_json,
    write_table,
    write_text,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "table.tsv"
    write_text(file, "old")

    def fail() -> None:
        with replacing(file) as temporary:
            temporary.write_text("half")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        fail()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_temporary_file_keeps_the_extension_that_writers_go_by(tmp_path: Path) -> None:
    with replacing(tmp_path / "a_T1w.nii.gz") as temporary:
        assert temporary.name.endswith(".nii.gz")
        temporary.write_bytes(b"x")


def test_missing_values_are_written_as_bids_wants_them(tmp_path: Path) -> None:
    write_table(tmp_path / "t.tsv", pd.DataFrame({"a": [1.5, float("nan")], "b": ["x", None]}), {"a": {}})
    assert (tmp_path / "t.tsv").read_text() == "a\tb\n1.5\tx\nn/a\tn/a\n"
    assert (tmp_path / "t.json").exists()


def test_what_would_be_taken_for_another_cell_or_row_is_quoted(tmp_path: Path) -> None:
    texts = ["a\tb", 'say "no"', "two\nlines", "", None, "n/a"]
    mixed = [1, True, 0.123456789, "x", None, float("nan")]
    table = pd.DataFrame({"plain": texts, "a\ttab": mixed, "number": np.array([1e-300, 1e300, np.nan, 7, 0, 1 / 3])})
    for of in (table, table.astype({"plain": object}), table[["plain"]]):
        write_table(tmp_path / "t.tsv", of)
        pd_text = of.to_csv(sep="\t", index=False, na_rep="n/a", float_format="%.6g", lineterminator="\n")
        assert (tmp_path / "t.tsv").read_text() == pd_text


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_refused(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Lustre and NFS answer where locks are switched off; nothing is put in their place."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(CannotWriteError, match="no file locks"), lock(tmp_path / "locks" / "root.lock"):
        pass
    assert not [f for f in tmp_path.rglob("*") if f.is_file() and f.stat().st_size]


@pytest.mark.parametrize("torn", ["", '{"a": ', "[1]", None])
def test_a_file_that_is_torn_or_not_there_counts_as_none(torn: str | None, tmp_path: Path) -> None:
    """As a machine may leave it when it goes down."""
    file = tmp_path / "a.json"
    if torn is not None:
        file.write_text(torn)
    assert read_json(file) == {}
    write_json(file, {"a": "ü"})
    assert read_json(file) == {"a": "ü"}


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": ["1", None], "b": ["NA", "x"]})
    write_table(tmp_path / "t.tsv", table)
    assert read_table(tmp_path / "t.tsv").equals(table)
    assert list(read_table(tmp_path / "t.tsv", columns=lambda name: name == "b")) == ["b"]
    (tmp_path / "t.tsv").write_text("")
    assert read_table(tmp_path / "t.tsv").empty
    assert read_table(tmp_path / "none.tsv").empty


def test_many_tables_are_read_in_order_and_torn_ones_among_them_have_no_rows(tmp_path: Path) -> None:
    whole, torn = ["a\tb\n1\t2\n", "a\tb\n"], ['a\tb\n"3\t4\n', "a\tb\n5\t6\n5\t6\t7\n"]
    texts = [*whole, *torn, "a\tb\n8\tn/a", "b\tc\n9\t0\n", "a\tb\n5\t5\n"]
    files = [tmp_path / f"{number}.tsv" for number in range(9)]
    for file, text in zip(files, texts, strict=False):
        file.write_text(text)
    files[7].write_bytes(b"a\tb\n\xff\t1\n")  # the last is not there
    parts = list(read_tables(files))
    assert [list(part) for part in parts][-2:] == [["b", "c"], ["a", "b"]]
    rows = pd.concat(parts, ignore_index=True).astype(object).where(lambda of: of.notna(), "-")
    assert rows[["a", "b", "c"]].to_numpy().tolist() == [
        *(["1", "2", "-"], ["8", "-", "-"], ["-", "9", "0"], ["5", "5", "-"]),
    ]


def test_what_json_does_not_know_is_null_or_plain() -> None:
    value = {1: (np.float32("nan"), np.int64(3), pd.NA), "of": {"x": [float("inf"), True, None, "y"]}}
    assert json_value(value) == {"1": [None, 3, None], "of": {"x": [None, True, None, "y"]}}
