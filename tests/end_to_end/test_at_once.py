"""Several runs on one output folder at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.faults import check_whole, results, start


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param((["01"], ["02", "03"]), id="different", marks=pytest.mark.slow),
        pytest.param((["01", "02", "03"],) * 2, id="the same", marks=pytest.mark.slow),
    ],
)
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
