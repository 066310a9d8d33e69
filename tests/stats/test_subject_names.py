"""Subjects read from names of scans."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.stats.subject_names import AmbiguousError, subjects_in

pytestmark = pytest.mark.filterwarnings("error")

READ = [
    (["sub-1_T1w", "sub-2_T1w"], ["sub-1", "sub-2"], False),
    (["sub-01_ses-1_T1w", "sub-01_ses-2_T1w", "sub-02_ses-1_T2w"], ["sub-01", "sub-01", "sub-02"], False),
    (["sub-01_acq-x_run-2_MPRAGE.nii.gz", "sub-02_T1w.nii"], ["sub-01", "sub-02"], False),
    (["sub-01_ses-1_T1w", "sub-01_ses-2_T1w"], ["sub-01", "sub-01"], False),  # one subject's rescans alone
    (["/data/sub-01/anat/sub-01_T1w.nii.gz", "/data/sub-02/anat/x.nii"], ["sub-01", "sub-02"], False),
    (["sub-OAS_0001", "sub-OAS_0002"], ["sub-OAS_0001", "sub-OAS_0002"], True),
    (["sub-OAS_0001_T1w", "sub-OAS_0002_T1w"], ["sub-OAS_0001", "sub-OAS_0002"], True),
    (["sub-OAS_0001_MR1", "sub-OAS_0002_MR1"], ["sub-OAS_0001", "sub-OAS_0002"], True),
    (["sub-OAS_0001_ses-M1_T1w", "sub-OAS_0001_ses-M2_T1w", "sub-OAS_0002_ses-M1_T1w"],
     ["sub-OAS_0001", "sub-OAS_0001", "sub-OAS_0002"], True),
    (["sub-CC-110033_T1w", "sub-CC-110045_T1w"], ["sub-CC-110033", "sub-CC-110045"], True),
    (["sub-OAS_1/ses-1/T1w.nii", "sub-OAS_1/ses-2/T1w.nii", "sub-OAS_2/T1w.nii"],
     ["sub-OAS_1", "sub-OAS_1", "sub-OAS_2"], True),
    (["sub-01_brainx", "sub-02_brainx"], ["sub-01", "sub-02"], False),
]  # fmt: skip


@pytest.mark.parametrize(("names", "subjects", "told"), READ, ids=[names[0] for names, _, _ in READ])
def test_names_tell_the_subject(names: list[str], subjects: list[str], told: bool):
    found = subjects_in(names)
    assert [found.of[name] for name in names] == subjects
    assert bool(found.unlike_bids) == told


@pytest.mark.parametrize(
    ("names", "two"),
    [
        (["sub-OAS_0001_MR1", "sub-OAS_0001_MR2", "sub-OAS_0002_MR1"], "sub-OAS_0001_MR1 and sub-OAS_0001_MR2"),
        (["sub-site_A_1", "sub-site_B_1", "sub-site_A_2"], "sub-site_A_1 and sub-site_A_2"),
        (["sub-01_first", "sub-01_second", "sub-02_first"], "sub-01_first and sub-01_second"),
        (["sub-OAS_0001", "sub-ADNI_0001", "sub-ADNI_0002"], "sub-ADNI_0001 and sub-ADNI_0002"),
    ],
)
def test_names_that_may_be_one_subject_or_two_are_refused(names: list[str], two: str):
    with pytest.raises(AmbiguousError, match=two):
        subjects_in(names)


def test_names_without_a_subject_are_none():
    assert subjects_in(["scanA", "sub-", "mysub"]).of == {}
    assert subjects_in([]).of == {}


label = st.text(st.sampled_from("abcXYZ0189"), min_size=1, max_size=4)


@given(st.lists(st.tuples(label, label), min_size=1, max_size=6, unique=True))
def test_scans_named_as_in_bids_are_told_by_their_label(scans: list[tuple[str, str]]):
    names = {f"sub-{subject}_ses-{session}_T1w": f"sub-{subject}" for subject, session in scans}
    found = subjects_in(names)
    assert found.of == names
    assert not found.unlike_bids
