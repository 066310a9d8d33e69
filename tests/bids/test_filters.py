"""Filter files that were written for other apps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.base import errors
from lumirage_bids.base.errors import UsageError
from lumirage_bids.bids.filters import check_filter, list_filters, passed_over, read_filter, selects
from tests.bids.trees import look, make, names, put

# As fMRIPrep's documentation has it, with what XCP-D, ASLPrep and QSIPrep add.
FMRIPREP = {
    "fmap": {"datatype": "fmap"},
    "bold": {"datatype": "func", "suffix": "bold", "task": "rest"},
    "sbref": {"datatype": "func", "suffix": "sbref"},
    "dwi": {"datatype": "dwi"},
    "asl": {"datatype": "perf", "suffix": "asl"},
    "anything": {"datatype": "perf"},
    "roi": {"datatype": "anat", "suffix": "roi"},
    "t1w": {
        "datatype": "anat",
        "suffix": "T1w",
        "session": "Query.ANY",
        "run": ["Query.NONE", 1],
        "part": "Query.OPTIONAL",
    },
}


def test_queries_of_other_datatypes_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "filter.json"
    file.write_text(json.dumps(FMRIPREP))
    assert set(passed_over(str(file))) == FMRIPREP.keys() - {"t1w"}
    (query,) = read_filter(str(file)).values()
    scan = {"datatype": "anat", "suffix": "T1w", "extension": ".nii.gz"}
    assert selects(query, {**scan, "session": "1"})
    assert selects(query, {**scan, "session": "1", "run": "01", "part": "mag"})
    assert not selects(query, scan)
    assert not selects(query, {**scan, "session": "1", "run": "2"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"t1": {"suffix": "T1w"}}, "unknown query 't1'.*Did you mean 't1w'"),
        ({"t1": {"datatype": "anat"}}, "unknown query 't1'"),
        ({"bold": {}, "fmap": {}}, "no query for anatomical images, only bold, fmap"),
    ],
)
def test_what_is_not_known_is_not_passed_over(content: object, words: str, tmp_path: Path) -> None:
    file = tmp_path / "filter.json"
    file.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=words):
        read_filter(str(file))


def test_nothing_of_our_own_filters_is_passed_over() -> None:
    assert passed_over("ultracortex") == ()


REPOSITORY = Path(__file__).resolve().parents[2]


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
    assert list_filters() == expected.split()
    assert sorted(p.stem for p in (REPOSITORY / "bids_filters").glob("*.json")) == list_filters()
    for name in list_filters():
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


def test_checked_filters_are_stable() -> None:
    once = check_filter({"t1w": {"run": [1, None]}}, "test")
    assert check_filter(once, "test") == once == {"t1w": {"suffix": "T1w", "run": [1, None]}}
