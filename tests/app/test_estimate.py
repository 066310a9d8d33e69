"""How long a run is said to take: by what was measured where there is such, and with no more processes than cores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.app import estimate
from lumirage_bids.experiment import timings
from lumirage_bids.experiment.arms import ArmOfRun
from lumirage_bids.experiment.evaluation import Evaluation
from lumirage_bids.experiment.plan import Batch, Plan
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.methods.base import Context
from lumirage_bids.output.folder import Output
from tests.small_plan import asked, plan, scan

VOXELS = 5_000_000


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "count_cores", lambda: 4)
    monkeypatch.setattr(estimate, "usable_gb", lambda asked: asked or 100.0)


@pytest.fixture
def made(tmp_path: Path) -> Plan:
    return plan(tmp_path, [scan(tmp_path, f"0{n}") for n in range(1, 6)], methods=("greedy",), nprocs=4)


def settings(root: Path, **changes: object) -> Settings:
    return replace(asked(root), **{"device": "cpu", "nprocs": 4, "omp_nthreads": 1, **changes})  # type: ignore[arg-type]


def seconds(made: Plan, given: Settings, known: timings.Timings | None = None) -> float:
    return estimate.estimate(made, given, VOXELS, known or timings.Timings()).seconds


def test_processes_without_a_core_do_not_help(made: Plan, tmp_path: Path) -> None:
    four = estimate.estimate(made, settings(tmp_path), VOXELS, timings.Timings())
    sixty = estimate.estimate(made, settings(tmp_path, nprocs=60), VOXELS, timings.Timings())
    assert (four.at_once, sixty.at_once) == (4, 4)
    assert sixty.seconds == four.seconds
    crowd = estimate.estimate(made, settings(tmp_path, nprocs=16, omp_nthreads=8), VOXELS, timings.Timings())
    assert crowd.at_once == 1
    # Elsewhere there are other cores.
    cluster = settings(tmp_path, nprocs=16, omp_nthreads=8, use_plugin=tmp_path / "slurm.yml")
    assert estimate.estimate(made, cluster, VOXELS, timings.Timings()).at_once == 16


def test_memory_limits_the_processes(made: Plan, tmp_path: Path) -> None:
    assert estimate.estimate(made, settings(tmp_path, mem=2.5), VOXELS, timings.Timings()).at_once == 1


def judged(made: Plan, evaluation: Evaluation) -> Plan:
    def batch(b: Batch) -> Batch:
        return replace(b, arms=tuple(replace(arm, evaluation=evaluation) for arm in b.arms))

    return replace(made, batches=tuple(map(batch, made.batches)))


def test_evaluation_takes_time_too(made: Plan, tmp_path: Path) -> None:
    plain = seconds(made, settings(tmp_path))
    surface = seconds(judged(made, Evaluation(surface=True)), settings(tmp_path))
    # 40 pairs; 2.5 s each were measured at 5.8 million voxels, on four cores here.
    assert 0.5 < (surface - plain) / (40 * 2.5 / 4) < 2


def test_coarser_variants_take_less(made: Plan, tmp_path: Path) -> None:
    def spaced(arms: tuple[ArmOfRun, ...], spacing: float) -> tuple[ArmOfRun, ...]:
        return tuple(replace(a, preparation=replace(a.preparation, spacing=spacing)) for a in arms)

    arms = (*spaced(made.arms, 0.6), *spaced(made.arms, 1.2))
    fine, coarse = (
        seconds(
            replace(made, arms=arms, batches=tuple(replace(b, arms=spaced(b.arms, s)) for b in made.batches)),
            settings(tmp_path),
        )
        for s in (0.6, 1.2)
    )
    assert coarse < 0.6 * fine


def test_what_was_measured_counts(made: Plan, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    context = Context(device="cpu", threads=2)
    for batch in made.batches:
        for took in (300.0, 30.0, 31.0):  # the first of a process reads libraries
            timings.note(Output(tmp_path), batch, context, took)
    for job in made.preparing:
        timings.note(Output(tmp_path), job, context, 4.0)
    with (tmp_path / timings.FILE).open("a") as file:
        file.write("torn\tline")
    known = timings.read(Output(tmp_path))
    got = estimate.estimate(made, settings(tmp_path, omp_nthreads=2), VOXELS, known)
    assert (got.measured, got.at_once) == (True, 2)
    pairs = sum(len(b.tasks) for b in made.batches) * 31 / 2
    assert pairs < got.seconds < 1.3 * pairs
    assert estimate.estimate(made, settings(tmp_path, omp_nthreads=1), VOXELS, known).seconds > pairs
    # Another evaluation is another kind.
    other = estimate.estimate(judged(made, Evaluation(surface=True)), settings(tmp_path), VOXELS, known)
    assert not other.measured
