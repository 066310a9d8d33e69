"""Disk full, memory short, input gone in the middle of a run: then the same command again, as if nothing had been."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from lumirage_bids.output import score_table
from lumirage_bids.output.folder import Output
from tests.conftest import Outcome, options, run_here, run_program
from tests.end_to_end.faults import SLOW, check_whole, command, notes, protocol, results, start, wait_for

SAVE = ("--save", "all")
CGROUP = Path("/sys/fs/cgroup/memory")


def run(dataset: Path, out: Path, *more: object) -> Outcome:
    return run_here([dataset, out, "participant", *options(dataset), *more])


def status(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "status.tsv", sep="\t", keep_default_na=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [300, 1000, 2400])
def test_a_full_disk(
    kilobytes: int, small_disk: Path, alone: tuple[Path, dict[str, str]], demo_dataset: Path, tmp_path: Path
) -> None:
    def resize(size: str) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", small_disk], check=True)

    file, wanted = alone
    resize(f"{kilobytes}k")
    out = small_disk / "out"
    full = run(demo_dataset, out, "--protocol", file, *SAVE, "--work-dir", tmp_path / "work")
    assert full.code in (73, 74), full.said
    assert "Traceback" not in full.said
    assert "No space left" in full.said
    check_whole(out)
    resize("200m")
    again = run(demo_dataset, out, "--protocol", file, *SAVE)
    assert again.code == 0, again.said
    assert results(demo_dataset, out) == wanted
    check_whole(out)


@pytest.mark.slow
def test_status_is_right_when_a_run_breaks_off(
    alone: tuple[Path, dict[str, str]], demo_dataset: Path, small_disk: Path, tmp_path: Path
) -> None:
    """Scratch on a full disk: nothing can be registered, but the output can be written."""
    subprocess.run(["mount", "-o", "remount,size=64k", small_disk], check=True)
    out = tmp_path / "out"
    full = run(demo_dataset, out, "--protocol", alone[0], "--work-dir", small_disk)
    assert full.code == 74, full.said
    assert "Traceback" not in full.said
    table = status(out)
    assert len(table) == 12
    assert (table["status"].isin(["ok", "pending"]) | table["reason"].str.startswith("killed")).all(), table
    again = run(demo_dataset, out, "--protocol", alone[0])
    assert again.code == 0, again.said
    assert results(demo_dataset, out) == alone[1]


FILLING = """
description = "a program whose files do not fit"
[preparation]
spacing = 8.0
[methods.filling]
method = "command"
argv = [
    {python!r}, "-c", "import sys; open(sys.argv[1], 'wb').write(bytes(9000000)); raise SystemExit(1)", "{{output}}"
]
output = "field"
format = "itk"
"""


@pytest.mark.slow
def test_a_program_that_finds_no_room_is_no_result(demo_dataset: Path, small_disk: Path, tmp_path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=600k", small_disk], check=True)
    file = protocol(tmp_path, FILLING.format(python=sys.executable), "filling")
    more = ("--protocol", file, "--participant-label", "01", "--nprocs", "1")
    full = run(demo_dataset, tmp_path / "out", *more, "--work-dir", small_disk)
    assert full.code == 74, full.said
    assert "No space left" in full.said
    assert "Traceback" not in full.said
    assert "failed" not in set(status(tmp_path / "out")["status"])
    # Where there is room, that it fails is one.
    failed = run(demo_dataset, tmp_path / "out", *more)
    assert failed.code == 1, failed.said
    table = status(tmp_path / "out").query("moving == 'sub-01_T1w' and method == 'filling'")
    assert set(table["status"]) == {"failed"}


@pytest.mark.slow
def test_an_input_that_is_lost_and_comes_back(
    alone: tuple[Path, dict[str, str]], demo_dataset: Path, tmp_path: Path
) -> None:
    bids, out = tmp_path / "bids", tmp_path / "out"
    shutil.copytree(demo_dataset, bids)
    more = ("--protocol", alone[0], "--nprocs", "1")
    image = bids / "sub-03" / "anat" / "sub-03_T1w.nii.gz"
    program = start(bids, out, *more)
    wait_for(lambda: list(out.glob("logs/*.log")), program)
    image.rename(tmp_path / image.name)
    said, _ = program.communicate(timeout=300)
    assert program.returncode == 75, said
    assert "Traceback" not in said
    lost = status(out).set_index(["moving", "fixed"])
    concerned = [("sub-03_T1w" in pair) for pair in lost.index]
    assert set(lost[concerned]["status"]) == {"failed"}
    assert lost[concerned]["reason"].str.startswith("input lost").all()
    assert set(lost.loc[[not c for c in concerned], "status"]) == {"ok"}
    (tmp_path / image.name).rename(image)
    (out / "sub-02" / "anat" / "sub-02_desc-prepared_T1w.nii.gz").unlink()  # and something of the output's own
    again = run(bids, out, *more)
    assert again.code == 0, again.said
    assert results(bids, out) == alone[1]


@pytest.mark.slow
def test_files_that_were_left_empty_or_cut_short(
    alone: tuple[Path, dict[str, str]], demo_dataset: Path, tmp_path: Path
) -> None:
    """As some file systems leave what was written last when a machine goes down."""
    out = tmp_path / "out"
    assert run(demo_dataset, out, "--protocol", alone[0]).code == 0
    assert results(demo_dataset, out) == alone[1]
    for pattern in (
        *("sub-02/anat/*desc-greedy+*_scores.tsv", "sub-02/anat/*desc-greedy+*_slices.npz", "seg-demo_dseg.tsv"),
        *("sub-03/anat/*_desc-prepared_T1w.nii.gz", "sub-03/anat/*_dseg.json", "sub-03/anat/*_xfm.json"),
        *("descriptions.tsv", "config/*.toml", "dataset_description.json", "status.tsv", ".lumirage/conditions.json"),
        "sub-01/anat/*_mask.nii.gz",
    ):
        next(iter(sorted(out.glob(pattern)))).write_bytes(b"")
    for pattern in ("sub-02/anat/*_desc-prepared_T1w.nii.gz", "sub-01/anat/*_xfm.txt"):
        (file,) = out.glob(pattern)
        os.truncate(file, file.stat().st_size // 2)
    group = run_here([demo_dataset, out, "group"])
    assert group.code == 66, group.said
    assert "dataset_description.json is torn" in group.said
    # That a file is not empty but damaged is seen when it is read, so each of the two takes a run.
    for code in (75, 75, 0):
        again = run(demo_dataset, out, "--protocol", alone[0])
        assert again.code == code, again.said
        assert ("input lost" in again.said) == (code == 75)
    assert results(demo_dataset, out) == alone[1]


def test_rows_of_the_future_are_not_gone_on_with(
    alone: tuple[Path, dict[str, str]], demo_dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    file = out / "sub-01/anat/sub-01_seg-demo_desc-greedy+0_scores.tsv"
    file.parent.mkdir(parents=True)
    made = next((alone[0].parent / "out").glob("sub-01/anat/*_desc-greedy+*_scores.tsv"))
    table = pd.read_csv(made, sep="\t", dtype=str, keep_default_na=False)
    table.assign(finished="2999-01-01T00:00:00.000000+00:00").to_csv(file, sep="\t", index=False)
    shutil.copy(alone[0].parent / "out" / "dataset_description.json", out)
    refused = run(demo_dataset, out, "--protocol", alone[0])
    assert refused.code == 75, refused.said
    assert "Set the clock" in refused.said


@pytest.mark.slow
def test_streams_that_nobody_reads(alone: tuple[Path, dict[str, str]], demo_dataset: Path, tmp_path: Path) -> None:
    """As ``| head -1``, and as a parent that has closed them: the run goes on to its end."""
    more = ("--protocol", alone[0])
    program = start(demo_dataset, tmp_path / "read", *more)
    assert program.stdout is not None
    program.stdout.readline()
    program.stdout.close()
    assert program.wait(timeout=300) == 0
    assert results(demo_dataset, tmp_path / "read") == alone[1]
    closed = ["bash", "-c", '"$@" <&- >&- 2>&-', "x", *command(demo_dataset, tmp_path / "closed", *more)]
    assert subprocess.run(closed, check=False, timeout=300).returncode == 0
    assert results(demo_dataset, tmp_path / "closed") == alone[1]


def test_a_notebooks_backend(finished_run: Path, demo_dataset: Path) -> None:
    backend = "module://matplotlib_inline.backend_inline"
    done = run_program([demo_dataset, finished_run, "group"], MPLBACKEND=backend)
    assert done.code == 0, done.said


def worker(note: Path) -> int:
    return int(json.loads(note.read_text())["pid"])


@pytest.mark.slow
def test_a_worker_that_gets_no_more_memory(demo_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    file = protocol(tmp_path, SLOW, "slow")
    program = start(demo_dataset, out, "--protocol", file, "--participant-label", "01")
    (note,) = wait_for(lambda: notes(out), program)
    resource.prlimit(worker(note), resource.RLIMIT_AS, (2**20, 2**20))
    said, _ = program.communicate(timeout=300)
    rows = score_table.collect(Output(out))["demo"].set_index(["method", "fixed"])
    failed = rows[rows["status"] == "failed"]
    assert len(rows) == 4, said
    assert set(failed.index.get_level_values("method")) == {"greedy"}, said
    assert failed["reason"].str.contains("out of memory|killed").all(), failed["reason"].tolist()
    assert program.returncode in (1, 75)


@pytest.mark.slow
def test_the_kernel_ends_a_worker_for_want_of_memory(demo_dataset: Path, tmp_path: Path) -> None:
    group = CGROUP / f"lumirage-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(2**20))
    except OSError as error:
        pytest.skip(f"no memory group (v1) can be made here: {error}")
    try:
        out = tmp_path / "out"
        more = ("--protocol", protocol(tmp_path, SLOW, "slow"), "--participant-label", "01")
        program = start(demo_dataset, out, *more)
        (note,) = wait_for(lambda: notes(out), program)
        (group / "cgroup.procs").write_text(str(worker(note)))
        said, _ = program.communicate(timeout=300)
        assert program.returncode == 75, said
        rows = score_table.collect(Output(out))["demo"]
        killed = rows[rows["status"] == "failed"]
        assert killed["reason"].tolist() == [f"killed by {signal.SIGKILL.name} (out of memory?)"]
        assert len(rows) == 4
        again = run(demo_dataset, out, *more)
        assert again.code == 0, again.said
    finally:
        group.rmdir()
