"""What SLANT's and nBEST's containers leave is found and read as it lies there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import MissingInputError
from lumirage_bids.experiment.labels_of_run import choose_labels
from lumirage_bids.experiment.protocol import load
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.labellers import reader, segment_checked
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import same_grid
from lumirage_bids.testing.small_brain import brain
from tests.labellers.imported import NAME, leave, look


def test_labels_are_read_as_they_are_with_the_packages_names(raw: Path, tmp_path: Path) -> None:
    leave(tmp_path / "out" / "FinalResult" / f"{NAME.format('A')}_seg.nii.gz")
    scan, _ = look(raw, "slant", tmp_path / "out", "slant").scans
    image, truth = brain()
    labels, names = segment_checked(reader("slant"), scan, image, truth, "slant", Context())
    assert same_grid(labels, truth)
    np.testing.assert_array_equal(labels.array, truth.array)
    # 1 to 3 are no BrainCOLOR indices; all of those are named.
    assert 1 not in names
    assert (names[4], names[207]) == ("3rd Ventricle", "Left TTG transverse temporal gyrus")
    assert len(names) == 132


def test_bids_derivatives_of_the_same_name_stay_bids(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    leave(out / "FinalResult" / f"{NAME.format('A')}_seg.nii.gz")
    here = leave(out / "sub-B" / "ses-1" / "anat" / "sub-B_ses-1_run-1_seg-slant_dseg.nii.gz")
    (out / "dataset_description.json").write_text(json.dumps({"Name": "SLANT", "BIDSVersion": "1.10.0"}))
    first, second = look(raw, "slant", out, "slant").scans
    assert not first.labels
    assert second.labels["slant"].path == here


def test_a_folder_of_another_name_must_be_bids(raw: Path, tmp_path: Path) -> None:
    leave(tmp_path / "out" / "FinalResult" / f"{NAME.format('A')}_seg.nii.gz")
    with pytest.raises(Exception, match=r"dataset_description\.json"):
        look(raw, "mine", tmp_path / "out", "slant")
    with pytest.raises(MissingInputError, match="nowhere"):
        look(raw, "slant", tmp_path / "nowhere", "slant")


def test_the_plan_reads_what_was_found_and_else_says_how_to_make_it(raw: Path, tmp_path: Path) -> None:
    settings = Settings(bids_dir=raw, out_dir=tmp_path, level="participant", labellings=("slant",))
    (tmp_path / "out").mkdir()
    with pytest.raises(MissingInputError, match=r"'slant' cannot .*FinalResult.*--derivatives slant=.*docker run"):
        choose_labels(load("default"), settings, look(raw, "slant", tmp_path / "out", "slant"))
    leave(tmp_path / "out" / "FinalResult" / f"{NAME.format('A')}_seg.nii.gz")
    (labels,) = choose_labels(load("default"), settings, look(raw, "slant", tmp_path / "out", "slant"))
    assert labels.is_existing
    assert labels.labeller.name == "slant"
