from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.measures import columns
from lumirage_bids.stats.given_table import read_score_table

HEADER = ("method", "moving", "fixed", "dice_mean")
ROWS = (
    ("a", "sub-1_T1w", "sub-2_T1w", "0.81"),
    ("b", "sub-1_T1w", "sub-2_T1w", "0.79"),
    ("a", "sub-2_T1w", "sub-1_T1w", "0.80"),
    ("b", "sub-2_T1w", "sub-1_T1w", ""),
)


def written(tmp_path, rows, delimiter="\t", name="table.tsv", encoding="utf-8"):
    file = tmp_path / name
    file.write_bytes("\n".join(delimiter.join(row) for row in rows).encode(encoding) + b"\n")
    return file


def read(file, score="dice_mean", named=False):
    return read_score_table(file, score, named=named)


def test_what_is_optional_is_filled_in(tmp_path):
    found = read(written(tmp_path, [HEADER, *ROWS]))
    assert found.planned == 2
    assert found.pairs["dice_mean"].tolist()[:3] == [0.81, 0.79, 0.80]
    assert found.pairs["status"].tolist() == ["ok", "ok", "ok", "failed"]
    assert set(found.pairs["subject_moving"]) == {"sub-1", "sub-2"}
    assert set(found.pairs["split"]) == {"different subjects"}
    assert not found.notes


def test_rescans_are_told_from_other_pairs_whatever_the_split_says(tmp_path):
    rows = [
        (*HEADER, "split"),
        *((*row, "T1w to T1w") for row in ROWS),
        ("a", "sub-1_ses-2_T1w", "sub-1_T1w", "0.95", ""),
    ]
    found = read(written(tmp_path, rows)).pairs
    assert found["split"].tolist() == ["T1w to T1w"] * 4 + ["same subject"] * 2  # of b there is no row


def test_names_without_a_subject_are_subjects_of_their_own_and_it_is_said(tmp_path):
    rows = [HEADER, ("a", "scanA", "scanB", "0.8"), ("a", "scanB", "scanA", "0.8")]
    found = read(written(tmp_path, rows))
    assert found.pairs["subject_moving"].tolist() == ["scanA", "scanB"]
    assert "No sub-… in the name of scanA" in found.notes[0]
    rows = [(*HEADER, "subject_moving", "subject_fixed"), ("a", "scanA", "scanB", "0.8", "x", "x")]
    found = read(written(tmp_path, rows))
    assert found.pairs["split"].tolist() == ["same subject"]
    assert not found.notes


def test_subjects_are_found_in_paths(tmp_path):
    row = ("a", "/data/sub-01/anat/sub-01_T1w.nii.gz", "/data/sub-02/anat/sub-02_T1w.nii.gz", "0.8")
    assert read(written(tmp_path, [HEADER, row])).pairs["subject_fixed"].tolist() == ["sub-02"]


def test_a_failed_row_has_no_score_and_a_pending_one_is_no_row(tmp_path):
    rows = [(*HEADER, "status"), (*ROWS[0], "OK"), (*ROWS[1], "failed"), (*ROWS[2], "pending"), (*ROWS[3], "missing")]
    found = read(written(tmp_path, rows))
    assert found.pairs["status"].tolist() == ["ok", "failed"]
    assert found.planned == 2
    assert found.notes[-1] == "2 rows are pending or missing: those pairs count as not done."


def test_a_scan_with_itself_is_left_out(tmp_path):
    found = read(written(tmp_path, [HEADER, *ROWS, ("a", "sub-1_T1w", "sub-1_T1w", "1")]))
    assert len(found.pairs) == 4
    assert found.notes == ["1 rows of a scan with itself were left out."]


