"""Landmarks: their tables, and the error that a transform leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.bids.landmarks import corresponding_points, read_landmarks
from lumirage_bids.bids.scans import File, Scan

HEADER = "name\tx\ty\tz\n"


def scan(folder: Path, subject: str, text: str | None) -> Scan:
    file = folder / f"sub-{subject}_landmarks.tsv"
    if text is not None:
        file.write_text(text)
    found = None if text is None else File(path=file, dataset=folder)
    path = folder / f"sub-{subject}_T1w.nii"
    return Scan(path=path, dataset=folder, subject=subject, session=None, suffix="T1w", entities={}, landmarks=found)


def test_points_are_matched_by_name(tmp_path: Path) -> None:
    fixed = scan(tmp_path, "1", HEADER + "AC\t0\t0\t0\nPC\t0\t-25.5\t0\nonly here\t1\t1\t1\n")
    moving = scan(tmp_path, "2", HEADER + "PC\t10\t-25.5\t4\nAC\t10\t0\t0\n")
    points = corresponding_points(fixed, moving)
    assert points is not None
    assert points[0].tolist() == [[0, 0, 0], [0, -25.5, 0]]
    assert points[1].tolist() == [[10, 0, 0], [10, -25.5, 4]]


def test_without_a_file_on_both_sides_there_are_no_points(tmp_path: Path) -> None:
    one, other = scan(tmp_path, "1", HEADER + "AC\t0\t0\t0\n"), scan(tmp_path, "2", None)
    assert corresponding_points(one, other) is None
    assert corresponding_points(other, one) is None


def test_points_without_a_common_name_are_refused(tmp_path: Path) -> None:
    one, other = (scan(tmp_path, s, HEADER + f"p{s}\t0\t0\t0\n") for s in "12")
    with pytest.raises(BadDataError, match="no name in common"):
        corresponding_points(one, other)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column name, x, y, z"),
        ("name\tx\ty\nAC\t0\t0\n", "no column z"),
        (HEADER + "AC\t0\tleft\t0\n", "'AC' is no finite number"),
        (HEADER + "AC\t0\tinf\t0\n", "'AC' is no finite number"),
        (HEADER + "AC\t0\t0\t0\nAC\t1\t1\t1\n", "'AC' is there twice"),
    ],
)
def test_broken_tables_are_refused(tmp_path: Path, text: str, words: str) -> None:
    file = scan(tmp_path, "1", text).landmarks
    assert file is not None
    with pytest.raises(BadDataError, match=words):
        read_landmarks(file.path)


def test_a_scan_needs_its_landmarks(tmp_path: Path) -> None:
    one = scan(tmp_path, "1", HEADER)
    assert one.landmarks in one.needs()
    assert one.landmarks not in replace(one, landmarks=None).needs()
