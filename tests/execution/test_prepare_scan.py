"""Preparation of scans of which some cannot be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import InputOutputError, MissingInputError
from lumirage_bids.bids.scans import File
from lumirage_bids.execution.align_scan import align_scan
from lumirage_bids.execution.prepare_scan import prepare_scan
from lumirage_bids.experiment.labels_of_run import LabellingOfRun
from lumirage_bids.experiment.plan import ScanJob, prepared_files
from lumirage_bids.labellers import labeller
from lumirage_bids.methods.base import Context
from lumirage_bids.output import paths
from lumirage_bids.output.files import read_json
from lumirage_bids.output.folder import Output
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.spatial.preparation import Preparation
from tests.small_plan import plan, scan


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(InputOutputError("image.nii: Input/output error"), "input lost: image.nii", id="a bad disk"),
        pytest.param(FileNotFoundError("no weights"), "RuntimeError: FileNotFoundError: no weights", id="a labeller"),
        pytest.param(MissingInputError("gone"), "input lost: gone", id="gone"),
    ],
)
def test_one_scan_that_cannot_be_read_does_not_stop_the_others(
    error: Exception, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> Volume:
        raise error

    monkeypatch.setattr("lumirage_bids.execution.prepare_scan.read_image", fail)
    labels = LabellingOfRun(name="tissue", labeller=labeller("atropos"))
    one = scan(tmp_path, "1")
    job = ScanJob(scan=one, variants=(("default", Preparation(), "b"),), labels=((labels, "c"),))
    prepare_scan(job, Output(tmp_path), Context())
    for file in (*prepared_files(one, "default"), paths.label_map(one, "tissue")):
        assert str(read_json(tmp_path / paths.failure(file)).get("Reason")).startswith(reason)


def test_a_full_disk_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> Volume:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lumirage_bids.execution.prepare_scan.read_image", fail)
    job = ScanJob(scan=scan(tmp_path, "1"), variants=(("default", Preparation(), "b"),), labels=())
    with pytest.raises(OSError, match="No space"):
        prepare_scan(job, Output(tmp_path), Context())


def test_a_brain_is_as_large_as_its_mask_though_labels_cover_a_part(tmp_path: Path) -> None:
    brain = np.zeros((30, 30, 30), np.float32)
    brain[5:25, 4:26, 6:24] = np.random.default_rng(0).uniform(1, 2, (20, 22, 18))
    nuclei = np.zeros(brain.shape, np.int16)
    nuclei[12:15, 12:15, 12:15], nuclei[15:18, 12:15, 12:15] = 1, 2
    one = scan(tmp_path, "1")
    one = replace(one, mask=File(path=tmp_path / "mask.nii", dataset=tmp_path))
    for file, array in ((one, brain), (one.mask, (brain > 0).astype(np.uint8)), (one.labels["manual"], nuclei)):
        write_image(Volume(array=array, affine=np.diag([4.0, 4.0, 4.0, 1.0])), file.path)
    job = ScanJob(scan=one, variants=(), labels=((LabellingOfRun(name="manual", labeller=labeller("existing")), "c"),))
    prepare_scan(job, Output(tmp_path / "out"), Context(work_dir=tmp_path))
    facts = Output(tmp_path / "out").read_sidecar(paths.label_map(one, "manual"))["Facts"]
    assert facts["BrainExtent"] == [80, 88, 72]


@pytest.mark.parametrize(
    ("shape", "told"), [((6, 6, 6), "57.9 % of the brain lies outside the grid of sub-1_T1w"), ((8, 8, 8), "")]
)
def test_what_the_common_grid_does_not_hold_of_a_brain_is_told_once(
    shape: tuple[int, int, int], told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By who aligns the scan: each of its pairs would tell it again."""
    mine = tmp_path / "mine.toml"
    mine.write_text(
        "[methods.identity]\n[alignment]\nstart = 'none'\n[preparation]\ngrid = 'reference'\nspacing = 1\n"
        f"crop = 'none'\nshape = {list(shape)}\n[variants.a]\n[variants.b]\n"
    )
    made = plan(tmp_path, [scan(tmp_path, s) for s in "12"], protocol=str(mine))
    output = Output(tmp_path / "out")
    for job in made.preparing:
        array = np.ones((8, 8, 8), np.float32)
        array[0, 0, 0] = 0
        for variant, _, value in job.variants:
            for file in prepared_files(job.scan, variant):
                with output.publishing(file, {"Hash": value}) as path:
                    size = shape if job.scan == made.reference else array.shape
                    write_image(Volume(array=array[tuple(slice(n) for n in size)], affine=np.eye(4)), path, np.int32)
    with caplog.at_level("WARNING", "lumirage"):
        for align in made.aligning:
            align_scan(align, output, Context())
    warnings = [record.getMessage() for record in caplog.records]
    assert [told in w and "sub-2_T1w, variant a and b" in w for w in warnings] == [True] * bool(told)
