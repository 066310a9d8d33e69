"""Processes that die or take too long cost one pair, never the run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest

from lumirage_bids.output import score_table
from lumirage_bids.output.folder import Output
from tests.conftest import options, run_program
from tests.end_to_end.faults import ENDLESS, SLOW, check_whole, notes, protocol, results, start, wait_for

KILLS = 20


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    return protocol(tmp_path, SLOW, "slow")


def test_a_killed_worker_costs_its_pair(demo_dataset: Path, tmp_path: Path, slow: Path) -> None:
    out = tmp_path / "out"
    program = start(demo_dataset, out, "--protocol", slow, "--participant-label", "01", "--pair-timeout", "60")
    note = wait_for(lambda: notes(out), program)[0]
    os.kill(json.loads(note.read_text())["pid"], signal.SIGKILL)
    said, _ = program.communicate(timeout=240)
    assert program.returncode == 75, said
    rows = score_table.collect(Output(out))["demo"].set_index(["method", "fixed"])
    killed = rows[rows["status"] == "failed"]
    assert len(killed) == 1, said
    assert killed["reason"].iloc[0].startswith("killed by SIGKILL")
    assert len(rows) == 4
    assert (rows.loc["identity", "status"] == "ok").all()

    same = [*options(demo_dataset), "--protocol", slow, "--participant-label", "01"]
    again = run_program([demo_dataset, out, "participant", *same])
    assert again.code == 0, again.said
    rows = score_table.collect(Output(out))["demo"]
    assert len(rows) == 4
    assert set(rows["status"]) == {"ok"}


@pytest.mark.slow
def test_a_slow_pair_is_stopped_and_recorded(demo_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    limits = [
        "--protocol",
        protocol(tmp_path, ENDLESS, "slow"),
        "--participant-label",
        "01",
        "--pair-timeout",
        "15",
    ]
    done = run_program([demo_dataset, out, "participant", *options(demo_dataset), *limits])
    assert done.code == 1, done.said
    rows = score_table.collect(Output(out))["demo"].set_index(["method", "fixed"])
    assert set(rows.loc["greedy", "reason"]) == {"timed out after 15 s"}
    assert (rows.loc["identity", "status"] == "ok").all()
    group = run_program([demo_dataset, out, "group"])
    assert group.code == 0, group.said
    summary = pd.read_csv(out / "group" / "summary.tsv", sep="\t").set_index(["method", "split"])
    assert summary.loc[("greedy", "all"), "n_failed"] == 2


@pytest.mark.slow
def test_workers_end_with_the_program_and_it_goes_on_where_it_was(demo_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = start(demo_dataset, out)
    wait_for(lambda: list(out.glob("sub-*/anat/*_scores.tsv")), program)
    children = psutil.Process(program.pid).children(recursive=True)
    program.send_signal(signal.SIGKILL)
    program.communicate()
    _, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []
    finished = sum(len(t) for t in score_table.collect(Output(out)).values())
    assert finished >= 1
    done = run_program([demo_dataset, out, "participant", *options(demo_dataset)])
    assert done.code == 0, done.said
    assert f"{finished} done already" in done.out or f"{finished + 1} done already" in done.out
    assert len(score_table.collect(Output(out))["demo"]) == 12
    assert not (out / "work").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_the_program_and_its_workers(
    number: signal.Signals, demo_dataset: Path, tmp_path: Path, slow: Path
) -> None:
    out = tmp_path / "out"
    program = start(demo_dataset, out, "--protocol", slow)
    wait_for(lambda: notes(out), program)
    children = psutil.Process(program.pid).children(recursive=True)
    program.send_signal(number)
    said, _ = program.communicate(timeout=60)
    assert program.returncode == 75, said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []


def shoot(program: subprocess.Popen[str], *, whole_run: bool, dice: random.Random) -> None:
    """SIGKILL for the program with all its processes, or for one of its workers."""
    with suppress(ProcessLookupError, psutil.NoSuchProcess, IndexError):
        if whole_run:
            os.killpg(program.pid, signal.SIGKILL)
        else:
            dice.choice(psutil.Process(program.pid).children(recursive=True)).send_signal(signal.SIGKILL)


@pytest.mark.slow
def test_runs_killed_at_any_moment_end_with_the_same_tables(
    alone: tuple[Path, dict[str, str]], demo_dataset: Path, tmp_path: Path
) -> None:
    more = ("--protocol", alone[0], "--save", "labels")
    begin = time.monotonic()
    undisturbed = start(demo_dataset, tmp_path / "undisturbed", *more)
    said, _ = undisturbed.communicate()
    assert undisturbed.returncode == 0, said
    seconds = time.monotonic() - begin
    dice, shots, round_ = random.Random(KILLS), 0, 0
    while shots < KILLS:
        out = tmp_path / f"out{round_}"
        while shots < KILLS:
            program = start(demo_dataset, out, *more)
            with suppress(subprocess.TimeoutExpired):
                program.communicate(timeout=dice.uniform(0, seconds))
                break
            shoot(program, whole_run=shots % 2 == 0, dice=dice)
            shots += 1
            said, _ = program.communicate(timeout=300)
            assert program.returncode in (-signal.SIGKILL, 0, 74, 75), said
            assert "Traceback" not in said, said
        last = run_program([demo_dataset, out, "participant", *options(demo_dataset), *more])
        assert last.code == 0, last.said
        assert results(demo_dataset, out) == alone[1]
        check_whole(out)
        round_ += 1
