from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.base.errors import CannotWriteError
from lumirage_bids.bids.scans import Scan
from lumirage_bids.output import derivatives

LABEL = st.text("abcXYZ019", min_size=1, max_size=5)


def scan(subject: str, session: str | None, suffix: str = "T1w", **more: str) -> Scan:
    entities = {"sub": subject, **({"ses": session} if session else {}), **more}
    name = "_".join([*(f"{k}-{v}" for k, v in entities.items()), suffix])
    return Scan(
        path=Path(f"/d/{name}.nii.gz"),
        dataset=Path("/d"),
        subject=subject,
        session=session,
        suffix=suffix,
        entities=entities,
    )


@given(LABEL, st.none() | LABEL, LABEL, LABEL)
def test_entities_come_back_from_a_path(subject: str, session: str | None, seg: str, desc: str) -> None:
    path = derivatives.path(scan(subject, session), "dseg", ".nii.gz", seg=seg, desc=desc)
    want = {"sub": subject, **({"ses": session} if session else {}), "seg": seg, "desc": desc, "suffix": "dseg"}
    assert derivatives.entities_of(path) == want
    assert path.parts[0] == f"sub-{subject}"


@given(LABEL, st.none() | LABEL, LABEL, st.none() | LABEL)
def test_scans_of_different_subject_or_session_have_different_keys(
    a: str, s: str | None, b: str, t: str | None
) -> None:
    assert (scan(a, s).key == scan(b, t).key) == ((a, s) == (b, t))


def test_what_is_derived_replaces_the_description_of_a_preprocessed_image() -> None:
    made = scan("1", None, desc="preproc", acq="a")
    assert derivatives.prepared_image(made, "default").name == "sub-1_acq-a_desc-prepared_T1w.nii.gz"
    assert derivatives.label_map(made, "x").name == "sub-1_acq-a_space-T1w_seg-x_desc-preproc_dseg.nii.gz"
    standard = scan("1", None, space="MNI", res="2", desc="preproc")
    assert derivatives.prepared_mask(standard, "1mm").name == "sub-1_space-T1w_res-2_desc-1mm+brain_mask.nii.gz"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "table.tsv"
    derivatives.write_text(file, "old")

    def fail() -> None:
        with derivatives.replacing(file) as temporary:
            temporary.write_text("half")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        fail()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_temporary_file_keeps_the_extension_that_writers_go_by(tmp_path: Path) -> None:
    with derivatives.replacing(tmp_path / "a_T1w.nii.gz") as temporary:
        assert temporary.name.endswith(".nii.gz")
        temporary.write_bytes(b"x")


def test_missing_values_are_written_as_bids_wants_them(tmp_path: Path) -> None:
    import pandas as pd

    derivatives.write_table(tmp_path / "t.tsv", pd.DataFrame({"a": [1.5, float("nan")], "b": ["x", None]}), {"a": {}})
    assert (tmp_path / "t.tsv").read_text() == "a\tb\n1.5\tx\nn/a\tn/a\n"
    assert (tmp_path / "t.json").exists()


def test_an_unknown_entity_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="hemi"):
        derivatives.path(scan("1", None), "mask", ".nii.gz", hemi="L")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_refused(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Lustre and NFS answer where locks are switched off; nothing is put in their place."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(CannotWriteError, match="no file locks"), derivatives.lock(tmp_path, "root"):
        pass
    assert not [f for f in tmp_path.rglob("*") if f.is_file() and f.stat().st_size]
