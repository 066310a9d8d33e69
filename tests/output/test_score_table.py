from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lumirage_bids.output import history, score_table
from lumirage_bids.output.folder import Output


def row(**changes: Any) -> score_table.Row:
    base = {
        "variant": "default",
        "method": "greedy",
        "labelling": "demo",
        "split": "T1w to T1w",
        "moving": "sub-1_T1w",
        "fixed": "sub-2_T1w",
        "status": "ok",
        "dice_mean": 0.5,
        "hash": "h1",
        "conditions": "c1",
        "finished": "2026-01-01T00:00:00.000000+00:00",
        "moving_subject": "1",
        "fixed_subject": "2",
        "dice_1": 0.4,
        "dice_7": 0.6,
        "tre_mm_R LV at AC": 1.5,
    }
    return {**base, **changes}


def write(out: Path, name: str, *rows: score_table.Row) -> None:
    file = Path(f"sub-1/anat/sub-1_seg-demo_desc-greedy+{name}_scores.tsv")
    score_table.write_rows(Output(out), file, rows)


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    write(tmp_path, "x", row(), row(fixed="sub-3_T1w", status="failed", reason="out of memory", dice_mean=None))
    file = Path("sub-1/anat/sub-1_seg-demo_desc-greedy+x_scores.tsv")
    first, second = score_table.read_rows(Output(tmp_path), file)
    assert first["dice_7"] == 0.6
    assert first["tre_mm_R LV at AC"] == 1.5
    assert first["moving_subject"] == "1"
    assert second["reason"] == "out of memory"
    assert pd.isna(second["dice_mean"])


def test_of_two_rows_for_one_pair_the_later_counts(tmp_path: Path) -> None:
    write(tmp_path, "a", row(dice_mean=0.9, finished="2026-01-02T00:00:00.000000+00:00", hash="new"))
    write(tmp_path, "b", row(dice_mean=0.1, hash="old"))
    table = score_table.collect(Output(tmp_path))["demo"]
    assert list(table["hash"]) == ["new"]


def test_some_subjects_and_columns_can_be_read(tmp_path: Path) -> None:
    write(tmp_path, "a", row())
    file = Path("sub-2/anat/sub-2_seg-demo_desc-greedy+a_scores.tsv")
    score_table.write_rows(Output(tmp_path), file, [row(moving="sub-2_T1w")])
    assert list(score_table.collect(Output(tmp_path), ["2"])["demo"]["moving"]) == ["sub-2_T1w"]
    narrow = score_table.collect(Output(tmp_path), structures=False)["demo"]
    assert len(narrow) == 2
    assert list(narrow) == [*score_table.COLUMNS, *score_table.INTERNAL]


@pytest.mark.parametrize("later", ["a", "b"])
def test_a_failure_does_not_take_the_place_of_an_equal_row_with_a_score(tmp_path: Path, later: str) -> None:
    """As when a pair is tried again for another arm's sake, and runs out of time."""
    times = {"a": "2026-01-01T00:00:00.000000+00:00", "b": "2026-01-01T00:00:00.000000+00:00"}
    times[later] = "2026-01-02T00:00:00.000000+00:00"
    write(tmp_path, "a", row(finished=times["a"]))
    write(tmp_path, "b", row(status="failed", reason="timed out after 1 s", dice_mean=None, finished=times["b"]))
    table = score_table.collect(Output(tmp_path))["demo"]
    assert list(table["status"]) == ["ok"]
    assert list(table["dice_mean"]) == [0.5]
    # Of other inputs the later row counts, whatever came of it.
    write(tmp_path, "c", row(status="failed", hash="h2", finished="2026-01-03T00:00:00.000000+00:00"))
    assert list(score_table.collect(Output(tmp_path))["demo"]["hash"]) == ["h2"]
    write(tmp_path, "d", row(status="failed", reason="killed", finished="2026-01-04T00:00:00.000000+00:00"))
    table = score_table.collect(Output(tmp_path))["demo"]
    assert list(zip(table["hash"], table["status"], strict=True)) == [("h1", "ok")]


@pytest.mark.parametrize("torn", [b"", b"\0" * 400, b"variant\tmethod\n\xff", b'a\tb\n"'])
def test_a_torn_table_has_no_rows(tmp_path: Path, torn: bytes) -> None:
    write(tmp_path, "a", row())
    file = Path("sub-1/anat/sub-1_seg-demo_desc-greedy+b_scores.tsv")
    (tmp_path / file).write_bytes(torn)
    assert score_table.read_rows(Output(tmp_path), file) == []
    assert len(score_table.collect(Output(tmp_path))["demo"]) == 1


