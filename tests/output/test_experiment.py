"""What stands beside group tables, for those who are sent these alone."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.output import history, score_table
from lumirage_bids.output.experiment import (
    FIELDS,
    FILE,
    ArmOfExperiment,
    Experiment,
    Labelled,
    arms_of_run,
    read_experiment,
    write_experiment,
)
from lumirage_bids.output.folder import Output

CONDITIONS = {"method": {"method": "vfa", "checkpoint": "vfa.pth"}, "revisions": {"score": 1}}


def experiment() -> Experiment:
    return Experiment(
        dataset="D",
        protocol="default",
        criteria=Criteria(margin=0.02),
        labellings={"manual": Labelled(caveat="few", agreements=({"reference": "a", "dice": 0.9, "scans": 3},))},
        arms=(ArmOfExperiment(variant="v", method="m", labelling="manual", conditions=CONDITIONS),),
        notes=("a note",),
        frozen={"digest": "ab", "followed": True},
    )


def test_what_is_written_is_read_again(tmp_path):
    assert read_experiment(tmp_path) is None
    write_experiment(Output(tmp_path), experiment())
    assert read_experiment(tmp_path / "group") == experiment()
    assert read_experiment(tmp_path) is None


def test_every_entry_is_explained_in_the_file_itself(tmp_path):
    write_experiment(Output(tmp_path), experiment())
    content = json.loads((tmp_path / "group" / FILE).read_text())
    assert list(content) == list(FIELDS) == list(content["fields"])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"program": "99.0"}, UsageError),
        ({"format": 2}, UsageError),
        ({"criteria": {"margin": -1}}, BadDataError),
        ({"criteria": {"ribbon": 1}}, BadDataError),
        ({"labellings": {"manual": {"colour": "blue"}}}, BadDataError),
        ({"labellings": []}, BadDataError),
        ({"arms": None}, BadDataError),
        ({"planned": "x"}, BadDataError),
        ({"planned": True}, BadDataError),
        ({"dataset": None}, BadDataError),
        ({"frozen": "ab"}, BadDataError),
        ({"notes": [3]}, BadDataError),
        ({"labellings": {"manual": {"withheld": 3, "agreements": []}}}, BadDataError),
        ({"labellings": {"manual": {"agreements": [{"reference": "a", "dice": "b", "scans": 3}]}}}, BadDataError),
        ({"labellings": {"manual": {"agreements": [], "structures": {"one": "Pons"}}}}, BadDataError),
    ],
)
def test_what_it_cannot_read_is_refused(tmp_path, change, error):
    write_experiment(Output(tmp_path), experiment())
    file = tmp_path / "group" / FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(error, match=FILE):
        read_experiment(tmp_path / "group")


def test_another_format_is_named_where_the_version_is_the_same(tmp_path):
    write_experiment(Output(tmp_path), experiment())
    file = tmp_path / "group" / FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 2}))
    with pytest.raises(UsageError, match=r"in format 2, where .* knows 1"):
        read_experiment(tmp_path / "group")


def test_a_torn_file_is_refused(tmp_path):
    write_experiment(Output(tmp_path), experiment())
    file = tmp_path / "group" / FILE
    file.write_text(file.read_text()[:100])
    with pytest.raises(BadDataError, match="torn"):
        read_experiment(tmp_path / "group")


def test_conditions_are_those_that_count_without_folders_and_scans(tmp_path):
    output = Output(tmp_path)
    facts = {
        "method": {"method": "vfa", "checkpoint": "/site/vfa.pth"},
        "revisions": {"score": 1},
        "reference": "sub-1",
    }
    history.note_conditions(output, {"old": {"method": {"method": "other"}}, "now": facts})
    score_table.note_latest(output, {"m/manual": "now"})
    pairs = pd.DataFrame({"variant": ["default"] * 2, "method": ["m", "n"], "labelling": ["manual"] * 2})
    m, n = arms_of_run(output, pairs)
    assert m.conditions == CONDITIONS
    assert n.conditions == {}
