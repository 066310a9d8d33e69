"""A batch's rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lumirage_bids.base.failures import Failure
from lumirage_bids.execution.batch_files import Rows, start_name
from lumirage_bids.experiment.done import _check_clock
from lumirage_bids.experiment.plan import Batch
from lumirage_bids.methods import method
from lumirage_bids.output import score_table
from lumirage_bids.output.folder import Output
from tests.execution.batches import score, states
from tests.small_plan import plan, scan


def test_a_failure_does_not_take_the_place_of_a_score(batch: Batch, tmp_path: Path) -> None:
    score(batch, tmp_path, 0)
    for task in batch.tasks[:2]:
        Rows(batch, Output(tmp_path)).fail(task, Failure("out of memory", "out of memory"))
    assert states(batch, tmp_path) == {"sub-2_T1w": "ok", "sub-3_T1w": "out of memory"}


def test_a_table_that_lost_its_last_row_says_nothing_of_the_clock(batch: Batch, tmp_path: Path) -> None:
    rows = Rows(batch, Output(tmp_path))
    rows.fail(batch.tasks[0], Failure("killed", "killed by SIGKILL"))
    rows.forget_killed()
    (table,) = score_table.collect(Output(tmp_path)).values()
    assert len(table) == 0
    _check_clock(table)


def test_fields_between_scans_as_they_are_begin_where_all_do_if_that_is_there(tmp_path: Path) -> None:
    (arm,) = (arm for arm in plan(tmp_path, [scan(tmp_path, s) for s in "12"]).arms if arm.name == "greedy")
    fields = replace(arm, method=method("precomputed", path="/x/{moving}_{fixed}.nii"))
    assert start_name(arm) == arm.alignment.start
    assert start_name(fields) == "own"
    untouched = replace(arm.alignment, start="none")
    assert start_name(replace(fields, alignment=untouched)) == start_name(replace(arm, alignment=untouched)) == "none"
