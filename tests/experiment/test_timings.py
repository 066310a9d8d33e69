"""What earlier runs took, noted and read."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumirage_bids.experiment import timings
from lumirage_bids.experiment.plan import Plan
from lumirage_bids.methods.base import Context
from lumirage_bids.output.folder import Output
from tests.small_plan import plan, scan


@pytest.fixture
def made(tmp_path: Path) -> Plan:
    return plan(tmp_path, [scan(tmp_path, f"0{n}") for n in range(1, 6)], methods=("greedy",), nprocs=4)


def test_measurements_that_cannot_be_written_are_done_without(made: Plan, tmp_path: Path) -> None:
    timings.note(Output(tmp_path / "nowhere"), made.batches[0], Context(), 1.0)
    assert timings.read(Output(tmp_path / "nowhere")) == timings.Timings()
