"""Filter files that were written for other apps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lumirage_bids.base.errors import UsageError
from lumirage_bids.bids.filters import passed_over, read_filter, selects

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
