"""SynthSeg, with a stand-in for the program that keeps its contract."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError, LumirageError, OverdueError, UsageError
from lumirage_bids.base.parameters import digest
from lumirage_bids.labellers import labeller, segment_checked
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import same_grid
from lumirage_bids.spatial.images import Volume
from lumirage_bids.testing.small_brain import brain, dice, scan
from tests.labellers.standins import synthseg

WHITE = (2, 41)
PLAIN = Context()


def segment(folder: Path, image: Volume, context: Context = PLAIN, then: str = "", **parameters: object) -> Volume:
    made_by = labeller("synthseg", program=synthseg(folder, then), **parameters)
    return made_by.segment(scan(), image, image, "synthseg", context)


@pytest.mark.parametrize("spacing", [0.7, 1.0, 2.0])
def test_labels_are_on_the_image_whatever_its_spacing(tmp_path: Path, spacing: float) -> None:
    image, truth = brain(spacing=spacing)
    labels = segment(tmp_path, image)
    assert same_grid(labels, image)
    assert labels.array.dtype == np.int32
    white = np.isin(labels.array, WHITE).astype(int)
    # Interpolation to 1 mm and back smooths the folds, which are two voxels wide.
    assert dice(white, (truth.array == 3).astype(int), 1) > (0.99 if spacing == 1 else 0.8)


def test_the_program_is_told_what_was_asked_for(tmp_path: Path) -> None:
    image, _ = brain()
    context = Context(device="cuda:1", threads=3, work_dir=tmp_path)
    segment(tmp_path, image, context, parc=True, robust=True)
    asked = json.loads((tmp_path / "asked.json").read_text())
    assert {k: asked[k] for k in ("threads", "cpu", "parc", "robust", "fast", "visible")} == {
        "threads": 3, "cpu": False, "parc": True, "robust": True, "fast": False, "visible": "1",
    }  # fmt: skip
    assert not Path(asked["i"]).exists()  # the scratch folder is gone
    segment(tmp_path, image)
    asked = json.loads((tmp_path / "asked.json").read_text())
    assert asked["cpu"]
    assert asked["visible"] == "-1"


def test_its_memory_is_planned_for(tmp_path: Path) -> None:
    from lumirage_bids.execution.graphs import PREPARING_GB, preparing_gb
    from lumirage_bids.experiment.labels_of_run import LabellingOfRun
    from lumirage_bids.experiment.plan import ScanJob

    big = LabellingOfRun(name="synthseg", labeller=labeller("synthseg", program=synthseg(tmp_path)))
    small = LabellingOfRun(name="tissue", labeller=labeller("atropos"))
    both, alone = (((big, ""), (small, "")), ((small, ""),))
    jobs = [ScanJob(scan=scan(), variants=(), labels=labels) for labels in (both, alone)]
    assert [preparing_gb(job) for job in jobs] == [big.labeller.memory_gb, PREPARING_GB]
    assert big.labeller.memory_gb > PREPARING_GB


def test_names_are_freesurfers(tmp_path: Path) -> None:
    image, truth = brain()
    whole, parcellated = (labeller("synthseg", program=synthseg(tmp_path), parc=parc) for parc in (False, True))
    labels, names = segment_checked(whole, scan(), image, truth, "synthseg", Context())
    assert len(names) == 32
    assert (names[24], names[17], names[58]) == ("CSF", "Left-Hippocampus", "Right-Accumbens-area")
    assert set(np.unique(labels.array).tolist()) == {0, 2, 3, 24, 41, 42}
    labels, names = segment_checked(parcellated, scan(), image, truth, "synthseg", Context())
    assert len(names) == 30 + 68
    assert (names[1035], names[2002]) == ("ctx-lh-insula", "ctx-rh-caudalanteriorcingulate")
    assert not {1004, 3, 42} & names.keys()
    assert {1035, 2035} <= set(np.unique(labels.array).tolist())


def test_labels_of_another_version_are_refused(tmp_path: Path) -> None:
    image, _ = brain()
    with pytest.raises(BadDataError, match=r"not among its structures: 77 .*another version"):
        segment(tmp_path, image, then="labels[labels == 24] = 77")


def test_a_failed_program_says_why(tmp_path: Path) -> None:
    image, _ = brain()
    with pytest.raises(LumirageError, match=r"exit code 1 .*FREESURFER_HOME is not set"):
        segment(tmp_path, image, then="raise SystemExit('FREESURFER_HOME is not set. Please source freesurfer.')")
    with pytest.raises(LumirageError, match=r"made no labels\.nii\.gz"):
        segment(tmp_path, image, then="raise SystemExit(0)")


def test_a_program_that_waits_for_something_is_ended(tmp_path: Path) -> None:
    image, _ = brain(spacing=4.0)
    with pytest.raises(OverdueError, match=r"had not ended after 3 s"):
        segment(tmp_path, image, then="import time; time.sleep(600)", timeout=3)
    with pytest.raises(UsageError, match="timeout is 0; it must be a positive"):
        labeller("synthseg", timeout=0)
    assert digest(labeller("synthseg", timeout=60)) == digest(labeller("synthseg"))


def test_an_empty_hemisphere_is_implausible(tmp_path: Path) -> None:
    image, truth = brain()
    made_by = labeller("synthseg", program=synthseg(tmp_path, "labels[labels == 41] = 2"))
    with pytest.raises(BadDataError, match=r"Right-Cerebral-White-Matter fills 0\.0%"):
        segment_checked(made_by, scan(), image, truth, "synthseg", Context())


def test_what_is_missing_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, _ = brain()
    absent = labeller("synthseg", program="no-such-synthseg")
    assert "FreeSurfer 7.3" in str(absent.missing(Context()))
    with pytest.raises(UsageError, match="no-such-synthseg"):
        absent.segment(scan(), image, image, "synthseg", Context())
    installed = synthseg(tmp_path, name="mri_synthseg")
    monkeypatch.delenv("FREESURFER_HOME", raising=False)
    assert "source SetUpFreeSurfer.sh" in str(labeller("synthseg", program=installed).missing(Context()))
    monkeypatch.setenv("FREESURFER_HOME", str(tmp_path))
    assert labeller("synthseg", program=installed).missing(Context()) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert labeller("synthseg").missing(Context()) is None
