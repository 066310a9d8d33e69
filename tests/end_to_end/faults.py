"""A quick experiment, runs of it in processes of their own, and what of its results must not depend on accidents."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from tests.conftest import in_the_foreground, options, run_program

QUICK = """
description = "quick"
[preparation]
spacing = 8.0
[methods.identity]
[methods.greedy]
scales = [1]
iterations = [10]
"""
# Greedy with so many iterations that there is time to shoot at it, and one that is never done.
SLOW = """
description = "slow"
[methods.identity]
[methods.greedy]
scales = [1]
iterations = [2000]
max_tolerance_iters = 2000
"""
ENDLESS = SLOW.replace("2000", "1000000")
# The only columns that tell of the machine's state.
VARYING = ["runtime_s", "memory_gb", "runtime_s_median", "memory_gb_max"]
TABLES = ("pairs", "structures", "summary", "comparisons", "structure_differences", "failures")


def protocol(folder: Path, text: str = QUICK, name: str = "quick") -> Path:
    file = folder / f"{name}.toml"
    file.write_text(text)
    return file


def command(dataset: Path, out: Path, *more: object) -> list[str]:
    arguments = [dataset, out, "participant", *options(dataset), *more]
    return [sys.executable, "-m", "lumirage_bids", *map(str, arguments)]


def start(dataset: Path, out: Path, *more: object) -> subprocess.Popen[str]:
    """Begin a run in a process group of its own."""
    with in_the_foreground():
        return subprocess.Popen(
            command(dataset, out, *more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )


def wait_for(found: Callable[[], list[Path]], program: subprocess.Popen[str], seconds: float = 240) -> list[Path]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        assert program.poll() is None, program.communicate()[0]
        time.sleep(0.02)
    program.kill()
    raise AssertionError(f"waited {seconds} s in vain")


def notes(out: Path, what: str = "greedy") -> list[Path]:
    """Notes of the pairs under way."""
    return list(out.glob(f"work/*/progress/{what}-*.json"))


def results(dataset: Path, out: Path) -> dict[str, str]:
    """The group's tables and status.tsv as text, without times and memory."""
    done = run_program([dataset, out, "group"])
    assert done.code == 0, done.said
    files = {name: out / "group" / f"{name}.tsv" for name in TABLES} | {"status": out / "status.tsv"}
    tables = {name: pd.read_csv(f, sep="\t", dtype=str, keep_default_na=False) for name, f in files.items()}
    return {name: t.drop(columns=VARYING, errors="ignore").to_csv(sep="\t") for name, t in tables.items()}


def check_whole(out: Path) -> None:
    """Read every file below an output folder to its end, but what a killed process left half written, hidden."""
    readers: dict[str, Callable[[Path], object]] = {
        ".json": lambda f: json.loads(f.read_text()),
        ".tsv": lambda f: pd.read_csv(f, sep="\t"),
        ".gz": lambda f: gzip.decompress(f.read_bytes()),
        ".npz": lambda f: zipfile.ZipFile(f).testzip(),
        ".html": lambda f: f.read_text().index("</html>"),
    }
    kept = [f for f in out.rglob("*") if f.is_file() and "work" not in f.relative_to(out).parts]
    files = [f for f in kept if not f.name.startswith(".")]
    assert files
    for file in files:
        readers.get(file.suffix, Path.read_bytes)(file)
