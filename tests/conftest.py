"""A small synthetic dataset, and one finished run on it, for all tests."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from lumirage_bids.base.progress import ENDING

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How the program ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both streams."""
        return self.out + self.err


@contextmanager
def in_the_foreground() -> Iterator[None]:
    """Signals as a program at a terminal has them: in the background, or under `nohup`, the shell has some ignored."""
    before = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_program(arguments: Sequence[object], **environment: str) -> Outcome:
    """Run the program as a user does, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "lumirage_bids", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    return Outcome(code=done.returncode, out=done.stdout, err=done.stderr)


def run_here(arguments: Sequence[object]) -> Outcome:
    """Run the program's entry in this process, where libraries are loaded already; not heard is what workers say."""
    from lumirage_bids.app.cli import main
    from lumirage_bids.execution import graphs

    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(graphs, "end_server", lambda: None)  # the next run forks from it, too
        code = main([str(argument) for argument in arguments])
    return Outcome(code=code, out=out.getvalue(), err=err.getvalue())


@pytest.fixture(scope="session")
def demo_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three synthetic subjects at 5 mm; do not change it."""
    from lumirage_bids.app.demo import write_dataset

    folder = tmp_path_factory.mktemp("demo") / "bids"
    write_dataset(folder, spacing=5.0)
    return folder


def options(dataset: Path) -> list[object]:
    """Options for a quick run on the demo dataset, with its own labels."""
    return [
        *("--derivatives", f"truth={dataset / 'derivatives' / 'truth'}", "--labellings", "demo"),
        *("--sloppy", "--device", "cpu", "--nprocs", "2", "--omp-nthreads", "1"),
    ]


@pytest.fixture(scope="session")
def alone(demo_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A quick protocol, and the results of one undisturbed run of it."""
    from tests.end_to_end.faults import protocol, results

    folder = tmp_path_factory.mktemp("alone")
    file = protocol(folder)
    done = run_here([demo_dataset, folder / "out", "participant", *options(demo_dataset), "--protocol", file])
    assert done.code == 0, done.said
    return file, results(demo_dataset, folder / "out")


@pytest.fixture(scope="session")
def finished_run(demo_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output of participant and group on the demo dataset; do not change it."""
    out = tmp_path_factory.mktemp("finished") / "out"
    for level, more in (("participant", [*options(demo_dataset), "--save", "all"]), ("group", [])):
        done = run_here([demo_dataset, out, level, *more])
        assert done.code == 0, done.said
    return out
