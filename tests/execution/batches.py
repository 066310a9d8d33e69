"""A batch at work, and what its rows say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lumirage_bids.execution.batch_files import Rows
from lumirage_bids.execution.nodes import Register
from lumirage_bids.experiment.plan import Batch
from lumirage_bids.output.folder import Output


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