BAD = [
    ([("method", "moving", "dice_mean"), ("a", "x", "1")], "lacks column(s) fixed. It has: method, moving, dice_mean"),
    ([("Method", "moving", "fixed", "dice_mean"), ROWS[0]], "lacks column(s) method"),
    ([("method", "moving", "fixed", "dsc"), ROWS[0]], "no column dice_mean. Name the scores with --score NAME; one"),
    ([("method", "moving", "fixed"), ("a", "x", "y")], "there is no other column"),
    ([HEADER, ROWS[0], ("a", "sub-2_T1w", "sub-1_T1w", "high")], "line 3: dice_mean is 'high', which is not a number"),
    ([HEADER, ("a", "sub-2_T1w", "sub-1_T1w", "0,8")], "Write decimals with a point"),
    ([HEADER, ("a", "sub-2_T1w", "sub-1_T1w", "inf")], "which is not a number"),
    ([HEADER, ROWS[0], ("a", "sub-2_T1w", "sub-1_T1w", "81.2")], "line 3: dice_mean is 81.2; Dice lies in 0 to 1"),
    ([HEADER, ("", "sub-2_T1w", "sub-1_T1w", "0.8")], "line 2: column method is empty"),
    ([HEADER, *ROWS, ROWS[0]], "line 6: repeats an earlier row (method a, moving sub-1_T1w, fixed sub-2_T1w)"),
    ([(*HEADER, "status"), (*ROWS[0], "fine")], "status is 'fine'; allowed: ok, failed, missing, pending"),
    ([(*HEADER, "subject_moving", "subject_fixed"), (*ROWS[0], "s", "")], "line 2: column subject_fixed is empty"),
    ([(*HEADER, "subject_moving", "subject_fixed"), (*ROWS[0], "s", "t"), (*ROWS[2], "s", "s")], "belongs to"),
    ([(*HEADER, "split"), (*ROWS[0], "x"), (*ROWS[1], "y")], "is in another split in an earlier row than 'y'"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "told"), BAD, ids=[told for _, told in BAD])
def test_a_bad_table_is_refused_in_words(tmp_path, rows, told):
    with pytest.raises(BadDataError) as caught:
        read(written(tmp_path, rows))
    assert told in str(caught.value)
    assert caught.value.exit_code == 65


def test_a_score_that_was_named_and_is_not_there(tmp_path):
    file = written(tmp_path, [("method", "moving", "fixed", "hd95_mm"), ROWS[0]])
    with pytest.raises(UsageError, match=r"--score tre: .* has no such column; one of: hd95_mm"):
        read(file, "tre", named=True)


def test_an_empty_column_is_no_table_of_failures(tmp_path):
    rows = [("method", "moving", "fixed", "dice_mean", "hd95_mm"), ("a", "sub-1", "sub-2", "0.5", "")]
    file = written(tmp_path, rows)
    with pytest.raises(BadDataError, match=r"column hd95_mm is empty, .* with --score NAME, such as dice_mean\."):
        read(file, "hd95_mm", named=True)
    failed = [(*row, status) for row, status in zip(rows, ("status", "failed"), strict=True)]
    assert read(written(tmp_path, failed), "hd95_mm", named=True).pairs["status"].tolist() == ["failed"]


@pytest.mark.parametrize("name", ["all", "same subject", "different subjects"])
def test_a_split_is_not_called_as_a_class_of_pairs(tmp_path, name):
    rows = [("method", "moving", "fixed", "dice_mean", "split"), ("a", "sub-1", "sub-2", "0.5", name)]
    rows.append(("a", "sub-2", "sub-1", "0.5", "other"))
    with pytest.raises(BadDataError, match=f"line 2: a split of pairs of different subjects is called '{name}'"):
        read(written(tmp_path, rows))


def test_names_unlike_bids_are_read_and_told_and_a_column_wins(tmp_path):
    rows = [HEADER, ("a", "sub-OAS_0001_T1w", "sub-OAS_0002_T1w", "0.8")]
    found = read(written(tmp_path, rows))
    assert found.pairs["subject_moving"].tolist() == ["sub-OAS_0001"]
    assert found.pairs["split"].tolist() == ["different subjects"]
    assert found.notes[0].startswith("Subjects are read from names that are not as in BIDS: sub-OAS_0001 from sub-OAS_")
    given = [(*rows[0], "subject_moving"), (*rows[1], "x"), ("a", "sub-OAS_0002_T1w", "sub-OAS_0001_T1w", "0.8", "y")]
    found = read(written(tmp_path, given))  # of one side: it tells of the same scans on the other
    assert found.pairs["subject_fixed"].tolist() == ["y", "x"]
    assert not found.notes


def test_names_that_may_be_read_in_two_ways_need_a_column(tmp_path):
    scans = ("sub-OAS_0001_MR1", "sub-OAS_0001_MR2", "sub-OAS_0002_MR1")
    rows = [HEADER, *(("a", m, f, "0.8") for m in scans for f in scans if m != f)]
    with pytest.raises(BadDataError, match="sub-OAS_0001_MR1 and sub-OAS_0001_MR2 may be of one subject or of two"):
        read(written(tmp_path, rows))
    both = [(*rows[0], "subject_moving", "subject_fixed"), *((*row, row[1][:12], row[2][:12]) for row in rows[1:])]
    assert read(written(tmp_path, both)).pairs["split"].value_counts().to_dict() == {
        "different subjects": 4,
        "same subject": 2,
    }


