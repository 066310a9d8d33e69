"""Processes that die or take too long cost one pair, never the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pytest
from conftest import options, run_program

from lumirage_bids import scores

# Greedy with so many iterations that there is time to shoot at it.
SLOW = """
description = "slow"
[methods.identity]
[methods.greedy]
scales = [1]
iterations = [{iterations}]
max_tolerance_iters = {iterations}
"""


def protocol(folder: Path, iterations: int) -> str:
    file = folder / "slow.toml"
    file.write_text(SLOW.format(iterations=iterations))
    return str(file)


@pytest.fixture
def slow(tmp_path: Path) -> str:
    return protocol(tmp_path, 2000)


def start(dataset: Path, out: Path, *more: object) -> subprocess.Popen[str]:
    arguments = [dataset, out, "participant", *options(dataset), *more]
    command = [sys.executable, "-m", "lumirage_bids", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(found: Callable[[], list[Path]], program: subprocess.Popen[str], seconds: float = 120) -> list[Path]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        assert program.poll() is None, program.communicate()[0]
        time.sleep(0.05)
    program.kill()
    raise AssertionError(f"waited {seconds} s in vain")


def notes(out: Path) -> list[Path]:
    return list(out.glob("work/*/progress/greedy-*.json"))


def test_a_killed_worker_costs_its_pair(demo_dataset: Path, tmp_path: Path, slow: str) -> None:
    out = tmp_path / "out"
    program = start(demo_dataset, out, "--protocol", slow, "--participant-label", "01", "--pair-timeout", "60")
    note = wait_for(lambda: notes(out), program)[0]
    os.kill(json.loads(note.read_text())["pid"], signal.SIGKILL)
    said, _ = program.communicate(timeout=240)
    assert program.returncode == 75, said
    rows = scores.collect(out)["demo"].set_index(["method", "fixed"])
    killed = rows[rows["status"] == "failed"]
    assert len(killed) == 1, said
    assert killed["reason"].iloc[0].startswith("killed by SIGKILL")
    assert len(rows) == 4
    assert (rows.loc["identity", "status"] == "ok").all()

    same = [*options(demo_dataset), "--protocol", slow, "--participant-label", "01"]
    again = run_program([demo_dataset, out, "participant", *same])
    assert again.code == 0, again.said
    rows = scores.collect(out)["demo"]
    assert len(rows) == 4
    assert set(rows["status"]) == {"ok"}


def test_a_slow_pair_is_stopped_and_recorded(demo_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    limits = ["--protocol", protocol(tmp_path, 10**6), "--participant-label", "01", "--pair-timeout", "15"]
    done = run_program([demo_dataset, out, "participant", *options(demo_dataset), *limits])
    assert done.code == 1, done.said
    rows = scores.collect(out)["demo"].set_index(["method", "fixed"])
    assert set(rows.loc["greedy", "reason"]) == {"timed out after 15 s"}
    assert (rows.loc["identity", "status"] == "ok").all()
    group = run_program([demo_dataset, out, "group"])
    assert group.code == 0, group.said
    summary = pd.read_csv(out / "group" / "summary.tsv", sep="\t").set_index(["method", "split"])
    assert summary.loc[("greedy", "all"), "n_failed"] == 2


def test_workers_end_with_the_program_and_it_goes_on_where_it_was(demo_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = start(demo_dataset, out)
    wait_for(lambda: list(out.glob("sub-*/anat/*_scores.tsv")), program)
    children = psutil.Process(program.pid).children(recursive=True)
    program.send_signal(signal.SIGKILL)
    program.communicate()
    _, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []
    finished = sum(len(t) for t in scores.collect(out).values())
    assert finished >= 1
    done = run_program([demo_dataset, out, "participant", *options(demo_dataset)])
    assert done.code == 0, done.said
    assert f"{finished} done already" in done.out or f"{finished + 1} done already" in done.out
    assert len(scores.collect(out)["demo"]) == 12


def test_an_interrupt_ends_the_program_and_its_workers(demo_dataset: Path, tmp_path: Path, slow: str) -> None:
    out = tmp_path / "out"
    program = start(demo_dataset, out, "--protocol", slow)
    wait_for(lambda: notes(out), program)
    children = psutil.Process(program.pid).children(recursive=True)
    program.send_signal(signal.SIGINT)
    said, _ = program.communicate(timeout=60)
    assert program.returncode == 75, said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []
