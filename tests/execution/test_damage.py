"""Who prepares or registers disowns what turns out damaged, so that the same command makes it again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.execution.align_scan import align_scan
from lumirage_bids.execution.batch_files import Rows
from lumirage_bids.execution.damage import disown_damaged
from lumirage_bids.execution.register_pairs import run_batch
from lumirage_bids.experiment.plan import Plan
from lumirage_bids.methods.base import Context
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output
from lumirage_bids.output.read_prepared import DamagedError, NotPreparedError
from lumirage_bids.spatial.images import Volume, write_image
from tests.small_plan import plan, scan

SHAPE = (8, 8, 8)


@pytest.fixture
def made(tmp_path: Path) -> Plan:
    return plan(tmp_path, [scan(tmp_path, s) for s in "12"], methods=())


@pytest.fixture
def output(made: Plan, tmp_path: Path) -> Output:
    """What a run prepares of two scans, before it aligns them."""
    output = Output(tmp_path / "out")
    array = np.zeros(SHAPE, np.float32)
    array[2:6, 2:6, 2:6] = 1
    volume = Volume(array=array, affine=np.eye(4))
    about = {"NativeShape": list(SHAPE), "NativeAffine": np.eye(4).tolist()}
    for file, value in {file: value for of in made.made.values() for file, value in of.items()}.items():
        if file.name.endswith(".nii.gz"):
            with output.publishing(file, {**about, "Hash": value}) as path:
                write_image(volume, path, np.int32)
    return output


def damage(output: Output, file: Path) -> None:
    (output / file).write_bytes((output / file).read_bytes()[:30])


def test_nothing_else_is_disowned(output: Output, made: Plan) -> None:
    image, mask = (f(made.reference, "default") for f in (paths.prepared_image, paths.prepared_mask))
    disown_damaged(output, DamagedError("input lost", [image]))
    assert output.hash_of(image) is None
    for error in (NotPreparedError("not there"), ValueError("wrong"), DamagedError("of nothing")):
        disown_damaged(output, error)
    assert output.hash_of(mask) is not None


def test_a_damaged_reference_is_disowned_by_who_aligns_to_it(output: Output, made: Plan) -> None:
    job = next(a for a in made.aligning if a.scan.name != made.reference.name)
    read = paths.prepared_mask if job.alignment.on == "mask" else paths.prepared_image
    damage(output, read(made.reference, "default"))
    align_scan(job, output, Context())
    (file,) = job.files
    why = output.why_not(file, job.hash)
    assert why is not None
    assert why.kind == "lost input"
    assert why.reason.endswith("(It is the reference that all scans are aligned to.)")
    assert output.hash_of(read(made.reference, "default")) is None
    assert output.hash_of(read(job.scan, "default")) is not None


def test_a_damaged_label_map_is_disowned_by_who_scores_by_it(output: Output, made: Plan) -> None:
    batch = made.batches[0]
    ours, theirs = (paths.label_map(s, "manual") for s in (batch.moving, batch.tasks[0].pair.fixed))
    damage(output, ours)
    run_batch(batch, output, Context(), "none", lambda task: None)
    assert output.hash_of(ours) is None
    assert output.hash_of(theirs) is not None
    (rows,) = Rows(batch, output).rows.values()
    assert [row["kind"] for row in rows] == ["lost input"] * len(batch.tasks)
