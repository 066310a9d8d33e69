"""A batch's rows, and what the death of its process costs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lumirage_bids.base.failures import Failure
from lumirage_bids.execution.batch_files import Rows
from lumirage_bids.execution.nodes import Progress, Register
from lumirage_bids.execution.recovery import DEATHS, recover
from lumirage_bids.experiment.done import _check_clock
from lumirage_bids.experiment.plan import Batch
from lumirage_bids.output import score_table
from lumirage_bids.output.folder import Output
from tests.small_plan import plan, scan


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """One moving scan and three fixed ones."""
    made = plan(tmp_path, [scan(tmp_path, s) for s in "1234"], participant_label=("1",), methods=("greedy",))
    return next(b for b in made.batches if b.arm.label == "greedy")


def node(batch: Batch, out: Path) -> Any:
    progress = out / "progress"
    progress.mkdir(parents=True, exist_ok=True)
    inputs = SimpleNamespace(job=batch, output=Output(out), progress_dir=str(progress), save="none")
    return SimpleNamespace(interface=Register(), inputs=inputs)


def score(batch: Batch, out: Path, number: int) -> None:
    task = batch.tasks[number]
    Rows(batch, Output(out)).add(task, {key: {"status": "ok", "dice_mean": 0.5} for key in task.hashes})


def states(batch: Batch, out: Path) -> dict[str, str]:
    (rows,) = Rows(batch, Output(out)).rows.values()
    return {row["fixed"]: row["reason"] if row["status"] == "failed" else row["status"] for row in rows}


def test_a_failure_does_not_take_the_place_of_a_score(batch: Batch, tmp_path: Path) -> None:
    score(batch, tmp_path, 0)
    for task in batch.tasks[:2]:
        Rows(batch, Output(tmp_path)).fail(task, Failure("out of memory", "out of memory"))
    assert states(batch, tmp_path) == {"sub-2_T1w": "ok", "sub-3_T1w": "out of memory"}


def test_a_death_costs_the_pair_that_the_process_was_at(batch: Batch, tmp_path: Path) -> None:
    watched = node(batch, tmp_path)
    progress = Progress(tmp_path / "progress", batch)
    deaths = 0
    for task in batch.tasks:
        progress.started(task)
        deaths = recover(watched, Failure("killed", "killed by SIGKILL"), deaths)
        assert deaths == 0
    assert states(batch, tmp_path) == dict.fromkeys(("sub-2_T1w", "sub-3_T1w", "sub-4_T1w"), "killed by SIGKILL")


def test_a_pair_that_cannot_be_saved_costs_no_other(batch: Batch, tmp_path: Path) -> None:
    watched = node(batch, tmp_path)
    score(batch, tmp_path, 0)
    progress = Progress(tmp_path / "progress", batch)
    watched.inputs.save = "transforms"
    progress.started(batch.tasks[0])
    assert recover(watched, Failure("timed out", "timed out after 1 s"), 0) == 0
    assert progress.left_out() == {"sub-2_T1w"}
    assert states(batch, tmp_path) == {"sub-2_T1w": "ok"}


def test_a_pair_that_is_done_when_its_process_dies_is_done(batch: Batch, tmp_path: Path) -> None:
    """Killed between its row and the word that it has ended."""
    watched = node(batch, tmp_path)
    score(batch, tmp_path, 0)
    progress = Progress(tmp_path / "progress", batch)
    progress.started(batch.tasks[0])
    assert recover(watched, Failure("killed", "killed by SIGKILL"), 0) == 0
    assert progress.left_out() == set()
    assert states(batch, tmp_path) == {"sub-2_T1w": "ok"}


def test_a_process_that_never_comes_to_a_pair_is_given_up(batch: Batch, tmp_path: Path) -> None:
    watched, deaths = node(batch, tmp_path), 0
    for _ in range(DEATHS - 1):
        deaths = recover(watched, Failure("killed", "killed by SIGKILL"), deaths)
        assert states(batch, tmp_path) == {}
    assert recover(watched, Failure("killed", "killed by SIGKILL"), deaths) is None
    assert len(states(batch, tmp_path)) == 3


def test_a_table_that_lost_its_last_row_says_nothing_of_the_clock(batch: Batch, tmp_path: Path) -> None:
    rows = Rows(batch, Output(tmp_path))
    rows.fail(batch.tasks[0], Failure("killed", "killed by SIGKILL"))
    rows.forget_killed()
    (table,) = score_table.collect(Output(tmp_path)).values()
    assert len(table) == 0
    _check_clock(table)
