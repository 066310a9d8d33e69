"""Label maps that came carried over: scored as the transforms that made them, and by nothing that needs transforms."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from tests.conftest import options, run_here
from tests.end_to_end.test_run import table

PROTOCOL = """
[evaluation]
surface = true
[methods.greedy]
[methods.theirs]
method = "label_maps"
path = "{folder}/{{moving_subject}}_to_{{fixed_subject}}.nii.gz"
labelling = "{labelling}"
"""


def command(dataset: Path, folder: Path, *more: object) -> list[object]:
    which = ("--protocol", folder / "mine.toml", "--only", "01", "02", "--save", "labels")
    return [dataset, folder / "out", "participant", *options(dataset), *which, *more]


@pytest.fixture(scope="module")
def run(demo_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Greedy, and its own label maps as somebody else's: one on another grid, one pair's missing."""
    folder = tmp_path_factory.mktemp("maps")
    (folder / "mine.toml").write_text(PROTOCOL.format(folder=folder, labelling="demo"))
    done = run_here(command(demo_dataset, folder, "--methods", "greedy"))
    assert done.code == 0, done.said
    made = next((folder / "out" / "sub-01").rglob("*space-02+T1w*greedy*dseg.nii.gz"))
    shutil.copy(made, folder / "01_to_02.nii.gz")
    done = run_here(command(demo_dataset, folder, "--methods", "theirs", "--dry-run"))
    assert done.code == 1, done.said
    assert "02_to_01.nii.gz" in done.said
    # An index that no look-up table has is somebody's own affair.
    image = nibabel.load(next((folder / "out" / "sub-02").rglob("*space-01+T1w*greedy*dseg.nii.gz")))
    array = np.pad(np.asarray(image.dataobj), 2, constant_values=77).astype(np.uint8)
    affine = image.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ [2, 2, 2]
    nibabel.save(nibabel.Nifti1Image(array, affine), folder / "02_to_01.nii.gz")
    done = run_here(command(demo_dataset, folder, "--methods", "theirs", "--save", "all"))
    assert done.code == 0, done.said
    done = run_here([demo_dataset, folder / "out", "group"])
    assert done.code == 0, done.said
    return folder


def test_scores_are_those_of_the_transform(run: Path) -> None:
    pairs = table(run / "out" / "group" / "pairs.tsv").set_index(["method", "moving", "fixed"])
    theirs, greedy = pairs.loc["theirs"], pairs.loc["greedy"]
    assert (theirs["status"] == "ok").all()
    same = ["dice_mean", "hd95_mm", "assd_mm", "n_structures", "dice_initial"]
    pd.testing.assert_frame_equal(theirs[same], greedy[same])
    assert set(theirs["transfer"]) == {"given"}
    assert set(theirs["evaluation"]) == {"native"}
    assert theirs[["folding_percent", "sdlogj", "runtime_s"]].isna().all(axis=None)
    assert greedy[["folding_percent", "sdlogj", "runtime_s"]].notna().all(axis=None)


def test_they_are_compared_and_what_is_not_known_is_told(run: Path) -> None:
    assert "given-labels" in set(table(run / "out" / "group" / "audit.tsv")["id"])
    page = (run / "out" / "group" / "report.html").read_text("utf-8")
    assert "came carried over" in page
    assert "the same for all other methods" in page
    compared = table(run / "out" / "group" / "comparisons.tsv")
    found = compared[(compared["method_b"] == "theirs") & (compared["method_a"] == "greedy")]
    assert list(found["mean_difference"]) == [0.0, 0.0]


def test_they_are_kept_as_labels_and_nothing_else(run: Path) -> None:
    kept = [path.name for path in (run / "out").rglob("*theirs*.nii.gz")] + [
        path.name for path in (run / "out").rglob("*theirs*.h5")
    ]
    assert len(kept) == 2
    assert all("dseg" in name for name in kept)


def test_another_labelling_and_a_map_of_something_else_are_told(demo_dataset: Path, run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(PROTOCOL.format(folder=tmp_path, labelling="aseg"))
    done = run_here(command(demo_dataset, tmp_path, "--methods", "theirs"))
    assert done.code == 64, done.said
    assert "labelling = 'aseg' is none of this run, which has demo" in done.said
    image = nibabel.load(run / "01_to_02.nii.gz")
    for name in ("01_to_02", "02_to_01"):
        nibabel.save(nibabel.Nifti1Image(np.full(image.shape, 99, np.uint8), image.affine), tmp_path / f"{name}.nii.gz")
    (tmp_path / "mine.toml").write_text(PROTOCOL.format(folder=tmp_path, labelling="demo"))
    done = run_here(command(demo_dataset, tmp_path, "--methods", "theirs"))
    assert done.code == 1, done.said
    assert "holds none of the structures" in done.said


def test_nothing_goes_on_from_them(demo_dataset: Path, tmp_path: Path) -> None:
    onward = '[methods.onward]\nmethod = "greedy"\nstart_from = "theirs"\n'
    (tmp_path / "mine.toml").write_text(PROTOCOL.format(folder=tmp_path, labelling="demo") + onward)
    done = run_here(command(demo_dataset, tmp_path, "--methods", "onward"))
    assert done.code == 64, done.said
    assert "label maps and no transforms" in done.said
