"""Pictures of pairs: which are worth keeping, and that no others than a row's own are found."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.bids.scans import Scan
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output
from lumirage_bids.output.pair_pictures import (
    Note,
    PairPictures,
    choose_pairs,
    find_notes,
    find_unwanted,
    name_labels_layer,
    read_notes,
    read_pictures,
    rewrite,
)
from lumirage_bids.spatial.mosaic import Tile


def scan(subject: str) -> Scan:
    path = Path(f"/raw/sub-{subject}/anat/sub-{subject}_T1w.nii.gz")
    return Scan(path=path, dataset=Path("/raw"), subject=subject, session=None, suffix="T1w", entities={"sub": subject})


def pictures(content: bytes = b"fixed") -> PairPictures:
    layers = {"fixed.webp": content, name_labels_layer("a-b"): b"outlines"}
    return PairPictures(layers=layers, tiles=(Tile("axial", 0, 2, 4, 6),), shape=(4, 10), cell=13.5)


def note(row: str, *, asked: bool = False) -> Note:
    return {"hashes": {"a-b": row}, "asked": asked}


ARCHIVE = paths.slices(scan("1"), "greedy", "abc")


def test_the_worst_the_best_and_a_middle_one_stay_of_as_many_as_come():
    """As a batch keeps them, which sees one pair after the other."""
    rng = np.random.default_rng(1)
    for n in (1, 2, 3, 10, 100):
        scores: dict[str, float] = {}
        there: set[str] = set()
        drawn = 0
        for pair, dice in zip(map(str, range(n)), rng.random(n), strict=True):
            scores[pair] = float(dice)
            wanted = choose_pairs(scores, {*there, pair})
            if pair in wanted:
                there, drawn = wanted, drawn + 1
        ranked = sorted(scores, key=scores.__getitem__)
        assert {ranked[0], ranked[-1]} <= there
        assert len(there) == min(n, 3)
        # Few are drawn, and yet one is near the middle.
        assert drawn <= min(n, 30)
        assert min(abs(ranked.index(pair) - n // 2) for pair in there) <= max(1, 0.05 * n)


def test_pairs_of_which_there_are_no_pictures_are_not_kept():
    scores = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    assert choose_pairs(scores, set()) == set()
    assert choose_pairs(scores, {"b"}) == {"b"}
    assert choose_pairs({}, {"b"}) == set()


def test_a_pair_stays_for_any_labelling_or_because_it_was_asked_for():
    notes: dict[str, Note] = {of: {"hashes": {"x": f"{of}x", "y": f"{of}y"}, "asked": of == "e"} for of in "abcdefg"}
    scores = {
        "x": {f"{of}x": i for i, of in enumerate("abcdefg")},
        "y": {f"{of}y": i for i, of in enumerate("gfcdeab")},
    }
    # Worst, middle and best by x: a, d, g; by y: g, d, b.
    assert find_unwanted(notes, scores) == {"c", "f"}
    assert find_unwanted(notes, {"x": scores["x"]}) == {"b", "c", "f"}
    # Rows of other conditions, or no score at all.
    assert find_unwanted(notes, {}) == set("abcdfg")


def test_what_is_kept_is_found_with_the_row_that_it_belongs_to(tmp_path: Path):
    output = Output(tmp_path)
    rewrite(output, ARCHIVE, set(), {scan("2").key: (pictures(), note("row2"))})
    rewrite(output, ARCHIVE, set(), {scan("3").key: (pictures(b"third"), note("row3", asked=True))})
    found = find_notes(output, scan("1"), "greedy")
    assert {key: of["hashes"]["a-b"] for key, of in found.items()} == {
        (ARCHIVE, scan("2").key): "row2",
        (ARCHIVE, scan("3").key): "row3",
    }
    assert [of["asked"] for of in found.values()] == [False, True]
    assert read_pictures(output, ARCHIVE, scan("2").key) == pictures()
    assert read_pictures(output, ARCHIVE, scan("3").key) == pictures(b"third")
    assert pictures().labellings == ["a-b"]
    assert not find_notes(output, scan("1"), "syn")
    assert not find_notes(output, scan("2"), "greedy")


def test_pairs_go_and_are_replaced_whole(tmp_path: Path):
    output = Output(tmp_path)
    rewrite(output, ARCHIVE, set(), {scan(s).key: (pictures(), note(s)) for s in "23"})
    rewrite(output, ARCHIVE, {scan("2").key}, {scan("3").key: (pictures(b"anew"), note("3"))})
    assert set(read_notes(tmp_path / ARCHIVE)) == {scan("3").key}
    assert read_pictures(output, ARCHIVE, scan("3").key) == pictures(b"anew")
    assert not list((tmp_path / ARCHIVE).parent.glob(".*"))


@pytest.mark.parametrize("how", ["torn", "empty", "of an earlier version", "not there"])
def test_what_cannot_be_read_is_no_picture_and_is_written_over(tmp_path: Path, how: str):
    output, file = Output(tmp_path), tmp_path / ARCHIVE
    rewrite(output, ARCHIVE, set(), {scan("2").key: (pictures(), note("2"))})
    if how == "torn":
        file.write_bytes(file.read_bytes()[:-40])
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "not there":
        file.unlink()
    else:
        with file.open("wb") as stream:
            np.savez(stream, **{f"{scan('2').key}/a-b/{part}": np.zeros((3, 3)) for part in ("x", "y", "z", "index")})
    assert read_notes(file) == {}
    assert find_notes(output, scan("1"), "greedy") == {}
    rewrite(output, ARCHIVE, set(), {scan("3").key: (pictures(), note("3"))})
    assert set(read_notes(file)) == {scan("3").key}
    with zipfile.ZipFile(file) as archive:
        assert {name.partition("/")[0] for name in archive.namelist()} == {scan("3").key}
