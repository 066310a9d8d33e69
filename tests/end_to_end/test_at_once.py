"""Several runs on one output folder at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import options, run_program
from faults import check_whole, protocol, results, start


@pytest.fixture(scope="module")
def alone(demo_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The protocol, and the results of one undisturbed run."""
    folder = tmp_path_factory.mktemp("alone")
    file = protocol(folder)
    done = run_program([demo_dataset, folder / "out", "participant", *options(demo_dataset), "--protocol", file])
    assert done.code == 0, done.said
    return file, results(demo_dataset, folder / "out")


@pytest.mark.parametrize("labels", [(["01"], ["02", "03"]), (["01", "02", "03"],) * 2], ids=["different", "the same"])
def test_two_runs_at_once(
    labels: tuple[list[str], list[str]], alone: tuple[Path, dict[str, str]], demo_dataset: Path, tmp_path: Path
) -> None:
    file, wanted = alone
    out = tmp_path / "out"
    programs = [start(demo_dataset, out, "--protocol", file, "--participant-label", *each) for each in labels]
    for program in programs:
        said, _ = program.communicate(timeout=400)
        assert program.returncode == 0, said
        assert "Traceback" not in said
    assert results(demo_dataset, out) == wanted
    check_whole(out)