def test_rows_of_other_parameters_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    write(tmp_path, "a", row(), row(fixed="sub-3_T1w", conditions="c0"))
    score_table.note_latest(Output(tmp_path), {"greedy/demo": "c1"})
    score_table.note_latest(Output(tmp_path), {"syn/demo": "c7"})
    rows, (note,) = score_table.read_current(Output(tmp_path))
    assert list(rows["demo"]["fixed"]) == ["sub-2_T1w"]
    assert note.startswith("1 row(s) of greedy, labelling demo, do not count: their conditions are not on record")


def test_it_is_said_what_is_other_and_which_inputs_changed(tmp_path: Path) -> None:
    write(tmp_path, "a", row(hash="h1"), row(fixed="sub-3_T1w", hash="h3"), row(fixed="sub-4_T1w", conditions="c0"))
    score_table.note_latest(Output(tmp_path), {"greedy/demo": "c1"})
    facts = {c: {"preparation": {"spacing": s}} for c, s in (("c0", 2.0), ("c1", 1.0))}
    history.note_conditions(Output(tmp_path), facts)
    history.note_outdated(Output(tmp_path), {"h3": "the image of sub-3_T1w changed"}, frozenset())
    rows, notes = score_table.read_current(Output(tmp_path))
    assert list(rows["demo"]["fixed"]) == ["sub-2_T1w"]
    assert [note.split(":", 1)[1].split(".  ")[0].strip() for note in notes] == [
        f"{why}. The participant level makes those again that it is asked for."
        for why in ("the image of sub-3_T1w changed", "preparation spacing 2.0 → 1.0")
    ]


def test_nothing_is_said_of_rows_that_others_have_taken_the_place_of(tmp_path: Path) -> None:
    write(tmp_path, "a", row(conditions="c0"), row(fixed="sub-3_T1w", conditions="c0"))
    write(tmp_path, "b", row(conditions="c1", finished="2026-02-01T00:00:00.000000+00:00"))
    score_table.note_latest(Output(tmp_path), {"greedy/demo": "c1"})
    _, (note,) = score_table.read_current(Output(tmp_path))
    assert note.startswith("1 row(s) of greedy")


def test_rows_of_parameters_that_come_back_count_again(tmp_path: Path) -> None:
    write(tmp_path, "a", row(hash="h1", conditions="c1"))
    write(tmp_path, "b", row(hash="h2", conditions="c2", finished="2026-02-01T00:00:00.000000+00:00"))
    for conditions, want in (("c2", "h2"), ("c1", "h1")):
        score_table.note_latest(Output(tmp_path), {"greedy/demo": conditions})
        rows, _ = score_table.read_current(Output(tmp_path))
        assert list(rows["demo"]["hash"]) == [want]


def test_a_label_that_looks_like_a_number_stays_text(tmp_path: Path) -> None:
    write(tmp_path, "a", row(hash="123e4", moving_subject="007"))
    table = score_table.collect(Output(tmp_path))["demo"]
    assert table.loc[0, "hash"] == "123e4"
    assert table.loc[0, "moving_subject"] == "007"


def test_rows_of_a_version_that_knew_no_kinds_are_told_apart_by_their_words(tmp_path: Path) -> None:
    failed = row(status="failed", reason="timed out after 9 s", dice_mean=None)
    write(tmp_path, "a", row(), {**failed, "fixed": "sub-9_T1w"})
    file = next(tmp_path.glob("sub-*/**/*_scores.tsv"))
    table = pd.read_csv(file, sep="\t", dtype=str, keep_default_na=False)
    table.drop(columns="kind").to_csv(file, sep="\t", index=False)
    read = score_table.collect(Output(tmp_path))["demo"].set_index("fixed")
    assert read.loc["sub-9_T1w", "kind"] == "timed out"
    assert read["kind"].isna().sum() == 1


def test_measures_of_an_extension_that_is_not_here_are_said_to_be_left_out(tmp_path: Path) -> None:
    output = Output(tmp_path)
    score_table.note_columns(output)
    assert score_table.read_current(output)[1] == []
    output.write_json(
        "scores.json", {**output.read_json("scores.json"), "reach_mm": {"Description": "of an extension"}}
    )
    score_table.note_columns(output)  # a later run without it
    (note,) = score_table.read_current(output)[1]
    assert note.startswith("Left out: reach_mm. ")
    assert "--extension" in note
