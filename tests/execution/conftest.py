"""A SLURM of which everything is known, and a batch."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lumirage_bids.execution import slurm, slurm_queue
from lumirage_bids.execution.nodes import Register
from lumirage_bids.execution.slurm import Watch
from lumirage_bids.execution.slurm_queue import Queue
from lumirage_bids.experiment.plan import Batch
from tests.execution.busy_slurm import BATCH, SBATCH, SCANCEL, SQUEUE, Begin, Clock, Slurm
from tests.small_plan import plan, scan


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """One moving scan and three fixed ones."""
    made = plan(tmp_path, [scan(tmp_path, s) for s in "1234"], participant_label=("1",), methods=("greedy",))
    return next(b for b in made.batches if b.arm.label == "greedy")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    programs, folder = tmp_path / "bin", tmp_path / "slurm"
    for each in (programs, folder):
        each.mkdir()
    for name, text in (("sbatch", SBATCH), ("squeue", SQUEUE), ("scancel", SCANCEL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_HERE", str(folder))
    return Slurm(folder)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (slurm, slurm_queue):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def node(tmp_path: Path) -> Any:
    """A batch of one pair."""
    inputs = SimpleNamespace(job=BATCH, progress_dir=str(tmp_path), ended_file=str(tmp_path / "ended"))
    return SimpleNamespace(name="register_0", interface=Register(), inputs=inputs)


@pytest.fixture
def begin(cluster: Slurm, clock: Clock, node: Any, tmp_path: Path) -> Begin:
    def begin(**arguments: Any) -> Watch:
        watch = Watch(arguments, Queue("--mem=1 --job-name=mine"))
        watch.begin(node, tmp_path / "script.sh")
        return watch

    return begin
