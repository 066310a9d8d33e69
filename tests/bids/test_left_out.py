"""Subjects that drop out are named, with what there is in place of a scan."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.bids.dataset import Dataset, Query, open_dataset
from lumirage_bids.bids.filters import check_filter
from lumirage_bids.bids.left_out import LeftOut, list_names


def look(root: Path, *files: str, participants: str = "", **filters: object) -> Dataset:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    if participants:
        (root / "participants.tsv").write_text(participants, "utf-8")
    return open_dataset(root, Query(filters=check_filter({"t1w": filters}, "here")))


def reasons(dataset: Dataset) -> dict[str, str]:
    return {one.subject: one.reason for one in dataset.left_out}


def test_every_way_to_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "sub-03").symlink_to("/not/mounted/sub-03")
    files = {
        "01": "sub-01/anat/sub-01_T1w.nii.gz",
        "04": "sub-04/anat/sub-04_t1w.nii.gz",
        "05": "sub-05/sub-05_T1w.nii.gz",
        "06": "sub-06/func/sub-06_task-x_bold.nii.gz",
        "07": "Sub-07/anat/sub-07_T1w.nii.gz",
        "08": "sub-08/anat/sub-08_part-phase_T1w.nii.gz",
        "09": "sub-09/ses-a/anat/sub-09_ses-a_T1w.mgz",
        "10": "sub-10/anat/sub-10_T2w.nii.gz",
    }
    rows = "participant_id\tage\nsub-01\t3\n11\t4\nsub-01\t\nn/a\n"
    dataset = look(tmp_path, *files.values(), participants=rows)
    assert [s.subject for s in dataset.scans] == ["01"]
    assert reasons(dataset) == {
        "03": "its folder is a link to nowhere",
        "04": "sub-04_t1w.nii.gz: the suffix is T1w, not t1w",
        "05": "no image in an anat folder",
        "06": "no image in an anat folder",
        "07": "its folder is called Sub-07, not sub-07",
        "08": "phase, real or imaginary parts only",
        "09": "other formats than NIfTI only: sub-09_ses-a_T1w.mgz",
        "10": "no image that fits: sub-10_T2w.nii.gz",
        "11": "in participants.tsv, but without a folder",
    }
    (note,) = dataset.notes
    assert "nib-convert" in note
    assert "sub-09_ses-a_T1w.mgz" in note


def test_who_is_left_out_on_purpose_is_not_named(tmp_path: Path) -> None:
    files = [f"sub-{s}/anat/sub-{s}_T1w.nii" for s in "123"] + ["sub-4/anat/sub-4_T2w.nii"]
    assert not look(tmp_path, *files, subject=["1", "2"]).left_out
    assert reasons(look(tmp_path, *files, subject=["1", "4"])) == {"4": "no image that fits: sub-4_T2w.nii"}


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"participant_id\n\x00\n", b"", b"nothing\nsub-9\n"])
def test_a_bad_list_of_participants_costs_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "participants.tsv").write_bytes(content)
    assert not look(tmp_path, "sub-1/anat/sub-1_T1w.nii").left_out


@pytest.mark.parametrize(
    "content", ["participant_id\tname\nsub-1\tJürgen\nsub-4\tUta\n", "Participant_ID,name\nsub-1,Jürgen\nsub-4,Uta\n"]
)
def test_a_list_of_participants_in_latin_1_or_with_commas_names_them_too(tmp_path: Path, content: str) -> None:
    (tmp_path / "participants.tsv").write_bytes(content.encode("latin-1"))
    found = reasons(look(tmp_path, "sub-1/anat/sub-1_T1w.nii"))
    assert found == {"4": "in participants.tsv, but without a folder"}


def test_a_part_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    parts = [f"sub-1/anat/sub-1_part-{part}_T1w.nii" for part in ("imag", "mag", "phase", "real")]
    assert [s.entities["part"] for s in look(tmp_path, *parts).scans] == ["mag"]
    assert [s.entities["part"] for s in look(tmp_path, *parts, part="phase").scans] == ["phase"]


@given(st.lists(st.builds(LeftOut, subject=st.from_regex("[a-z]{1,3}", fullmatch=True), reason=st.sampled_from("xyz"))))
def test_a_clause_names_ten_at_most_and_counts_the_rest(subjects: list[LeftOut]) -> None:
    text = list_names(subjects)
    assert all(one.subject in text for one in subjects[:10])
    assert (f"and {len(subjects) - 10} more" in text) == (len(subjects) > 10)
