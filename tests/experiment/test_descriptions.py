"""What the desc- labels of file names stand for, written for people and read again."""

from __future__ import annotations

from pathlib import Path

from lumirage_bids.experiment.descriptions import (
    DESCRIPTION_COLUMNS,
    arm_parameters,
    arm_tables,
    read_descriptions,
    write_descriptions,
)
from lumirage_bids.output.folder import Output
from tests.small_plan import plan, scan


def test_every_label_of_a_run_is_explained_and_those_of_earlier_runs_stay(tmp_path: Path) -> None:
    output, scans = Output(tmp_path / "out"), [scan(tmp_path, s) for s in "12"]
    assert read_descriptions(output).empty
    write_descriptions(output, plan(tmp_path, scans, methods=("greedy",)))
    first = set(read_descriptions(output)["desc_id"])
    assert {"desc-greedy", "desc-identity"} <= first
    later = plan(tmp_path, scans, methods=("syn",))
    write_descriptions(output, later)
    table = read_descriptions(output)
    assert list(table.columns) == list(DESCRIPTION_COLUMNS)
    assert set(table["desc_id"]) == first | {"desc-syn"}
    assert table["desc_id"].is_unique
    (arm,) = (arm for arm in later.arms if arm.label == "syn")
    assert table.set_index("desc_id").loc["desc-syn", "parameters"] == arm_parameters(arm)


def test_all_parameters_of_an_arm_are_there(tmp_path: Path) -> None:
    made = plan(tmp_path, [scan(tmp_path, s) for s in "12"], methods=("greedy",))
    (arm,) = (arm for arm in made.arms if arm.label == "greedy")
    tables = arm_tables(arm)
    assert list(tables) == ["method", "preparation", "alignment", "evaluation"]
    assert tables["method"]["method"] == "greedy"
    # What a method was trained on is told elsewhere, and changes no result.
    assert "training" not in tables["method"]
    line = arm_parameters(arm)
    for table in tables.values():
        for name, value in table.items():
            assert f"{name}={value}" in line
