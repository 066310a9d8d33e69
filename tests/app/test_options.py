"""How command lines are read: those of other BIDS-Apps and their wrappers too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lumirage_bids.app.options import settings
from lumirage_bids.base.errors import UsageError
from lumirage_bids.experiment.settings import Settings


def read(*more: object, level: str = "participant") -> Settings:
    (only,) = settings(["bids", "out", level, *map(str, more)])
    return only


# What a wrapper writes, and what it must come to.
SPELLINGS: list[tuple[list[str], dict[str, Any]]] = [
    (["--participant_label", "01", "02"], {"participant_label": ("01", "02")}),
    (["--participant-label", "01,sub-02"], {"participant_label": ("01", "02")}),
    (["--participant-label", "01", "--participant-label", "02"], {"participant_label": ("01", "02")}),
    (["--participant_label=01,02"], {"participant_label": ("01", "02")}),
    (["--session-label", "ses-1"], {"session_id": ("1",)}),
    (["--session_label", "1"], {"session_id": ("1",)}),
    (["--session_id", "1"], {"session_id": ("1",)}),
    (["--exclude_participant_label", "sub-03"], {"exclude_participant_label": ("03",)}),
    (["--only", "01", "02"], {"participant_label": ("01", "02"), "fixed_label": ("01", "02")}),
    (["-w", "/scratch/w"], {"work_dir": Path("/scratch/w")}),
    (["--work_dir", "/scratch/w"], {"work_dir": Path("/scratch/w")}),
    (["-d", "a=/x"], {"derivatives": {"a": Path("/x")}}),
    (["--derivatives", "a=/x", "-d", "b=/y"], {"derivatives": {"a": Path("/x"), "b": Path("/y")}}),
    (["--derivatives", "/x/fmriprep"], {"derivatives": {"fmriprep": Path("/x/fmriprep")}}),
    (["--derivatives", "/x/24.1.1"], {"derivatives": {"derivatives_24_1_1": Path("/x/24.1.1")}}),
    (["--skip_bids_validation"], {"skip_bids_validation": True}),
    (["--skip_bids_validator"], {"skip_bids_validation": True}),
    (["--mem_gb", "0.5"], {"mem": 0.5}),
    (["--mem-gb", "0.5"], {"mem": 0.5}),
    (["--mem", "500M"], {"mem": 0.5}),
    (["--mem", "0.5GB"], {"mem": 0.5}),
    (["--mem-mb", "500"], {"mem": 0.5}),
    (["--mem_mb", "500"], {"mem": 0.5}),
    (["--notrack"], {}),
    (["--clean-workdir"], {}),
    (["--stop_on_first_crash"], {"stop_on_first_crash": True}),
    (["--random_seed", "7"], {"seed": 7}),
    (["-v", "-v"], {"verbose": 2}),
    (["--methods", "greedy,syn"], {"methods": ("greedy", "syn")}),
]


@pytest.mark.parametrize(("written", "meant"), SPELLINGS, ids=[" ".join(w) for w, _ in SPELLINGS])
def test_spellings_of_other_apps_are_ours_too(written: list[str], meant: dict[str, Any]) -> None:
    got = read(*written, "--device", "cpu")
    assert {key: getattr(got, key) for key in meant} == meant


def test_both_levels_in_one_call() -> None:
    assert [s.level for s in settings(["bids", "out", "group", "participant", "--seed", "1"])] == [
        "participant",
        "group",
    ]
    with pytest.raises(UsageError, match="session"):
        settings(["bids", "out", "session"])


def test_an_empty_label_does_not_mean_all() -> None:
    assert read("--participant-label", "").participant_label == ("",)


def test_only_and_one_side_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="--only"):
        read("--only", "01", "--fixed-label", "02")


def test_derivatives_are_called_like_the_program_that_made_them(tmp_path: Path) -> None:
    about = {"Name": "x", "BIDSVersion": "1.10.0", "GeneratedBy": [{"Name": "sMRIPrep"}]}
    for folder, text in (("a", about), ("b", about), ("c", {"Name": "Brain maps"})):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "dataset_description.json").write_text(json.dumps(text))
    got = read("--derivatives", *(tmp_path / folder for folder in "abc"))
    assert list(got.derivatives) == ["smriprep", "smriprep_2", "brain_maps"]
    assert any(str(tmp_path / "c") in note and "brain_maps" in note for note in got.notes)


def test_the_group_level_refuses_what_is_no_device() -> None:
    with pytest.raises(UsageError, match="--device gpu is not allowed"):
        settings(["in", "out", "group", "--device", "gpu"])
