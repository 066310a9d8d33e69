"""On a real SLURM: the same tables as on one machine, and a job that dies costs its pair."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import lumirage_bids
from lumirage_bids.output import score_table
from lumirage_bids.output.folder import Output
from tests.conftest import options, run_program
from tests.end_to_end.faults import ENDLESS, SLOW, notes, protocol, results, start, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("sbatch") or subprocess.run(["sinfo"], capture_output=True, check=False).returncode != 0,
        reason="there is no SLURM here",
    ),
]
SCRIPT = Path(lumirage_bids.__file__).parent / "app" / "sbatch_array.sh"
ALONE = ENDLESS.replace("[methods.identity]\n", "")


def jobs(form: str) -> set[str]:
    """What SLURM lists of this user's jobs."""
    command = ["squeue", "--me", "--noheader", f"--format={form}"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())


def wait_until(reached: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, jobs("%A %j %T")
        time.sleep(1)


def job_at(note: Path) -> str:
    """Number of the job that is at a pair."""
    return psutil.Process(json.loads(note.read_text())["pid"]).environ()["SLURM_JOB_ID"]


def plugin(folder: Path) -> Path:
    file = folder / "plugin.yml"
    file.write_text('plugin: SLURM\nplugin_args:\n  sbatch_args: "--mem=3000 --cpus-per-task=1"\n')
    return file


def test_the_tables_are_those_of_one_machine(
    alone: tuple[Path, dict[str, str]], demo_dataset: Path, tmp_path: Path
) -> None:
    more = ("--protocol", alone[0], "--use-plugin", plugin(tmp_path))
    done = run_program([demo_dataset, tmp_path / "out", "participant", *options(demo_dataset), *more])
    assert done.code == 0, done.said
    assert results(demo_dataset, tmp_path / "out") == alone[1]


def test_a_job_that_dies_costs_its_pair(demo_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    more = ("--protocol", protocol(tmp_path, SLOW, "slow"), "--participant-label", "01")
    program = start(demo_dataset, out, *more, "--use-plugin", plugin(tmp_path))
    note = wait_for(lambda: notes(out), program)[0]
    subprocess.run(["scancel", "--signal=KILL", "--full", job_at(note)], check=True)
    said, _ = program.communicate(timeout=500)
    assert program.returncode == 75, said
    assert "Traceback" not in said
    rows = score_table.collect(Output(out))["demo"]
    assert len(rows) == 4
    assert rows[rows["status"] == "failed"]["reason"].str.startswith("killed: SLURM's job").tolist() == [True]


def test_a_job_that_slurm_requeues_gets_the_time_of_its_pair_again(demo_dataset: Path, tmp_path: Path) -> None:
    """It waits for two minutes before it begins again, longer than a pair may take."""
    out, limit = tmp_path / "out", 100
    more = ("--protocol", protocol(tmp_path, SLOW, "slow"), "--participant-label", "01", "--pair-timeout", limit)
    program = start(demo_dataset, out, *more, "--use-plugin", plugin(tmp_path))
    note = wait_for(lambda: notes(out), program)[0]
    begun, number = json.loads(note.read_text()), job_at(note)
    subprocess.run(["scontrol", "requeue", number], check=True)
    wait_until(lambda: f"{number} PENDING" in jobs("%A %T"), 60)
    requeued = time.monotonic()
    wait_until(lambda: note.exists() and json.loads(note.read_text())["pid"] != begun["pid"], 300)
    assert time.monotonic() - requeued > limit
    said, _ = program.communicate(timeout=500)
    assert program.returncode == 0, said
    rows = score_table.collect(Output(out))["demo"]
    assert rows["status"].tolist() == ["ok"] * 4


@pytest.fixture
def slow_controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same SLURM, but each submission takes seconds, as on a busy cluster."""
    folder = tmp_path / "bin"
    folder.mkdir()
    sbatch = folder / "sbatch"
    sbatch.write_text(f'#!/bin/bash\n{shutil.which("sbatch")} "$@"\ncode=$?\nsleep 3\nexit $code\n')
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.usefixtures("slow_controller")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_jobs_are_cancelled_when_the_program_is_interrupted(
    number: signal.Signals, demo_dataset: Path, tmp_path: Path
) -> None:
    """Also the job that is just being submitted: none is left to go on for ever."""
    out = tmp_path / "out"
    more = ("--protocol", protocol(tmp_path, ALONE, "endless"), "--use-plugin", plugin(tmp_path))
    others = jobs("%A")
    program = start(demo_dataset, out, *more, "--nprocs", "6")
    try:
        wait_until(
            lambda: any("-register_8-" in job for job in jobs("%j")), 240
        )  # the first six are of `identity`, and end
        program.send_signal(number)
        said, _ = program.communicate(timeout=300)
        assert program.returncode == 75, said
        assert "Traceback" not in said
        wait_until(lambda: jobs("%A") <= others, 30)
    finally:
        subprocess.run(["scancel", *(jobs("%A") - others)], check=False)


@pytest.fixture
def lost_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same SLURM, but of each three submissions one is not taken, and one is without an answer."""
    folder = tmp_path / "bin"
    folder.mkdir()
    sbatch, calls = folder / "sbatch", folder / "calls"
    sbatch.write_text(
        f"""#!/bin/bash
echo >> {calls}
n=$(($(wc -l < {calls}) % 3))
if [ $n != 1 ]; then
    answer=$({shutil.which("sbatch")} "$@") || exit
    printf "%s\\n" "$@" | grep job-name >> {folder}/taken
fi
if [ $n = 0 ]; then echo "$answer"; exit; fi
echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2
exit 1
"""
    )
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_answers_that_get_lost_cost_nothing(
    alone: tuple[Path, dict[str, str]], demo_dataset: Path, tmp_path: Path, lost_answers: Path
) -> None:
    out = tmp_path / "out"
    more = ("--protocol", alone[0], "--use-plugin", plugin(tmp_path))
    done = run_program([demo_dataset, out, "participant", *options(demo_dataset), *more])
    assert done.code == 0, done.said
    assert "Socket timed out" in done.said
    assert results(demo_dataset, out) == alone[1]
    names = [name.rsplit("-", 2)[0] for name in (lost_answers / "taken").read_text().splitlines()]
    assert len(names) > 6
    assert len(set(names)) == len(names)  # no node has had two jobs


def test_the_array_script_of_the_docs(alone: tuple[Path, dict[str, str]], demo_dataset: Path, tmp_path: Path) -> None:
    """Three subjects in an array of two jobs."""
    out = tmp_path / "an $out"
    environment = {
        **os.environ,
        "BIDS": str(demo_dataset),
        "OUT": str(out),
        "LUMIRAGE": f"{sys.executable} -m lumirage_bids",
        **dict.fromkeys(("PREPARE", "EACH", "GROUP"), "--cpus-per-task=1 --mem=3000"),
        "JOBS": "2",
    }
    mine = [str(o) for o in options(demo_dataset) if str(o) not in ("--nprocs", "2", "--omp-nthreads", "1")]
    command = ["bash", SCRIPT, *mine, "--protocol", alone[0]]
    said = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    last = said.split()[-1].rstrip(".")
    wait_until(lambda: last not in jobs("%A"), 500)
    logs = "\n".join(f.read_text() for f in sorted(tmp_path.glob("lumirage-*.out")))
    assert (out / "group" / "report.html").exists(), logs
    assert "Traceback" not in logs
    assert results(demo_dataset, out) == alone[1]
