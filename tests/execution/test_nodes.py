"""What a node notes of itself for those who watch it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumirage_bids.base.errors import LumirageError
from lumirage_bids.execution.nodes import Prepare, Progress, outcome
from lumirage_bids.experiment.plan import Batch
from lumirage_bids.methods.base import Context
from lumirage_bids.output.folder import Output


def test_the_pair_under_way_is_known_until_it_ends(batch: Batch, tmp_path: Path) -> None:
    at_work, watching = Progress(tmp_path, batch), Progress(tmp_path, batch)
    assert watching.find_current() is None
    for task in batch.tasks[:2]:
        at_work.note_start(task)
        found, seconds = watching.find_current() or (None, -1.0)
        assert found is task
        assert 0 <= seconds < 60
    at_work.note_start(None)
    assert watching.find_current() is None
    assert len(watching.log.read_bytes()) == 1


def test_a_torn_note_tells_of_no_pair(batch: Batch, tmp_path: Path) -> None:
    progress = Progress(tmp_path, batch)
    progress.note_start(batch.tasks[0])
    progress.file.write_text(progress.file.read_text()[:10])
    assert progress.find_current() is None


def test_how_a_node_ended_outlives_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Prepare):
        def work(self, output: Output, context: Context) -> None:
            raise LumirageError("no room")

    class Well(Prepare):
        def work(self, output: Output, context: Context) -> None:
            pass

    common = {
        **{"job": None, "output": Output(tmp_path), "context": Context(), "progress_dir": str(tmp_path), "verbose": 0},
        **{"ended_file": str(tmp_path / "ended"), "log_file": str(tmp_path / "run.log")},
    }

    class Node:
        def __init__(self, interface: Prepare) -> None:
            self.inputs = interface.inputs

    failing, well = Failing(**common), Well(**common)
    assert outcome(Node(failing)) is None
    with pytest.raises(LumirageError):
        failing._run_interface(None)
    assert outcome(Node(failing)) == "LumirageError: no room"
    well._run_interface(None)
    assert outcome(Node(well)) == ""
