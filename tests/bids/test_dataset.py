"""From BIDS trees, tidy and untidy, to scans."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.base import errors
from lumirage_bids.bids.dataset import (
    KNOWN_LABELLINGS,
    Dataset,
    Query,
    datalad_get_line,
    most_sensible,
    open_dataset,
    read_filter,
    read_lut,
)
from lumirage_bids.bids.filters import check_filter, ready_made, selects
from lumirage_bids.bids.found_maps import belongs
from lumirage_bids.bids.look_up_tables import find_lut
from lumirage_bids.bids.names import ENTITIES, natural_key, parse_name
from lumirage_bids.bids.scans import File, Scan

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data"
T1W = {"t1w": {"suffix": "T1w"}}
DESCRIPTION = {"Name": "Made up", "BIDSVersion": "1.10.0"}
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real datasets in ../shared/data are not here")


def make(root: Path, *images: str, **files: object) -> Path:
    """Write a dataset: empty images (dangling links where the name starts with !), and JSON or text by path."""
    (root / "dataset_description.json").parent.mkdir(parents=True, exist_ok=True)
    (root / "dataset_description.json").write_text(json.dumps(DESCRIPTION))
    for image in images:
        name = image.removeprefix("!")
        entities, _ = parse_name(name) or ({}, "")
        folder = Path(*(f"{k}-{entities[k]}" for k in ("sub", "ses") if k in entities), "anat")
        put(root / (name if "/" in name else folder / name), None if image.startswith("!") else "")
    for path, content in files.items():
        put(root / path, content if isinstance(content, str) else json.dumps(content))
    return root


def put(path: Path, content: str | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.symlink_to("../.git/annex/objects/aa/SHA256E-s1--ab/SHA256E-s1--ab")
    else:
        path.write_text(content)


def look(root: Path, filters: Mapping[str, Mapping[str, object]] = T1W, **query: Any) -> Dataset:
    return open_dataset(root, Query(filters=filters, **query))


def names(dataset: Dataset) -> list[str]:
    return [scan.name for scan in dataset.scans]


# The published trees


@pytest.fixture(scope="session")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layouts")
    for archive in sorted((DATA / "layouts").glob("*.tar.gz")):
        with tarfile.open(archive) as tar:
            tar.extractall(folder / archive.name.split("-")[0], filter="tar")
    return folder


@pytest.fixture(scope="session")
def nimh_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("index")


@needs_data
class TestPublishedTrees:
    def test_ultracortex(self, layouts: Path) -> None:
        (root,) = (layouts / "ultracortex").iterdir()
        derivatives = "derivatives/{}/sub-{{subject}}_ses-{{session}}_{}.nii"
        dataset = look(
            root,
            label_patterns={"manual": derivatives.format("manual_segmentation", "seg")},
            mask_pattern=derivatives.format("brainmasks", "brainmask"),
            brain_pattern=derivatives.format("skullstrips", "skullstrip"),
        )
        first = [scan for scan in dataset.scans if scan.session == "1"]
        labelled = [scan for scan in dataset.scans if "manual" in scan.labels]
        assert (len(dataset.scans), len(first), len({scan.subject for scan in first})) == (86, 78, 78)
        assert len(labelled) == 12
        assert {scan.session for scan in labelled} == {"1"}
        assert [scan.sequence for scan in first].count("MPRAGE") == 17
        assert [scan.sequence for scan in first].count("MP2RAGE") == 61
        assert sorted(scan.session or "" for scan in dataset.scans if scan.subject == "3") == ["1", "2", "3"]
        assert all(scan.mask and scan.brain and not scan.present for scan in dataset.scans)
        assert dataset.found["manual"].endswith("for 12 of 86 scans")
        assert names(look(root, read_filter("ultracortex"))) == [scan.name for scan in first]

    @pytest.mark.parametrize(
        ("name", "n"), [("nimh-t1w", 155), ("nimh-t2w", 153), ("nimh-t2starw", 147), ("nimh-flair", 146)]
    )
    def test_nimh(self, layouts: Path, name: str, n: int, nimh_index: Path) -> None:
        (root,) = (layouts / "nimh").iterdir()
        dataset = open_dataset(root, Query(filters=read_filter(name)), database_dir=nimh_index)
        assert len(dataset.scans) == len({scan.subject for scan in dataset.scans}) == n
        assert len({scan.suffix for scan in dataset.scans}) == 1
        assert not dataset.notes

    def test_nimh_choices_follow_the_preference(self, layouts: Path, nimh_index: Path) -> None:
        (root,) = (layouts / "nimh").iterdir()
        query = Query(filters=read_filter("nimh-t1w"), prefer=({"rec": "SCIC"},))
        dataset = open_dataset(root, query, database_dir=nimh_index)
        assert {scan.entities["rec"] for scan in dataset.scans} == {"SCIC"}
        assert {choice.reason for choice in dataset.choices} == {
            "preferred: reconstruction SCIC",
            "first in natural order",
        }
        plain = open_dataset(root, Query(filters=read_filter("nimh-t1w")), database_dir=nimh_index)
        assert [scan.entities.get("rec") for scan in plain.scans].count(None) == 93

    def test_oasis(self) -> None:
        dataset = look(
            DATA / "oasis-braincolor",
            labellings=("tissue", "braincolor", "synthseg"),
            derivatives={"braincolor": DATA / "oasis-braincolor/derivatives/braincolor"},
        )
        assert len(dataset.scans) == 10
        assert dataset.found == {
            n: f"existing maps seg-{n} from derivatives 'braincolor' for 10 of 10 scans"
            for n in ("tissue", "braincolor")
        }
        scan = dataset.scans[0]
        assert (scan.sequence, scan.skull_stripped, scan.kind) == ("MPRAGE", True, "MPRAGE")
        assert scan.mask is not None
        assert scan.mask.present
        lut = scan.labels["braincolor"].lut
        assert lut is not None
        rows = [line.split("\t") for line in lut.read_text().splitlines()[1:]]
        assert [[str(index), name] for index, name in read_lut(lut).items()] == [row for row in rows if row[0] != "0"]
        assert read_lut(DATA / "oasis-braincolor/derivatives/braincolor/seg-tissue_dseg.tsv") == {
            1: "CSF",
            2: "GM",
            3: "WM",
        }

    def test_several_contrasts(self) -> None:
        dataset = look(DATA / "openms", {**T1W, "t2w": {}, "flair": {}})
        assert [scan.suffix for scan in dataset.scans] == ["FLAIR", "T1w", "T2w"] * 2
        assert {scan.session for scan in dataset.scans} == {None}


# Untidy trees


def test_derivatives_are_used_only_when_they_are_given(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", **{"derivatives/a.json": [1], "derivatives/masks/sub-1_mask.nii": ""})
    made = make(root / "derivatives/mine", "sub-1_seg-tissue_dseg.nii")
    put(root / "derivatives/broken/dataset_description.json", "{")
    dataset = look(root, labellings=("tissue",))
    assert names(dataset) == ["sub-1_T1w"]
    assert not dataset.derivatives
    assert not dataset.found
    assert not dataset.notes
    assert "tissue" in look(root, labellings=("tissue",), derivatives={"mine": made}).found


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


def test_dangling_images_and_sidecars(tmp_path: Path) -> None:
    root = make(tmp_path, "!sub-1_T1w.nii", "sub-2_T1w.nii", **{"T1w.json": {"PulseSequenceType": "MP-RAGE"}})
    put(root / "sub-2/anat/sub-2_T1w.json", None)
    dataset = look(root)
    assert [(scan.present, scan.sequence) for scan in dataset.scans] == [(False, "MPRAGE"), (True, "MPRAGE")]
    assert "content not here" in dataset.notes[0]


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


def test_folders_above_the_dataset_do_not_name_entities(tmp_path: Path) -> None:
    root = make(
        tmp_path / "sub-9_acq-x" / "ses-8" / "run-7" / "anat" / "data (1)+", "sub-1_T1w.nii", "sub-2_ses-1_T1w.nii"
    )
    assert names(look(root, {"t1w": {"acquisition": None, "run": None}})) == ["sub-1_T1w", "sub-2_ses-1_T1w"]
    assert names(look(root, {"t1w": {"session": None}})) == ["sub-1_T1w"]


def test_raw_folders_besides_anat_are_not_read(tmp_path: Path) -> None:
    others = ("sourcedata/sub-1/anat/sub-1_T2w.nii", "code/sub-1_T2w.nii", "sub-1/func/sub-1_T2w.nii")
    root = make(tmp_path, "sub-1_T1w.nii", *others, "sub-1/meg/sub-1_meg.ds/sub-1_T2w.nii", ".datalad/sub-1_T2w.nii")
    with pytest.raises(errors.NothingSelectedError, match="Anatomical images there: 1 T1w"):
        look(root, {"t2w": {}})


def test_misnamed_images_are_left_out_and_told(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-1/anat/sub-2_T1w.nii", "sub-1/anat/sub-1_copy_T1w.nii")
    dataset = look(root)
    assert names(dataset) == ["sub-1_T1w"]
    assert "2 image(s)" in dataset.notes[0]


def test_keys_that_would_be_equal_are_refused(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-a+b_T1w.nii", "sub-a_ses-b_T1w.nii")
    with pytest.raises(errors.InvalidDatasetError, match=r"a\+b\+T1w"):
        look(root)


def test_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(errors.MissingInputError, match="no such folder"):
        look(tmp_path / "none")
    put(tmp_path / "file", "")
    with pytest.raises(errors.MissingInputError, match="not a folder"):
        look(tmp_path / "file")


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


def test_given_derivatives_must_be_datasets(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", "sub-1_T1w.nii")
    with pytest.raises(errors.MissingInputError, match="--derivatives synthseg"):
        look(root, derivatives={"synthseg": tmp_path / "none"})
    (tmp_path / "flat").mkdir()
    with pytest.raises(errors.InvalidDatasetError, match="BIDSVersion"):
        look(root, derivatives={"flat": tmp_path / "flat"})


# One scan per subject, session and contrast


def test_choice_rules_in_order(tmp_path: Path) -> None:
    images = ("sub-1_acq-b_T1w.nii", "!sub-1_acq-a_T1w.nii", "sub-1_acq-c_rec-x_T1w.nii", "sub-2_T1w.nii")
    root = make(tmp_path, *images, "sub-3_run-10_T1w.nii", "sub-3_run-9_T1w.nii", "sub-3_acq-b_rec-y_run-1_T1w.nii")
    dataset = look(root)
    assert names(dataset) == ["sub-1_acq-a_T1w", "sub-2_T1w", "sub-3_run-9_T1w"]
    first, second = dataset.choices
    assert first.reason == "first in natural order"
    assert first.others == ("sub-1/anat/sub-1_acq-b_T1w.nii", "sub-1/anat/sub-1_acq-c_rec-x_T1w.nii")
    assert second.reason == "first in natural order"
    preferred = look(root, prefer=({"rec": "x"}, {"acquisition": "b"}))
    assert names(preferred) == ["sub-1_acq-c_rec-x_T1w", "sub-2_T1w", "sub-3_acq-b_rec-y_run-1_T1w"]
    assert [choice.reason for choice in preferred.choices] == [
        "preferred: reconstruction x",
        "preferred: acquisition b",
    ]


def test_compressed_twin_and_presence_do_not_matter(tmp_path: Path) -> None:
    dataset = look(make(tmp_path, "!sub-1_T1w.nii", "sub-1_T1w.nii.gz"))
    assert [scan.path.name for scan in dataset.scans] == ["sub-1_T1w.nii"]


def test_unknown_preference(tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match="unknown entity 'colour'"):
        look(make(tmp_path, "sub-1_T1w.nii"), prefer=({"colour": "red"},))


# Filters


def test_filter_values(tmp_path: Path) -> None:
    files = {"sub-1/anat/sub-1_acq-a_run-01_T1w.json": {"PulseSequenceType": "MP-RAGE", "EchoTime": 0.5, "Done": True}}
    root = make(tmp_path, "sub-1_acq-a_run-01_T1w.nii", "sub-2_run-2_T1w.nii.gz", "sub-3_T1w.nii", **files)

    def subjects(**query: object) -> str:
        try:
            return "".join(scan.subject for scan in look(root, {"t1w": query}).scans)
        except errors.NothingSelectedError:
            return ""

    assert subjects(run=1) == subjects(run="1") == subjects(run="01") == "1"
    assert subjects(run="*") == "12"
    assert subjects(run=None) == "3"
    assert subjects(run=[2, None]) == "23"
    assert subjects(subject=3) == "3"
    assert subjects(extension=".nii") == subjects(extension="nii") == "13"
    assert subjects(PulseSequenceType="MP-RAGE", EchoTime=0.5, Done=True) == "1"
    assert subjects(EchoTime="0.5") == subjects(Done=1) == subjects(Done=False) == subjects(datatype="func") == ""
    assert subjects(EchoTime=None) == "23"
    assert subjects(suffix=["T1w", "T2w"]) == "123"


def test_queries_are_united(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-1_T2w.nii", "sub-2_PDw.nii")
    assert names(look(root, {"t1w": {}, "pdw": {}})) == ["sub-1_T1w", "sub-2_PDw"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("acq", "Did you mean 'acquisition'"),
        ("PulsSequenceType", "Did you mean 'PulseSequenceType'"),
        ("x", "Entities"),
    ],
)
def test_unknown_keys(tmp_path: Path, key: str, said: str) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", **{"T1w.json": {"PulseSequenceType": "MP-RAGE"}})
    with pytest.raises(errors.UsageError, match=f"unknown key '{key}'.*{said}"):
        look(root, {"t1w": {key: "1"}})


def test_ready_made_filters_are_right() -> None:
    expected = "flair nimh-flair nimh-ood nimh-t1w nimh-t2starw nimh-t2w prime-de t1w t2starw t2w ultracortex"
    assert ready_made() == expected.split()
    assert sorted(p.stem for p in (REPOSITORY / "bids_filters").glob("*.json")) == ready_made()
    for name in ready_made():
        for query, entities in read_filter(name).items():
            assert str(entities["suffix"]).lower() == query


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"t1w": {"session": 1,}}', "line 1, column 23"),
        ('{\n"t1w": }', "line 2, column 8"),
        ("", "line 1, column 1"),
        ("[]", "expected queries"),
        ("{}", "expected queries"),
        ('{"bold": {}}', "no query for anatomical images, only bold.*t1w, t2w, pdw"),
        ('{"T1w": {}}', "unknown query 'T1w'. Did you mean 't1w'"),
        ('{"t1w": []}', "must map entities"),
        ('{"t1w": {"run": {}}}', "t1w.run"),
        ('{"t1w": {"run": []}}', "t1w.run"),
        ('{"t1w": {"run": NaN}}', "NaN"),
        ('{"t1w": {}, "t1w": {}}', "'t1w' given twice"),
        ('{"t1w": {"run": ' + "9" * 5000 + "}}", "cannot be read"),
        ("[" * 100000, "cannot be read"),
    ],
)
def test_wrong_filter_files(tmp_path: Path, text: str, said: str) -> None:
    put(tmp_path / "f.json", text)
    with pytest.raises(errors.UsageError, match=said):
        read_filter(str(tmp_path / "f.json"))


def test_filter_names(tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match=r"No filter is called 't3w'.*ultracortex"):
        read_filter("t3w")
    with pytest.raises(errors.MissingInputError, match="no filter file"):
        read_filter(str(tmp_path / "none.json"))
    with pytest.raises(errors.UsageError, match="cannot be read"):
        read_filter(str(tmp_path))


@given(
    st.one_of(
        st.binary(),
        st.text().map(str.encode),
        st.recursive(
            st.none() | st.text() | st.floats(),
            lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["t1w", "run", "x"]), x),
        ).map(lambda x: json.dumps(x).encode()),
    )
)
def test_fuzzed_filter_files(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.json"
    path.write_bytes(content)
    try:
        assert read_filter(str(path))
    except errors.UsageError as error:
        said = str(error)
    else:
        said = str(path)
    assert str(path) in said


@given(st.text())
def test_fuzzed_filter_names(name: str) -> None:
    with pytest.raises((errors.UsageError, errors.MissingInputError)):
        read_filter("not-" + name)


VALUE = st.sampled_from(["1", "01", "2", "a"])
KEY = st.sampled_from(["run", "acquisition", "EchoTime"])


@given(KEY, VALUE, st.dictionaries(KEY, VALUE))
def test_laws_of_selection(key: str, value: str, properties: dict[str, str]) -> None:
    assert selects({}, properties)
    assert selects({key: "*"}, properties) != selects({key: None}, properties)
    assert selects({key: ["*", None]}, properties)
    assert selects({key: [value, "2"]}, properties) == (
        selects({key: value}, properties) or selects({key: "2"}, properties)
    )
    assert selects(properties, properties)
    assert not selects({key: value}, properties) or selects({key: "*"}, properties)


# Label maps and masks

LABELS = st.sampled_from(["1", "2", "01"])
ENTITY_SETS = st.dictionaries(st.sampled_from(["ses", "acq", "rec", "run", "space", "seg", "desc"]), LABELS)


def scan_of(entities: Mapping[str, str]) -> Scan:
    entities = {"sub": "1", **entities}
    path = Path("/d/sub-1/anat", "_".join(f"{k}-{v}" for k, v in entities.items()) + "_T1w.nii")
    session = entities.get("ses")
    return Scan(path=path, dataset=Path("/d"), subject="1", session=session, suffix="T1w", entities=entities)


@given(ENTITY_SETS, ENTITY_SETS)
def test_laws_of_belonging(raw: dict[str, str], derived: dict[str, str]) -> None:
    raw.pop("space", None)
    scan, derived = scan_of(raw), {"sub": "1", **derived}
    assert belongs(scan, scan.entities)
    assert belongs(scan, {"sub": "1"})
    assert belongs(scan, {**scan.entities, "space": "T1w"})
    assert not belongs(scan, {**derived, "sub": "2"})
    assert not belongs(scan, {**derived, "space": "MNI"})
    fewer = {k: v for k, v in derived.items() if k not in raw}
    if belongs(scan, derived):  # taking entities away never breaks a match
        assert belongs(scan, fewer)
    assert belongs(scan, derived) == belongs(scan, {**derived, "desc": "other", "seg": "any"})
    differs = [k for k in raw if k in derived and k not in {"run", "desc", "seg"} and raw[k] != derived[k]]
    assert not (differs and belongs(scan, derived))


def test_label_maps_go_to_their_own_scan(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_acq-a_T1w.nii", "sub-1_acq-c_T2w.nii", "sub-2_ses-1_T1w.nii", "sub-2_ses-2_T1w.nii")
    maps = ("sub-1_acq-a_space-T1w_seg-x_dseg.nii", "sub-1_acq-c_space-T2w_seg-x_dseg.nii.gz")
    make(root / "derivatives/d", *maps, "sub-2_ses-1_seg-x_dseg.nii", "sub-2_ses-2_space-MNI_seg-x_dseg.nii")
    make(root / "derivatives/d", "sub-1_acq-a_desc-brain_mask.nii", "!sub-2_ses-2_desc-brain_mask.nii")
    dataset = look(root, {**T1W, "t2w": {}}, labellings=("x", "y"), derivatives={"d": root / "derivatives/d"})
    maps_found = {scan.name: scan.labels["x"].path.name for scan in dataset.scans if "x" in scan.labels}
    assert maps_found == {
        "sub-1_acq-a_T1w": maps[0],
        "sub-1_acq-c_T2w": maps[1],
        "sub-2_ses-1_T1w": "sub-2_ses-1_seg-x_dseg.nii",
    }
    assert [scan.mask is not None for scan in dataset.scans] == [True, False, False, True]
    assert dataset.found == {"x": "existing maps seg-x from derivatives 'd' for 3 of 4 scans"}
    assert not dataset.notes


def test_maps_of_fmriprep_go_by_their_description(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", "sub-1_acq-a_T1w.nii", "sub-2_T1w.nii")
    maps = ("sub-1_acq-a_desc-aseg_dseg.nii.gz", "sub-2_desc-aseg_dseg.nii.gz", "sub-2_dseg.nii.gz")
    others = ("sub-2_desc-aparcaseg_dseg.nii.gz", "sub-2_seg-x_desc-aseg_dseg.nii.gz", "sub-2_desc-brain_mask.nii.gz")
    tables = {"desc-aseg_dseg.tsv": "index\tname\n0\tUnknown\n2\tLeft-Cerebral-White-Matter\n"}
    fmriprep = make(tmp_path / "fmriprep", *maps, *others, **tables)
    dataset = look(root, labellings=("aseg",), derivatives={"fmriprep": fmriprep})
    assert [scan.labels["aseg"].path.name for scan in dataset.scans] == list(maps[:2])
    assert dataset.found == {"aseg": "existing maps desc-aseg from derivatives 'fmriprep' for 2 of 2 scans"}
    lut = find_lut(dataset.scans[1].labels["aseg"], "aseg")
    assert lut is not None
    assert read_lut(lut) == {2: "Left-Cerebral-White-Matter"}
    assert not dataset.notes
    # Its preprocessed images as the dataset itself.
    make(
        fmriprep,
        "sub-1_acq-a_desc-preproc_T1w.nii",
        "sub-2_space-MNI_desc-preproc_T1w.nii",
        "sub-2_desc-preproc_T1w.nii",
    )
    itself = look(fmriprep, labellings=("aseg",), derivatives={"fmriprep": fmriprep})
    assert names(itself) == ["sub-1_acq-a_desc-preproc_T1w", "sub-2_desc-preproc_T1w"]
    assert [scan.labels["aseg"].path.name for scan in itself.scans] == list(maps[:2])


def test_a_map_of_one_hemisphere_is_no_whole_map(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-2_T1w.nii")
    maps = ("sub-1_hemi-L_seg-x_dseg.nii", "sub-1_hemi-R_seg-x_dseg.nii", "sub-2_hemi-L_seg-x_dseg.nii")
    made = make(root / "derivatives/d", *maps, "sub-2_seg-x_dseg.nii")
    one, two = look(root, labellings=("x",), derivatives={"d": made}).scans
    assert not one.labels
    assert two.labels["x"].path.name == "sub-2_seg-x_dseg.nii"
    # An image of that hemisphere has it.
    assert belongs(replace(one, entities={"sub": "1", "hemi": "L"}), {"sub": "1", "hemi": "L", "seg": "x"})
    assert not belongs(replace(one, entities={"sub": "1", "hemi": "R"}), {"sub": "1", "hemi": "L", "seg": "x"})


def test_maps_of_other_formats_and_parts_are_told(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-2_T1w.nii")
    maps = ("sub-1_desc-aseg_dseg.mgz", "sub-2_desc-aseg_dseg.nii", "sub-2_desc-aseg_dseg.mgz", "sub-1_seg-x_dseg.mgz")
    made = make(root / "derivatives/d", *maps, "sub-1_hemi-L_seg-y_dseg.nii", "sub-2_hemi-L_seg-y_dseg.nii")
    found = look(root, labellings=("aseg", "x", "y"), derivatives={"d": made})
    assert found.found == {"aseg": "existing maps desc-aseg from derivatives 'd' for 1 of 2 scans"}
    folder = made / "sub-1/anat"
    assert found.hints["aseg"].endswith(f"nib-convert {folder}/{maps[0]} {folder}/sub-1_desc-aseg_dseg.nii.gz.")
    assert "'x' of 1 scan(s) cannot be used" in found.hints["x"]
    assert "'y' of 2 scan(s) cannot be used" in found.hints["y"]
    assert "of a part of the brain (hemi-)" in found.hints["y"]
    assert set(found.hints.values()) <= set(found.notes)


def test_derivatives_without_label_maps_are_named_with_what_they_have(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", "sub-1_T1w.nii", "sub-2_T1w.nii")
    full = make(tmp_path / "full", "sub-2_seg-x_dseg.nii")
    mgz = make(tmp_path / "mgz", "sub-1_desc-aseg_dseg.mgz", "sub-2_desc-aseg_dseg.mgz", "sub-1_desc-brain_mask.nii")
    given = {"full": full, "mgz": mgz, "empty": make(tmp_path / "empty")}
    notes = look(root, labellings=("tissue",), derivatives=given, instead=True).notes
    assert [note.partition(",")[0] for note in notes] == [
        f"No label map (…_dseg.nii.gz) of the 2 scan(s) is in derivatives {name!r}" for name in ("mgz", "empty")
    ]
    folder = mgz / "sub-1/anat"
    command = f"nib-convert {folder}/sub-1_desc-aseg_dseg.mgz {folder}/sub-1_desc-aseg_dseg.nii.gz"
    assert notes[0].endswith(
        f"; brain masks are. 2 map(s) are no NIfTI files: {folder}/sub-1_desc-aseg_dseg.mgz. To convert it: {command}"
    )
    assert notes[1].endswith(f"{tmp_path}/empty.")


def test_an_image_that_lies_there_as_nifti_too_needs_no_conversion(tmp_path: Path) -> None:
    images = ("sub-1_T1w.nii.gz", "sub-1_T1w.mgz", "sub-2_T1w.nii", "!sub-3_T1w.nii.gz", "sub-3_T1w.mgz")
    root = make(tmp_path, *images)
    assert look(root).notes == ()
    put(root / "sub-2/anat/sub-2_acq-x_T1w.mgz", "")
    (note,) = look(root).notes
    assert "1 image(s)" in note
    assert "nib-convert" in note.partition("acq-x_T1w.mgz")[2]


@pytest.mark.parametrize(("shift", "shape", "has"), [(0, 4, True), (16, 4, False), (0, 5, False)])
@pytest.mark.parametrize("session", ["", "_ses-1"])
def test_maps_that_name_no_contrast_are_the_t1w_scans_and_serve_others_by_their_grid(
    shift: float, shape: int, has: bool, session: str, tmp_path: Path
) -> None:
    def image(path: Path, along: float = 0, n: int = 4) -> None:
        affine = np.eye(4)
        affine[1, 3] = along
        nib.save(nib.Nifti1Image(np.ones((n, 4, 4), np.uint8), affine), path)

    raw = [f"sub-{s}{session}_{suffix}.nii" for s in "12" for suffix in ("T1w", "T2w")]
    root = make(tmp_path, *raw, "sub-3_FLAIR.nii")
    maps = [f"sub-{s}_{ending}.nii" for s in "123" for ending in ("desc-aseg_dseg", "desc-brain_mask")]
    made = make(root / "derivatives/d", *maps)
    for path in root.rglob("*.nii"):  # one subject's only scan has whatever there is, whose grid ever it has
        image(path, *((shift, shape) if path.name.endswith("T2w.nii") else (7, 6) if "FLAIR" in path.name else ()))
    filters = {name.lower(): {"suffix": name} for name in ("T1w", "T2w", "FLAIR")}
    found = look(root, filters, labellings=("aseg",), derivatives={"d": made})
    expected = {"T1w": True, "T2w": has, "FLAIR": True}
    assert {s.name: (bool(s.labels), bool(s.mask)) for s in found.scans} == {
        s.name: (expected[s.suffix],) * 2 for s in found.scans
    }
    assert found.offered == {"aseg": 5 if has else 3}
    told = [note for note in found.notes if "scan(s)" in note]
    words = "of 2 scan(s) of other contrasts is the T1w scan's" if has else "of 2 scan(s) cannot be used, for example"
    assert len(told) == 2
    assert all(words in note for note in told)
    # The name decides where it says something; so does the T1w scan that no query selects.
    one = next(s for s in found.scans if s.name == f"sub-1{session}_T2w")
    alone = look(root, {"t2w": {"suffix": "T2w"}}, labellings=("aseg",), derivatives={"d": made})
    assert [bool(s.labels) for s in alone.scans] == [has, has]
    image(made / "sub-1/anat/sub-1_space-T2w_desc-aseg_dseg.nii", shift, shape)
    again = look(root, filters, labellings=("aseg",), derivatives={"d": made})
    mine = next(s for s in again.scans if s.name == one.name)
    assert "space-T2w" in mine.labels["aseg"].path.name


def test_labellings_that_derivatives_have_are_offered_and_one_is_taken(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-2_T1w.nii", "sub-3_T1w.nii")
    every = [f"sub-{s}_desc-{name}_dseg.nii" for s in "123" for name in ("aseg", "aparcaseg")]
    other = [
        "sub-1_seg-manual_dseg.nii",
        "sub-1_space-MNI_seg-z_dseg.nii",
        "sub-1_dseg.nii",
        "sub-1_hemi-L_seg-h_dseg.nii",
    ]
    given = {"d": make(root / "derivatives/d", *every, *other)}
    found = look(root, labellings=("tissue",), derivatives=given, instead=True)
    assert found.offered == {"aparcaseg": 3, "aseg": 3, "manual": 1}
    assert (found.taken, list(found.found)) == ("aparcaseg", ["aparcaseg"])
    assert not look(root, labellings=("tissue",), derivatives=given).taken
    # A map that is called like the stand-in counts as any other.
    assert look(root, labellings=("aseg",), derivatives=given, instead=True).taken == "aparcaseg"
    assert not look(root, labellings=("aparcaseg",), derivatives=given, instead=True).taken
    # Nothing is taken of which no two scans have a map.
    only = {"e": make(tmp_path / "e", "sub-1_seg-manual_dseg.nii")}
    assert not look(root, labellings=("tissue",), derivatives=only, instead=True).taken
    assert look(root, labellings=("tissue",), instead=True).offered == {}


@given(st.dictionaries(st.sampled_from([*KNOWN_LABELLINGS, "mine", "other"]), st.integers(1, 5), min_size=1))
def test_the_labelling_of_most_scans_is_the_most_sensible(offered: dict[str, int]) -> None:
    chosen = most_sensible(offered)
    assert (chosen is None) == (max(offered.values()) == 1)
    assert chosen is None or offered[chosen] == max(offered.values())


def test_ambiguous_label_maps_are_told(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_acq-a_run-1_T1w.nii")
    maps = ("sub-1_seg-x_dseg.nii", "sub-1_acq-a_desc-z_seg-x_dseg.nii", "sub-1_acq-a_res-2_seg-x_dseg.nii")
    make(root / "derivatives/d", *maps)
    make(tmp_path / "e", "sub-1_acq-a_seg-x_dseg.nii")
    dataset = look(root, labellings=("x",), derivatives={"e": tmp_path / "e", "d": root / "derivatives/d"})
    (scan,) = dataset.scans
    assert scan.labels["x"].dataset == tmp_path / "e"
    (note,) = dataset.notes
    assert note.index("sub-1_acq-a_seg-x") < note.index("desc-z") < note.index("res-2") < note.index("sub-1_seg-x")
    assert list(dataset.derivatives) == ["e", "d"]


def test_a_folder_under_two_names_is_not_ambiguous(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii")
    make(root / "derivatives/d", "sub-1_seg-x_dseg.nii")
    dataset = look(root, labellings=("x",), derivatives=dict.fromkeys(("x", "y"), root / "derivatives/d"))
    assert not dataset.notes
    assert dataset.found == {"x": "existing maps seg-x from derivatives 'x' for 1 of 1 scans"}


def test_patterns(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_acq-a_T1w.nii", "sub-2_T1w.nii", **{"labels/a-1.nii": "", "labels/a-1.tsv": ""})
    put(root / "labels/T1w_2.nii", None)
    put(root / "labels/seg-m_dseg.tsv", "index\tname\n1\ta\n")
    dataset = look(root, label_patterns={"m": "labels/{acq}-{subject}.nii"}, mask_pattern="labels/{suffix}_{sub}.nii")
    first, second = dataset.scans
    assert first.labels["m"].path == root / "labels/a-1.nii"
    assert first.labels["m"].lut == root / "labels/seg-m_dseg.tsv"
    assert not second.labels
    assert second.mask is not None
    assert not second.mask.present


@pytest.mark.parametrize(
    "pattern",
    [
        "{subject.__class__}",
        "{colour}",
        "{}",
        "{subject",
        "}",
        "/{subject}",
        "a/../../{subject}",
        "{sub!r}",
        "{sub:>9}",
    ],
)
def test_wrong_patterns(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(errors.UsageError, match="labelling 'm'"):
        look(make(tmp_path, "sub-1_T1w.nii"), label_patterns={"m": pattern})


def test_nearest_look_up_table_wins(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-2_T1w.nii", "sub-3_T1w.nii")
    d = make(root / "derivatives/d", *(f"sub-{i}_seg-x_dseg.nii" for i in "123"))
    tables = ("seg-x_dseg.tsv", "dseg.tsv", "seg-y_dseg.tsv", "sub-1/anat/sub-1_seg-x_dseg.tsv", "sub-2/sub-2_dseg.tsv")
    for table in tables:
        put(d / table, "index\tname\n1\ta\n")
    luts = [scan.labels["x"].lut for scan in look(root, labellings=("x",), derivatives={"d": d}).scans]
    assert luts == [d / tables[3], d / tables[4], d / tables[0]]


# Look-up tables


def test_lut_keeps_order_and_drops_background(tmp_path: Path) -> None:
    put(tmp_path / "l.tsv", "\ufeffname\tcolour\tindex\r\nBackground\t\t0\r\nB b\tred\t7\r\n\r\nA\t\t3\r\n")
    assert list(read_lut(tmp_path / "l.tsv").items()) == [(7, "B b"), (3, "A")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1"),
        ("number\tname\n1\ta\n", "line 1"),
        ("index\tname\n1\ta\nx\tb\n", "line 3: index 'x'"),
        ("index\tname\n1.5\ta\n", "line 2: index '1.5'"),
        ("index\tname\n-1\ta\n", "line 2"),
        ("index\tname\n1\n", r"line 2: 1 cell\(s\), so that index or name"),
        ("index\tname\n\n1\ta\n1\tb\n", "line 4: index 1 occurs twice"),
        ("index\tname\n0\tBackground\n", "no structure"),
        ("index\tname\nn/a\tno index\n3\t\n", "no structure"),
        ("index\tname\n1\ta\x00b\nx\tb\n", "line"),
    ],
)
def test_wrong_lut(tmp_path: Path, text: str, said: str) -> None:
    put(tmp_path / "l.tsv", text)
    with pytest.raises(errors.BadDataError, match=said):
        read_lut(tmp_path / "l.tsv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("index\tname", "1\tLeft A\n12\tB, or C"),
        ("Index\tName", "1.0\tLeft A\n\tno index\nn/a\tno index\n12.0\tB, or C\n13.0\t\n14.0\tn/a"),
        ("INDEX,colour,NAME", '1,red,Left A\n12,"#fff","B, or C"'),
        ('"index";"name"', '"1";"Left A"\n"12";"B, or C"'),
        ("name\tindex\tx", '"Left A"\t1\nB, or C\t12\t7'),
    ],
)
def test_luts_as_programs_write_them(tmp_path: Path, header: str, rows: str, encoding: str) -> None:
    for end in ("\n", "\r\n"):
        (tmp_path / "l.tsv").write_bytes(f"{header}\n{rows}\n".replace("\n", end).encode(encoding))
        assert read_lut(tmp_path / "l.tsv") == {1: "Left A", 12: "B, or C"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_a_table_may_end_as_on_any_system(end: str, tmp_path: Path) -> None:
    (tmp_path / "l.tsv").write_bytes(end.join(["index,name", "1,A", "2,B", ""]).encode())
    assert read_lut(tmp_path / "l.tsv") == {1: "A", 2: "B"}
    (tmp_path / "l.tsv").write_bytes(end.join(["index,name", "1,A", "x,B", ""]).encode())
    with pytest.raises(errors.BadDataError, match="line 3: index 'x'"):
        read_lut(tmp_path / "l.tsv")


def test_the_folder_around_derivative_datasets_names_them(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii")
    for name in "ab":
        make(root / "derivatives" / name)
    with pytest.raises(errors.InvalidDatasetError, match=f"below it there are {root}/derivatives/a, .*/b; give one"):
        look(root, derivatives={"d": root / "derivatives"})
    (root / "code").mkdir()
    with pytest.raises(errors.InvalidDatasetError, match="; write one, for example"):
        look(root, derivatives={"d": root / "code"})


def test_missing_lut(tmp_path: Path) -> None:
    put(tmp_path / "l.tsv", None)
    with pytest.raises(errors.MissingInputError):
        read_lut(tmp_path / "l.tsv")


ROWS = st.lists(st.lists(st.text("01579\t -ab\x00\u0661\x0b", max_size=5), max_size=3).map("\t".join)).map("\n".join)


@given(st.binary() | ROWS.map(lambda rows: f"index\tname\n{rows}".encode()))
def test_fuzzed_lut(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.tsv"
    path.write_bytes(content)
    try:
        lut, said = read_lut(path), str(path)
    except errors.BadDataError as error:
        lut, said = {}, str(error)
    assert str(path) in said
    assert all(index > 0 and name for index, name in lut.items())


# The kept index


def test_index_is_kept_and_remade_when_the_tree_changes(tmp_path: Path) -> None:
    root, index = make(tmp_path / "raw", "sub-1_T1w.nii", **{"sub-1/anat/sub-1_T1w.json": "[]"}), tmp_path / "index"

    def opened() -> Dataset:
        return open_dataset(root, Query(filters=T1W), database_dir=index)

    def written() -> int:
        (file,) = index.rglob("*.sqlite")
        return file.stat().st_mtime_ns

    first, at_first = opened(), written()
    assert opened() == first == look(root)
    assert first.notes
    assert written() == at_first
    make(root, "sub-2_T1w.nii")
    assert names(opened()) == ["sub-1_T1w", "sub-2_T1w"]
    assert written() > at_first
    put(root / "sub-2/anat/sub-2_T1w.json", json.dumps({"PulseSequenceType": "MP2RAGE"}))
    assert opened().scans[1].sequence == "MP2RAGE"
    (root / "sub-1/anat/sub-1_T1w.nii").unlink()
    assert names(opened()) == ["sub-2_T1w"]
    assert not list(index.rglob(".building*"))


@pytest.mark.parametrize("damage", [b"", b"not a database", None])
def test_damaged_index_is_remade(tmp_path: Path, damage: bytes | None) -> None:
    root, index = make(tmp_path / "raw", "sub-1_T1w.nii"), tmp_path / "index"
    good = open_dataset(root, Query(filters=T1W), database_dir=index)
    (file,) = index.rglob("*.sqlite")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if damage is None else damage)
    assert open_dataset(root, Query(filters=T1W), database_dir=index) == good


def test_index_that_cannot_be_written(tmp_path: Path) -> None:
    put(tmp_path / "file", "")
    with pytest.raises(errors.CannotWriteError, match="--bids-database-dir"):
        open_dataset(make(tmp_path / "raw", "sub-1_T1w.nii"), Query(filters=T1W), database_dir=tmp_path / "file")


def test_concurrent_runs_share_an_index(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", *(f"sub-{i}_T1w.nii" for i in range(20)))
    code = (
        "import os, sys; from pathlib import Path; from lumirage_bids.bids.dataset import *\n"
        "for i in range(6):\n"
        "    query = Query(filters={'t1w': {}})\n"
        "    dataset = open_dataset(Path(sys.argv[1]), query, database_dir=Path(sys.argv[2]))\n"
        "    assert len(dataset.scans) == 20\n"
        "    os.utime(Path(sys.argv[1], 'sub-1/anat/sub-1_T1w.nii'))\n"  # makes the index stale for all
    )
    command = [sys.executable, "-c", code, str(root), str(tmp_path / "index")]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for run in runs:
        _, complaints = run.communicate(timeout=120)
        assert run.returncode == 0, complaints


# Odds and ends


def test_datalad_line_survives_the_shell() -> None:
    root, other = Path("/data/raw $(x)"), Path("/data/der")
    files = [File(path=root / f"sub-{i}" / "a b'.nii", dataset=root) for i in (10, 9, 9)]
    line = datalad_get_line(root, files)
    assert shlex.split(line) == ["datalad", "get", "-d", str(root), *(f"{root}/sub-{i}/a b'.nii" for i in (9, 10))]
    both = datalad_get_line(root, [*files, File(path=other / "m.nii", dataset=other)])
    assert both == f"{line} && datalad get -d /data/der /data/der/m.nii"
    assert datalad_get_line(root, []) == ""


def test_relative_root_and_links_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "raw", "sub-1_T1w.nii")
    (tmp_path / "link").symlink_to("raw")
    monkeypatch.chdir(tmp_path)
    assert look(Path("raw")).root == tmp_path / "raw"
    (scan,) = look(Path("link")).scans
    assert scan.relative == "sub-1/anat/sub-1_T1w.nii"
    assert scan.dataset == tmp_path / "link"


@given(st.lists(st.text("ab019-_"), unique=True))
def test_natural_order_is_total(texts: list[str]) -> None:
    backwards = texts[::-1]
    assert sorted(texts, key=natural_key) == sorted(backwards, key=natural_key)
    assert len({natural_key(text) for text in texts}) == len(texts)


@given(st.dictionaries(st.sampled_from(sorted(ENTITIES)), st.from_regex(r"[0-9A-Za-z+]{1,3}", fullmatch=True)))
def test_names_are_parsed_back(entities: dict[str, str]) -> None:
    name = "_".join([*(f"{k}-{v}" for k, v in entities.items()), "T1w"])
    assert parse_name(f"{name}.nii.gz") == (entities, "T1w")


def test_checked_filters_are_stable() -> None:
    once = check_filter({"t1w": {"run": [1, None]}}, "test")
    assert check_filter(once, "test") == once == {"t1w": {"suffix": "T1w", "run": [1, None]}}


def test_pybids_is_imported_late() -> None:
    code = "import sys, lumirage_bids.bids.dataset; sys.exit('bids' in sys.modules or 'nibabel' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ}).returncode == 0


# T1w scans whose labels are carried to other contrasts

T2W = {"t2w": {"suffix": "T2w"}}
SESSION = ["sub-1_ses-1_T2w.nii.gz", "sub-1_ses-1_acq-a_T1w.nii.gz", "sub-1_ses-1_acq-b_T1w.nii.gz"]


def test_the_sessions_t1w_scan_is_found_only_where_it_is_asked_for(tmp_path: Path) -> None:
    root = make(tmp_path, *SESSION, "sub-1_ses-2_T2w.nii.gz", "sub-2_T2w.nii.gz", "sub-2_T1w.nii.gz")
    assert all(s.t1w is None for s in look(root, T2W).scans)
    assert all(s.t1w is None and s.lender is None for s in look(root, {"t1w": {"suffix": "T1w"}}).scans)
    found = look(root, T2W, t1w_labellings=("any",), prefer=({"acq": "b"},))
    t1w = {s.name: s.t1w.name if s.t1w else None for s in found.scans}
    assert t1w == {
        "sub-1_ses-1_T2w": "sub-1_ses-1_acq-b_T1w", "sub-1_ses-2_T2w": None, "sub-2_T2w": "sub-2_T1w",
    }  # fmt: skip
    assert any("No T1w scan in the session of 1 scan(s)" in n and "sub-1_ses-2_T2w" in n for n in found.notes)
    (choice,) = found.choices
    assert choice.chosen.endswith("acq-b_T1w.nii.gz")


def test_a_selected_t1w_scan_is_its_own_and_its_sessions(tmp_path: Path) -> None:
    root = make(tmp_path, *SESSION)
    both = {**T2W, "t1w": {"suffix": "T1w", "acquisition": "b"}}
    found = look(root, both, t1w_labellings=("any",))
    assert {s.t1w.name for s in found.scans if s.t1w} == {"sub-1_ses-1_acq-b_T1w"}
    assert found.choices == ()


def test_maps_of_the_t1w_scan_are_found_and_needed(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", "sub-1_T2w.nii.gz", "!sub-1_T1w.nii.gz")
    maps = make(tmp_path / "maps", "sub-1_space-T1w_seg-mine_dseg.nii.gz")
    found = look(root, T2W, t1w_labellings=("mine",), labellings=("mine",), derivatives={"maps": maps})
    (scan,) = found.scans
    assert scan.t1w is not None
    assert list(scan.t1w.labels) == ["mine"]
    assert (dict(scan.labels), dict(found.found)) == ({}, {})
    assert [f.path.name for f in scan.needs() if not f.present] == ["sub-1_T1w.nii.gz"]


# T1w scans whose brain masks are carried to other contrasts


def test_scans_without_a_mask_borrow_the_one_of_their_session(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", *SESSION, "sub-1_ses-2_T2w.nii.gz", "sub-2_T2w.nii.gz", "sub-2_T1w.nii.gz")
    masks = make(
        tmp_path / "maps", "sub-2_space-T2w_desc-brain_mask.nii.gz", "sub-1_acq-a_space-T1w_desc-brain_mask.nii.gz"
    )
    found = look(root, T2W, derivatives={"maps": masks})
    lenders = {s.name: s.lender.name if s.lender else None for s in found.scans}
    assert lenders == {"sub-1_ses-1_T2w": "sub-1_ses-1_acq-a_T1w", "sub-1_ses-2_T2w": None, "sub-2_T2w": None}
    assert [s.lender.mask.path.name for s in found.scans if s.lender and s.lender.mask] == [
        "sub-1_acq-a_space-T1w_desc-brain_mask.nii.gz"
    ]
    assert any("No T1w scan in the session of 1 scan(s)" in n and "no mask" in n for n in found.notes)


def test_a_t1w_scan_that_is_here_lends_in_place_of_a_preferred_one_that_is_not(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T2w.nii.gz", "!sub-1_acq-a_T1w.nii.gz", "sub-1_acq-b_T1w.nii.gz")
    (scan,) = look(root, T2W, prefer=({"acq": "a"},)).scans
    assert scan.lender is not None
    assert (scan.lender.name, scan.lends) == ("sub-1_acq-b_T1w", True)
    absent = make(tmp_path / "b", "sub-1_T2w.nii.gz", "!sub-1_acq-a_T1w.nii.gz", "!sub-1_acq-b_T1w.nii.gz")
    (scan,) = look(absent, T2W, prefer=({"acq": "b"},)).scans
    assert scan.lender is not None
    assert (scan.lender.name, scan.lends) == ("sub-1_acq-b_T1w", False)


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


@pytest.mark.parametrize("column", ["species\nsub-1\tHomo sapiens\nsub-9\tunknown\n", "age\nsub-1\tn/a\n"])
def test_species_that_are_named_or_not_asked_for_are_not_noted(tmp_path: Path, column: str) -> None:
    make(tmp_path / "d", "sub-1_T1w.nii")
    (tmp_path / "d" / "participants.tsv").write_text(f"participant_id\t{column}", "utf-8")
    assert not [n for n in look(tmp_path / "d").notes if "species" in n]
