"""From settings to scans and a plan; and output folders that another experiment has taken."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.base.errors import UsageError
from lumirage_bids.experiment import protocol
from lumirage_bids.experiment.find import check_same_experiment, find
from lumirage_bids.output.folder import Output
from lumirage_bids.output.root import initialise
from tests.bids.trees import make
from tests.small_plan import asked, dataset, scan


def test_the_dataset_is_opened_as_the_settings_say(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", *(f"sub-{s}_T1w.nii.gz" for s in "123"))
    maps = {f"sub-{s}/anat/sub-{s}_seg-manual_dseg.nii.gz": "x" for s in "123"}
    given = make(tmp_path / "maps", **maps)
    for file in (*root.rglob("*.nii.gz"), *given.rglob("*.nii.gz")):
        file.write_bytes(b"x")
    about = {"Name": "maps", "BIDSVersion": "1.10.0", "DatasetType": "derivative"}
    (given / "dataset_description.json").write_text(json.dumps(about))
    settings = replace(
        asked(root), out_dir=tmp_path / "out", derivatives={"maps": given}, exclude_participant_label=("2", "7")
    )
    found, made = find(settings, protocol.load("default"))
    assert [s.subject for s in found.scans] == ["1", "3"]
    assert [n for n in found.notes if "exclude" in n] == ["--exclude-participant-label 7: there is no scan of it."]
    assert {labels.name for labels in made.labels} == {"manual"}
    assert {(p.moving.subject, p.fixed.subject) for p in made.pairs} == {("1", "3"), ("3", "1")}


@pytest.mark.parametrize(("parameter", "reads"), [("", True), ("timeout = 60", True), ("parc = true", False)])
def test_parameters_that_change_labels_mean_maps_made_with_them(parameter: str, reads: bool, tmp_path: Path) -> None:
    root = make(tmp_path / "raw", *(f"sub-{s}_T1w.nii.gz" for s in "12"))
    given = make(tmp_path / "maps", **{f"sub-{s}/anat/sub-{s}_seg-synthseg_dseg.nii.gz": "x" for s in "12"})
    about = {"Name": "maps", "BIDSVersion": "1.10.0", "DatasetType": "derivative"}
    (given / "dataset_description.json").write_text(json.dumps(about))
    mine = tmp_path / "mine.toml"
    mine.write_text(f"[methods.identity]\n[labellings.synthseg]\nlabeller = 'synthseg'\n{parameter}\n")
    settings = replace(
        asked(root), out_dir=tmp_path / "out", derivatives={"maps": given}, labellings=("synthseg",), dry_run=True
    )
    _, made = find(settings, protocol.load(str(mine)))
    assert [labels.is_existing for labels in made.labels] == [reads]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"protocol": protocol.load("lumir")}, "was made with protocol 'default', this run has 'lumir'"),
        ({"dataset": "other"}, "holds 'LUMirage evaluation of d', this run makes 'LUMirage evaluation of other'"),
        ({"sloppy": True}, "was made without --sloppy"),
    ],
)
def test_an_output_folder_of_another_experiment_is_refused(
    changes: dict[str, object], told: str, tmp_path: Path
) -> None:
    output, same = Output(tmp_path / "out"), {"protocol": protocol.load("default"), "dataset": "d", "sloppy": False}
    check_same_experiment(output, **{**same, **changes})  # a new one may hold anything
    initialise(output, dataset(tmp_path, [scan(tmp_path, "1")]), "default", sloppy=False)
    check_same_experiment(output, **same)
    with pytest.raises(UsageError, match=told):
        check_same_experiment(output, **{**same, **changes})


def test_a_protocol_goes_on_with_what_one_that_it_extends_began(tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text('extends = "default"\n[methods.syn]\n')
    (tmp_path / "most.toml").write_text('extends = "more.toml"\n[methods.dipy_syn]\n')
    output = Output(tmp_path / "out")
    initialise(output, dataset(tmp_path, [scan(tmp_path, "1")]), "default", sloppy=False)
    for name in ("more", "most"):
        given = protocol.load(str(tmp_path / f"{name}.toml"))
        assert check_same_experiment(output, given, "d", sloppy=False) == "default"
    shutil.rmtree(output.root)
    initialise(output, dataset(tmp_path, [scan(tmp_path, "1")]), "most", sloppy=False)
    with pytest.raises(UsageError, match=r"--methods \+NAME.*extends = .most."):
        check_same_experiment(output, protocol.load("default"), "d", sloppy=False)
