"""Subjects of a table that somebody else made; what names alone tell is in test_subject_names.py."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.stats.given_subjects import given_subjects

SCANS = ["sub-1_ses-1_T1w", "sub-1_ses-2_T1w", "sub-2_ses-1_T1w"]
ONE = "sub-1_ses-1_T1w and sub-1_ses-2_T1w are of one subject by their names, of two by the columns"
TWO = "sub-1_ses-1_T1w and sub-2_ses-1_T1w are of two subjects by their names, of one by the columns"


@pytest.mark.parametrize(
    ("subjects", "told"), [(None, ""), (["a", "a", "b"], ""), (["a", "b", "c"], ONE), (["a", "a", "a"], TWO)]
)
def test_columns_that_contradict_names_count_and_it_is_told(subjects, told):
    table = pd.DataFrame({"moving": SCANS, "fixed": SCANS[::-1]})
    if subjects is not None:
        table = table.assign(subject_moving=subjects, subject_fixed=subjects[::-1])
    notes: list[str] = []
    found = given_subjects(Path("t.tsv"), table, notes)
    assert list(found["moving"]) == (subjects or ["sub-1", "sub-1", "sub-2"])
    assert len(notes) == bool(told)
    assert not told or notes[0].startswith(told)


def test_a_scan_is_of_one_subject():
    table = pd.DataFrame({"moving": SCANS, "fixed": SCANS, "subject_moving": ["a", "a", "b"]})
    with pytest.raises(BadDataError, match="scan sub-2_ses-1_T1w belongs to b and c"):
        given_subjects(Path("t.tsv"), table.assign(subject_fixed=["a", "a", "c"]), [])
