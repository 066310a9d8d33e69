"""Deep Atropos, with a stand-in for ANTsPyNet; the child process, its script and ANTs are real."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.labellers import labeller, segment_checked
from lumirage_bids.labellers._deepatropos_child import list_needed
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import same_grid
from lumirage_bids.testing.small_brain import brain, dice, scan
from tests.labellers.standins import ANTSPYNET


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of a stand-in for antspynet that this process and its children find."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "antspynet.py").write_text(ANTSPYNET)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def with_weights(folder: Path) -> Context:
    (folder / "antsxnet").mkdir()
    for file in list_needed(folder / "antsxnet"):
        file.write_text("")
    return Context(weights=folder, threads=2)


def test_six_tissues_on_the_images_grid(installed: Path, tmp_path: Path) -> None:
    image, truth = brain(axes="PSL")
    made_by, context = labeller("deepatropos"), with_weights(tmp_path)
    assert made_by.missing(context) is None
    labels, names = segment_checked(made_by, scan(), image, truth, "deepatropos", context)
    assert same_grid(labels, image)
    assert sorted(names) == [1, 2, 3, 4, 5, 6]
    assert (names[4], names[6]) == ("Deep grey matter", "Cerebellum")
    assert dice(labels.array, truth.array, 3) > 0.99
    assert set(np.unique(labels.array).tolist()) == {0, *names}
    assert "antspynet" not in sys.modules
    asked = json.loads((installed / "asked.json").read_text())
    assert asked.pop("KERAS_HOME").startswith("/")
    assert asked == {
        "OMP_NUM_THREADS": "2",
        "TF_NUM_INTRAOP_THREADS": "2",
        "CUDA_VISIBLE_DEVICES": "-1",
        "folder": str(tmp_path / "antsxnet"),
        "base": False,
    }


def test_what_is_added_to_an_image_changes_no_label(installed: Path, tmp_path: Path) -> None:
    image, _ = brain()
    context = with_weights(tmp_path)
    maps = [
        labeller("deepatropos").segment(scan(), replace(image, array=array), image, "deepatropos", context).array
        for array in (image.array, image.array - 500, (image.array + 1e4).astype(np.float32))
    ]
    for other in maps[1:]:
        assert (other != maps[0]).mean() < 0.002


def test_what_is_missing_is_said_before(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, _ = brain()
    made_by, context = labeller("deepatropos"), Context(weights=tmp_path / "my weights")
    complaint = str(made_by.missing(context))
    assert "brainExtractionRobustT1.h5, sixTissueOctant" in complaint
    assert "croppedMni152Priors.nii.gz" in complaint
    command = complaint.split("network: ")[1]
    with pytest.raises(MissingInputError, match="fetch"):
        made_by.segment(scan(), image, image, "deepatropos", context)
    # The command that it names makes it complete.
    subprocess.run([sys.executable, *shlex.split(command)[1:]], check=True, capture_output=True)
    assert made_by.missing(context) is None
    assert sorted((tmp_path / "my weights" / "antsxnet").iterdir()) == sorted(list_needed(context.weights / "antsxnet"))
    # Without a folder of weights, ANTsPyNet's own place counts.
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(tmp_path / ".keras" / "ANTsXNet") in str(made_by.missing(Context()))


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'lumirage-bids[deepatropos]'" in str(labeller("deepatropos").missing(Context()))


def test_other_contrasts_are_refused() -> None:
    image, _ = brain("T2w")
    with pytest.raises(UsageError, match=r"trained on T1w.*synthseg"):
        labeller("deepatropos").segment(scan("T2w"), image, image, "deepatropos", Context())