def test_scores_and_states_that_do_not_go_together_are_told(tmp_path):
    rows = [(*HEADER, "status"), (*ROWS[0], "failed"), *((*row, "ok") for row in ROWS[1:])]
    found = read(written(tmp_path, rows))
    assert found.notes == [
        "1 failed rows have a score, which does not count.",
        "1 rows have status ok and no score, where others have one: they count at worst, as failed ones do.",
    ]


def test_a_pair_without_a_row_is_one_without_a_score_unless_the_table_tells_states(tmp_path):
    found = read(written(tmp_path, [HEADER, *ROWS[:3], ("identity", *ROWS[0][1:])]))
    assert found.pairs[["method", "status"]].values.tolist()[-1] == ["b", "ok"]
    assert len(found.pairs) == 5
    assert "1 times a method has no row of a pair that another one has" in found.notes[-1]
    assert len(read(written(tmp_path, [(*HEADER, "status"), *((*row, "ok") for row in ROWS[:3])])).pairs) == 3


@pytest.mark.parametrize(
    ("header", "cells", "structures", "counted"),
    [
        (("dice_1", "dice_2"), ("0.75", "0.85"), 2, True),
        (("dice_1", "dice_2"), ("0.95", "0.85"), 2, False),
        (("dice_1", "dice_2", "n_structures"), ("0.75", "0.85", "30"), 30, False),
        (("n_structures",), ("3",), 3, True),
    ],
)
@pytest.mark.parametrize("score", ["dice_mean", "dice"])
def test_single_structures_count_where_the_score_is_their_mean(tmp_path, header, cells, structures, counted, score):
    row = ("a", "sub-1_T1w", "sub-2_T1w", "0.80")
    found = read(written(tmp_path, [(*HEADER[:3], score, *header), (*row, *cells)]), score)
    assert (found.structures, found.counted) == ({"scores": structures}, counted)
    assert ("dice_1" in found.pairs) == (counted and "dice_1" in header)
    assert any("is not the mean of the" in note for note in found.notes) == (not counted)


def test_structures_that_agree_by_rounding_alone_are_not_those_of_the_score(tmp_path):
    """Scores of two decimals: every pair agrees with the mean of its structures, but one method's by luck."""
    random = np.random.default_rng(0)
    rows = [(*HEADER, "dice_1", "dice_2")]
    for method, more in (("a", 0.0), ("b", 0.006)):
        for i in range(60):
            x, y = 0.5 + 0.2 * random.random(2)
            scans = (f"sub-{i}_T1w", f"sub-{i + 60}_T1w")
            rows.append((method, *scans, f"{(x + y) / 2 + more:.2f}", f"{x:.2f}", f"{y:.2f}"))
    found = read(written(tmp_path, rows))
    assert not found.counted
    assert "dice_1" not in found.pairs
    assert read(written(tmp_path, rows[:61])).counted


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("hd95_mm", "-1", "HD95 is 0 or more. Leave the cell empty where it was not measured."),
        ("folding_percent", "300", "folding lies in 0 to 100. Leave the cell empty"),
        ("sdlogj", "-0.5", "SD of log J is 0 or more."),
        ("dice_near_lesion", "50", "Dice near lesions lies in 0 to 1. Divide percent by 100."),
        ("dice_initial", "-1", "initial Dice lies in 0 to 1. Leave the cell empty"),
        ("dice_3", "81", "Dice lies in 0 to 1. Divide percent by 100."),
    ],
)
def test_a_value_that_no_measure_has_is_refused_wherever_it_stands(tmp_path, column, value, told):
    rows = [(*HEADER, column), *((*row, "0.5") for row in ROWS[:2]), (*ROWS[2], value)]
    with pytest.raises(BadDataError) as error:
        read(written(tmp_path, rows))
    assert f"line 4: {column} is {value}; {told}" in str(error.value)


def test_every_measure_with_a_direction_says_where_its_values_lie():
    assert [name for name, column in columns().items() if column.better != "none" and not column.lies] == []
