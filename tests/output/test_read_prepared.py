"""What was made of a scan is read only as it was planned: whole, and under the same conditions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.failures import Failure
from lumirage_bids.bids.look_up_tables import read_lut
from lumirage_bids.execution.damage import disown_damaged
from lumirage_bids.execution.notes import note_failure
from lumirage_bids.execution.prepare_scan import publish_look_up_table
from lumirage_bids.experiment.plan import ScanJob, prepared_files
from lumirage_bids.output import paths
from lumirage_bids.output import read_prepared as prepared
from lumirage_bids.output.files import write_json
from lumirage_bids.output.folder import Output
from lumirage_bids.output.read_prepared import (
    DamagedError,
    NotPreparedError,
    native_grid,
    prepared_grid,
    read_label_map,
    read_prepared,
    read_prepared_mask,
    read_structures,
)
from lumirage_bids.spatial.images import Volume, read_image, write_image
from lumirage_bids.spatial.preparation import Preparation
from tests.small_plan import scan

SHAPE = (4, 5, 6)


def publish(out: Path, value: str, level: float = 1.0) -> dict[Path, str]:
    """What a run makes of a scan, under conditions with this digest."""
    files = prepared_files(scan(out, "1"), "default")
    for file in files:
        Output(out).disown(file)
        array = np.zeros(SHAPE, np.float32)
        array[1:] = level
        write_image(Volume(array=array, affine=np.eye(4)), out / file, np.float32)
        write_json(paths.sidecar(out / file), {"Hash": value})
    return dict.fromkeys(files, value)


def test_what_was_planned_is_read(tmp_path: Path) -> None:
    wanted = publish(tmp_path, "a")
    assert read_prepared(Output(tmp_path), scan(tmp_path, "1"), "default", wanted).array.max() == 1
    assert read_prepared_mask(Output(tmp_path), scan(tmp_path, "1"), "default", wanted).array.max() == 1


def test_what_another_run_made_otherwise_is_not(tmp_path: Path) -> None:
    wanted = publish(tmp_path, "a")
    publish(tmp_path, "b", 2.0)
    for read in (read_prepared, read_prepared_mask):
        with pytest.raises(NotPreparedError, match=r"^input lost: .*replaced"):
            read(Output(tmp_path), scan(tmp_path, "1"), "default", wanted)


def test_stopgaps_count_only_where_nothing_has_a_name(tmp_path: Path) -> None:
    one, file = scan(tmp_path, "1"), tmp_path / paths.look_up_table("manual")
    publish_look_up_table(Output(tmp_path), "manual", {1: "label 1", 2: "label 2"}, whole=False)
    assert read_structures(Output(tmp_path), one, "manual") == {1: "label 1", 2: "label 2"}
    publish_look_up_table(Output(tmp_path), "manual", {1: "CSF"}, whole=False)
    assert read_structures(Output(tmp_path), one, "manual") == read_lut(file) == {1: "CSF"}
    # A table that an earlier version wrote stays as a trace of how rows were scored, and is read in the same way.
    file.write_text("index\tname\n1\tCSF\n2\tlabel 2\n")
    publish_look_up_table(Output(tmp_path), "manual", {3: "GM"}, whole=False)
    assert read_lut(file) == {1: "CSF", 2: "label 2", 3: "GM"}
    assert read_structures(Output(tmp_path), one, "manual") == {1: "CSF", 3: "GM"}


def test_what_a_maps_own_table_does_not_name_is_no_structure_of_it(tmp_path: Path) -> None:
    """Though the table of the output folder keeps the name: of an earlier table, or for another scan's map."""
    one, two = (scan(tmp_path, s) for s in "12")
    publish_look_up_table(Output(tmp_path), "manual", {1: "CSF", 2: "GM"}, whole=False)
    for each, unnamed in ((one, {"2": 70}), (two, {})):
        sidecar = paths.sidecar(tmp_path / paths.label_map(each, "manual"))
        write_json(sidecar, {"VoxelsWithoutName": unnamed})
    assert read_structures(Output(tmp_path), one, "manual") == {1: "CSF"}
    assert read_structures(Output(tmp_path), two, "manual") == {1: "CSF", 2: "GM"}


def test_nor_what_it_makes_otherwise_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = publish(tmp_path, "a")

    def slowly(path: Path) -> Volume:
        publish(tmp_path, "b", 2.0)
        return read_image(path)

    monkeypatch.setattr(prepared, "read_image", slowly)
    with pytest.raises(NotPreparedError, match=r"^input lost"):
        read_prepared(Output(tmp_path), scan(tmp_path, "1"), "default", wanted)


