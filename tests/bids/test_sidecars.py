"""Sidecars as people's programs write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumirage_bids.bids.dataset import Dataset, Query, open_dataset
from lumirage_bids.bids.sidecars import read_description, read_sidecars

T1W = {"t1w": {"suffix": "T1w"}}
STATED = {"PulseSequenceType": "MPRAGE", "SkullStripped": True, "InstitutionName": "Universität"}


def dataset(root: Path, content: bytes, name: str = "sub-1/anat/sub-1_run-01_T1w.json") -> Dataset:
    for subject in "12":
        image = root / f"sub-{subject}/anat/sub-{subject}_run-01_T1w.nii"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.touch()
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    (root / name).write_bytes(content)
    return open_dataset(root, Query(filters=T1W))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_any_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    found = dataset(tmp_path, json.dumps(STATED, ensure_ascii=False).encode(encoding))
    assert (found.scans[0].sequence, found.scans[0].skull_stripped) == ("MPRAGE", True)
    assert found.scans[1].sequence is None
    assert [("Latin-1" in note, "sub-1_run-01_T1w.json" in note) for note in found.notes] == (
        [(True, True)] if encoding == "latin-1" else []
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_descriptions_too(tmp_path: Path, encoding: str) -> None:
    root = dataset(tmp_path, b"{}").root
    text = json.dumps({"Name": "Universität", "BIDSVersion": "1.10.0"}, ensure_ascii=False)
    (root / "dataset_description.json").write_bytes(text.encode(encoding))
    assert read_description(root, "BIDS dataset")["Name"] == "Universität"
    assert open_dataset(root, Query(filters=T1W)).name == "Universität"


@pytest.mark.parametrize(
    ("field", "value"),
    [("run", 1), ("run", "01"), ("subject", "sub-1"), ("session", "a"), ("suffix", "bold"), ("extension", ".gz"),
     ("datatype", 3), ("task", None), ("acquisition", ["x"]), ("part", {"a": 1})],
)  # fmt: skip
@pytest.mark.parametrize("name", ["sub-1/anat/sub-1_run-01_T1w.json", "T1w.json"])
def test_a_field_called_like_an_entity_does_not_count(tmp_path: Path, name: str, field: str, value: object) -> None:
    found = dataset(tmp_path, json.dumps({field: value, **STATED}).encode(), name)
    assert [(s.subject, s.session, s.suffix, s.entities["run"]) for s in found.scans] == [
        ("1", None, "T1w", "01"),
        ("2", None, "T1w", "01"),
    ]
    assert found.scans[0].sequence == "MPRAGE"
    (note,) = found.notes
    assert f"{field!r}" in note
    assert name in note


@pytest.mark.parametrize(
    "text", ['{"A": "\\ud800", "SkullStripped": true}', '{"\\udfff": [{"x": "\\ud800"}], "SkullStripped": true}']
)
def test_half_characters_are_replaced_and_the_file_named(tmp_path: Path, text: str) -> None:
    found = dataset(tmp_path, text.encode())
    assert found.scans[0].skull_stripped is True
    (note,) = found.notes
    assert "sub-1/anat/sub-1_run-01_T1w.json" in note
    note.encode()


TEXT = st.text(st.characters(), max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["run", "subject", "suffix", "IntendedFor", "", "a b", "EchoTime", "scans", "fmap", "\x00"])


@settings(max_examples=15, deadline=None)
@given(content=st.dictionaries(KEYS | TEXT, JSON, max_size=5))
def test_no_sidecar_costs_the_dataset(content: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> None:
    found = dataset(tmp_path_factory.mktemp("fuzz"), json.dumps(content).encode())
    assert [s.subject for s in found.scans] == ["1", "2"]


def test_what_cannot_be_used_is_told_from_what_was_mended(tmp_path: Path) -> None:
    contents = {"good": b'{"a": 1}', "bad": b"{", "list": b"[]", "odd": b'{"run": 1}', "deep": b"[" * 100_000}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    found = read_sidecars([tmp_path / name for name in (*contents, "gone")], {"run"})
    assert found.contents == {tmp_path / "good": {"a": 1}, tmp_path / "odd": {}}
    assert {path.name for path in found.unusable} == {"bad", "list", "deep", "gone"}
    assert list(found.mended) == [tmp_path / "odd"]
