"""Sidecars as people's programs write them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumirage_bids.base import errors
from lumirage_bids.base.errors import InvalidDatasetError
from lumirage_bids.bids.dataset import Dataset, Query, open_dataset
from lumirage_bids.bids.sidecars import read_description, read_participants, read_sidecars, read_species
from lumirage_bids.output.files import read_json
from tests.bids.trees import look, make, names, put

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
    assert list(found.repaired) == [tmp_path / "odd"]


def test_a_file_with_several_odd_fields_is_noted_once(tmp_path: Path) -> None:
    found = dataset(tmp_path, b'{"run": 1, "extension": "x", "datatype": "y"}')
    (note,) = (note for note in found.notes if "JSON file(s)" in note)
    assert all(f"'{field}'" in note for field in ("run", "extension", "datatype"))


def test_a_faulty_description_is_accepted_when_asked(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii")
    (root / "dataset_description.json").unlink()
    query = Query(filters=T1W)
    with pytest.raises(errors.InvalidDatasetError):
        open_dataset(root, query)
    dataset = open_dataset(root, query, validate=False)
    assert names(dataset) == ["sub-1_T1w"]
    assert "dataset_description.json" in dataset.notes[0]


@pytest.mark.parametrize("bad", ["[]", "{", '"text"', "null", "\xff", "[" * 100000])
def test_a_bad_sidecar_costs_its_own_fields_only(tmp_path: Path, bad: str) -> None:
    good = {"PulseSequenceType": "MP2RAGE"}
    files = {"sub-1/anat/sub-1_T1w.json": bad, "sub-2/anat/sub-2_T1w.json": good}
    dataset = look(make(tmp_path, "sub-1_T1w.nii", "sub-2_T1w.nii.gz", **files))
    assert [scan.sequence for scan in dataset.scans] == [None, "MP2RAGE"]
    (note,) = dataset.notes
    assert "sub-1/anat/sub-1_T1w.json" in note


def test_sidecars_that_are_pointers_are_told_as_not_here(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-2_T1w.nii", **{"T1w.json": {"PulseSequenceType": "MP-RAGE"}})
    put(root / "sub-2/anat/sub-2_T1w.json", "/annex/objects/MD5E-s99--0123abcd.json\n")
    dataset = look(root)
    assert [scan.sequence for scan in dataset.scans] == ["MPRAGE", "MPRAGE"]
    assert "content not here" in dataset.notes[0]


def test_a_description_that_is_not_here_is_to_be_fetched(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii")
    description = root / "dataset_description.json"
    description.write_text("/annex/objects/MD5E-s99--0123abcd.json\n")
    with pytest.raises(errors.InvalidDatasetError, match=f"datalad get -d {root} {description}"):
        look(root)
    description.unlink()
    description.symlink_to(".git/annex/objects/a/b/MD5E-s99--0123abcd.json/MD5E-s99--0123abcd.json")
    with pytest.raises(errors.InvalidDatasetError, match=f"datalad get -d {root} {description}"):
        look(root)


def test_sidecars_are_inherited_and_the_nearest_wins(tmp_path: Path) -> None:
    files = {
        "T1w.json": {"PulseSequenceType": "MP-RAGE", "SkullStripped": False},
        "sub-2/sub-2_T1w.json": {"SkullStripped": "true"},
        "sub-2/ses-1/anat/sub-2_ses-1_T1w.json": {"PulseSequenceType": "MP2RAGE"},
    }
    dataset = look(make(tmp_path, "sub-1_T1w.nii", "sub-2_ses-1_T1w.nii", **files))
    assert [(s.sequence, s.skull_stripped) for s in dataset.scans] == [("MPRAGE", False), ("MP2RAGE", True)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no dataset_description.json"),
        ("{", "cannot be read"),
        ("[]", "not an object"),
        ('{"Name": "x"}', "lacks the text 'BIDSVersion'"),
        ('{"Name": 3, "BIDSVersion": "1.8.0"}', "lacks the text 'Name': got 3"),
        ("\x80" * 4 + "{", "cannot be read"),
    ],
)
def test_description_must_be_right(tmp_path: Path, content: str | None, said: str) -> None:
    root = make(tmp_path, "sub-1_T1w.nii")
    (root / "dataset_description.json").unlink()
    if content is not None:
        put(root / "dataset_description.json", content)
    with pytest.raises(errors.InvalidDatasetError, match=said):
        look(root)


def test_species_come_from_the_table_of_participants(tmp_path: Path) -> None:
    root = tmp_path / "d"
    make(root, "sub-1_T1w.nii", "sub-2_T1w.nii", "sub-3_T1w.nii")
    (root / "participants.tsv").write_text(
        "\ufeffparticipant_id\tage\tspecies\nsub-1\t3\tmacaca mulatta\nsub-2\t4\tn/a\n", "utf-8"
    )
    found = look(root)
    assert {s.subject: s.species for s in found.scans} == {"1": "macaca mulatta", "2": "", "3": ""}
    assert [n for n in found.notes if "species" in n] == [
        "The species of 1 subject(s) is 'n/a' in participants.tsv: they count as what the protocol's [masks] species "
        "says, and as humans where it says nothing."
    ]


@pytest.mark.parametrize(
    "content",
    [
        "participant_id\tspecies\nsub-1\tmacaca mulatta\n".encode("utf-16"),
        "participant_id\tsite\tspecies\nsub-1\tMontr\xe9al\tmacaca mulatta\n".encode("latin-1"),
        b"participant_id,species\nsub-1,macaca mulatta\n",
        b'"participant_id"\t"species"\n"sub-1"\t"macaca mulatta"\n',
        b"Participant_ID\tSpecies\r\nsub-1\tmacaca mulatta\r\n",
    ],
)
def test_the_table_of_participants_is_read_as_programs_write_it(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_bytes(content)
    assert read_species(tmp_path) == ({"1": "macaca mulatta"}, {})


@pytest.mark.parametrize("column", ["species\nsub-1\tHomo sapiens\nsub-9\tunknown\n", "age\nsub-1\tn/a\n"])
def test_species_that_are_named_or_not_asked_for_are_not_noted(tmp_path: Path, column: str) -> None:
    make(tmp_path / "d", "sub-1_T1w.nii")
    (tmp_path / "d" / "participants.tsv").write_text(f"participant_id\t{column}", "utf-8")
    assert not [n for n in look(tmp_path / "d").notes if "species" in n]


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    for name in ("T1w.json", "participants.tsv"):
        os.mkfifo(tmp_path / name)
    assert read_sidecars([tmp_path / "T1w.json"], ()).unusable == {
        tmp_path / "T1w.json": "a named pipe in place of a file"
    }
    assert read_participants(tmp_path) == []
    os.mkfifo(tmp_path / "dataset_description.json")
    with pytest.raises(InvalidDatasetError, match=r"dataset_description\.json is a named pipe, not a file"):
        read_description(tmp_path, "BIDS dataset")
    assert read_json(tmp_path / "dataset_description.json") == {}
