"""What the death of a batch's process costs."""

from __future__ import annotations

from pathlib import Path

from lumirage_bids.base.failures import Failure
from lumirage_bids.execution.nodes import Progress
from lumirage_bids.execution.recovery import DEATHS, recover
from lumirage_bids.experiment.plan import Batch
from tests.execution.batches import node, score, states


def test_a_death_costs_the_pair_that_the_process_was_at(batch: Batch, tmp_path: Path) -> None:
    watched = node(batch, tmp_path)
    progress = Progress(tmp_path / "progress", batch)
    deaths = 0
    for task in batch.tasks:
        progress.note_start(task)
        deaths = recover(watched, Failure("killed", "killed by SIGKILL"), deaths)
        assert deaths == 0
    assert states(batch, tmp_path) == dict.fromkeys(("sub-2_T1w", "sub-3_T1w", "sub-4_T1w"), "killed by SIGKILL")


def test_a_pair_that_cannot_be_saved_costs_no_other(batch: Batch, tmp_path: Path) -> None:
    watched = node(batch, tmp_path)
    score(batch, tmp_path, 0)
    progress = Progress(tmp_path / "progress", batch)
    watched.inputs.save = "transforms"
    progress.note_start(batch.tasks[0])
    assert recover(watched, Failure("timed out", "timed out after 1 s"), 0) == 0
    assert progress.find_left_out() == {"sub-2_T1w"}
    assert states(batch, tmp_path) == {"sub-2_T1w": "ok"}


def test_a_pair_that_is_done_when_its_process_dies_is_done(batch: Batch, tmp_path: Path) -> None:
    """Killed between its row and the word that it has ended."""
    watched = node(batch, tmp_path)
    score(batch, tmp_path, 0)
    progress = Progress(tmp_path / "progress", batch)
    progress.note_start(batch.tasks[0])
    assert recover(watched, Failure("killed", "killed by SIGKILL"), 0) == 0
    assert progress.find_left_out() == set()
    assert states(batch, tmp_path) == {"sub-2_T1w": "ok"}


def test_a_process_that_never_comes_to_a_pair_is_given_up(batch: Batch, tmp_path: Path) -> None:
    watched, deaths = node(batch, tmp_path), 0
    for _ in range(DEATHS - 1):
        deaths = recover(watched, Failure("killed", "killed by SIGKILL"), deaths)
        assert states(batch, tmp_path) == {}
    assert recover(watched, Failure("killed", "killed by SIGKILL"), deaths) is None
    assert len(states(batch, tmp_path)) == 3