def test_a_note_of_other_conditions_does_not_count(tmp_path: Path) -> None:
    wanted = publish(tmp_path, "a")
    job = ScanJob(scan=scan(tmp_path, "1"), variants=(("default", Preparation(), "b"),), labels=())
    note_failure(job, Output(tmp_path), Failure("killed", "killed by SIGKILL"))
    assert read_prepared(Output(tmp_path), scan(tmp_path, "1"), "default", wanted).array.max() == 1
    with pytest.raises(NotPreparedError, match=r"^killed by SIGKILL"):
        read_prepared(Output(tmp_path), scan(tmp_path, "1"), "default", dict.fromkeys(wanted, "b"))


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    """As it may be left when a machine goes down."""
    wanted, output = publish(tmp_path, "a"), Output(tmp_path)
    image, _ = wanted
    (output / image).write_bytes((output / image).read_bytes()[:30])
    with pytest.raises(DamagedError, match=r"^input lost: .*makes it again") as told:
        read_prepared(output, scan(tmp_path, "1"), "default", wanted)
    assert output.hash_of(image) == wanted[image]  # who reads takes nothing away
    disown_damaged(output, told.value)
    assert output.hash_of(image) is None


def test_so_is_an_empty_one(tmp_path: Path) -> None:
    wanted, output = publish(tmp_path, "a"), Output(tmp_path)
    image, _ = wanted
    (output / image).write_bytes(b"")
    assert output.hash_of(image) is None
    with pytest.raises(NotPreparedError, match=r"^input lost: .*makes it again"):
        read_prepared(output, scan(tmp_path, "1"), "default", wanted)


def label(out: Path, subject: str) -> dict[Path, str]:
    """A label map of ours; the digest that it has."""
    file = paths.label_map(scan(out, subject), "manual")
    write_image(Volume(array=np.ones(SHAPE, np.int32), affine=np.eye(4)), out / file, np.int32)
    about = {"Hash": "a", "Labeller": "existing", "NativeShape": SHAPE, "NativeAffine": np.eye(4).tolist()}
    write_json(paths.sidecar(out / file), about)
    return {file: "a"}


@pytest.mark.parametrize("cut", ["index\tna", "index\tname\n1\tBrain-St", ""])
@pytest.mark.parametrize("found", ["reading", "writing"])
def test_label_maps_that_lost_their_names_are_made_again(cut: str, found: str, tmp_path: Path) -> None:
    """All of the labelling: what the table names of other scans is not known from one."""
    one, two = (scan(tmp_path, s) for s in "12")
    moved = paths.moved_labels(one, two, "greedy", "manual")
    write_json(paths.sidecar(tmp_path / moved), {"Hash": "b"})
    publish_look_up_table(Output(tmp_path), "manual", {1: "Brain-Stem", 2: "Thalamus"}, whole=False)
    wanted = label(tmp_path, "1") | label(tmp_path, "2")
    assert read_structures(Output(tmp_path), one, "manual") == {1: "Brain-Stem", 2: "Thalamus"}
    assert read_label_map(Output(tmp_path), one, "manual", wanted).array.max() == 1
    (tmp_path / paths.look_up_table("manual")).write_text(cut)
    if found == "writing":
        publish_look_up_table(Output(tmp_path), "manual", {1: "Brain-Stem"}, whole=False)
    else:
        with pytest.raises(DamagedError, match=r"^input lost") as told:
            read_structures(Output(tmp_path), one, "manual")
        assert read_label_map(Output(tmp_path), one, "manual", wanted).array.max() == 1
        disown_damaged(Output(tmp_path), told.value)
    for each in (one, two):
        with pytest.raises(NotPreparedError, match=r"^input lost"):
            read_label_map(Output(tmp_path), each, "manual", wanted)
    assert paths.sidecar(tmp_path / moved).exists()


def test_a_grid_is_read_as_it_was_planned_too(tmp_path: Path) -> None:
    wanted = publish(tmp_path, "a") | label(tmp_path, "1")
    one = scan(tmp_path, "1")
    assert native_grid(Output(tmp_path), one, "manual", wanted)[0] == SHAPE
    assert prepared_grid(Output(tmp_path), one, "default", wanted)[0] == SHAPE
    (tmp_path / paths.prepared_image(one, "default")).write_bytes(bytes(400))
    with pytest.raises(NotPreparedError, match=r"^input lost: .*damaged"):
        prepared_grid(Output(tmp_path), one, "default", wanted)
