"""Scans, pairs and the files they need."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.bids.scans import File, LabelMapFile, Pair, Scan, normalise_sequence

LABEL = st.text("0123456789abcXYZ", min_size=1, max_size=4)
ROOT = Path("/data")


def scan(subject: str = "1", session: str | None = None, suffix: str = "T1w", **more: Any) -> Scan:
    entities = {"sub": subject, **({"ses": session} if session else {})}
    name = "_".join([*(f"{k}-{v}" for k, v in entities.items()), suffix])
    path = ROOT / f"sub-{subject}" / "anat" / f"{name}.nii.gz"
    return Scan(path=path, dataset=ROOT, subject=subject, session=session, suffix=suffix, entities=entities, **more)


def test_name_has_no_extension() -> None:
    assert scan("1", "2").name == "sub-1_ses-2_T1w"


@given(
    st.lists(st.tuples(LABEL, st.none() | LABEL, st.sampled_from(["T1w", "T2w"])), min_size=2, max_size=2, unique=True)
)
def test_key_is_injective_without_plus(two: list[tuple[str, str | None, str]]) -> None:
    first, second = (scan(*labels) for labels in two)
    assert first.key != second.key
    assert set(first.key) <= set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+")


@given(st.text())
def test_sequence_normalisation_is_idempotent(text: str) -> None:
    assert normalise_sequence(normalise_sequence(text)) == normalise_sequence(text)


def test_split_is_ordered_and_rescans_are_apart() -> None:
    mp, mp2 = scan("1", sequence="MPRAGE"), scan("2", sequence="MP2RAGE")
    assert Pair(moving=mp, fixed=mp2).split == "MPRAGE to MP2RAGE"
    assert Pair(moving=mp2, fixed=mp).split == "MP2RAGE to MPRAGE"
    assert Pair(moving=scan("1", "1"), fixed=scan("1", "2")).split == "same subject"
    assert Pair(moving=scan("1"), fixed=scan("2", suffix="T2w")).split == "T1w to T2w"


def test_needs_image_mask_labels_and_their_table() -> None:
    def file(name: str) -> File:
        return File(path=ROOT / name, dataset=ROOT)

    labels = {"tissue": LabelMapFile(path=ROOT / "t.nii", dataset=ROOT, lut=ROOT / "t.tsv")}
    plain = scan(labels=labels, mask=file("m.nii"))
    assert [f.relative for f in plain.needs()] == ["sub-1/anat/sub-1_T1w.nii.gz", "m.nii"]
    assert [f.relative for f in plain.needs(("tissue", "other"))][2:] == ["t.nii", "t.tsv"]
    assert scan(brain=file("b.nii")).needs()[0].relative == "b.nii"


def test_presence_and_fingerprint_follow_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    file = File(path=path, dataset=tmp_path)
    before = file.present, file.fingerprint
    path.write_bytes(b"123")
    assert (before, file.present) == ((False, "a.nii:absent"), True)
    small = file.fingerprint
    path.write_bytes(b"1234")
    assert file.fingerprint != small


@pytest.mark.parametrize("key", ["SHA256E-s5--abc.nii", "MD5E-s5--abc.nii", "SHA256-s5--abc", "URL--http&c%%a.b%c"])
def test_fingerprint_of_an_annexed_file_is_its_key(tmp_path: Path, key: str) -> None:
    target = tmp_path / "objects" / key
    file = File(path=tmp_path / "a.nii", dataset=tmp_path)
    file.path.symlink_to(target)
    before = file.present, file.fingerprint
    target.parent.mkdir()
    target.write_bytes(b"12345")
    assert [before, (file.present, file.fingerprint)] == [(False, f"a.nii:{key}"), (True, f"a.nii:{key}")]


def test_scans_work_as_dictionary_keys() -> None:
    assert {scan("1"): 1}[scan("1")] == 1


def test_the_lender_of_a_mask_is_wanted_but_not_needed(tmp_path: Path) -> None:
    here = Scan(path=tmp_path / "sub-1_T1w.nii", dataset=tmp_path, subject="1", session=None, suffix="T1w", entities={})
    borrower = replace(here, path=tmp_path / "sub-1_T2w.nii", suffix="T2w", lender=here)
    assert borrower.needs() == borrower.sources() == [borrower]
    assert borrower.wants() == [borrower, here]
    assert not borrower.lends
    here.path.write_bytes(b"1")
    assert borrower.lends
    assert borrower.sources() == [borrower, here]
    stripped = replace(here, brain=File(path=tmp_path / "brain.nii", dataset=tmp_path))
    assert not replace(borrower, lender=stripped).lends  # both images are read


def test_a_pair_of_one_subject_is_a_rescan() -> None:
    pair = Pair(moving=scan("1", "1"), fixed=scan("1", "2", sequence="MP2RAGE"))
    assert pair.split == "same subject"
