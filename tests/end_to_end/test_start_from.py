"""Methods that go on from what another one found: what their rows, sidecars and pages say."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import options, run_here
from tests.end_to_end.test_run import table

PROTOCOL = f"""
[methods.greedy]

[methods.onward]
method = "greedy"
scales = [1]
iterations = [20]
start_from = "first"

[methods.first]
method = "syn"
scales = [4, 2]
iterations = [200, 100]

[methods.hopeless]
method = "greedy"
start_from = "broken"

[methods.broken]
method = "command"
argv = ["{sys.executable}", "-c", "import sys; sys.exit('nothing of the kind')"]
"""


@pytest.fixture(scope="module")
def run(demo_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three methods, of which one goes on from another and one from what fails."""
    folder = tmp_path_factory.mktemp("onward")
    file = folder / "mine.toml"
    file.write_text(PROTOCOL)
    more = [
        "--protocol",
        file,
        "--methods",
        "first",
        "onward",
        "hopeless",
        "--only",
        "01",
        "02",
        "--save",
        "transforms",
    ]
    done = run_here([demo_dataset, folder / "out", "participant", *options(demo_dataset), *more])
    assert done.code == 1, done.said
    assert "Method onward, variant default: FireANTs greedy" in done.out
    assert "; goes on from first: FireANTs SyN" in done.out
    done = run_here([demo_dataset, folder / "out", "group"])
    assert done.code == 0, done.said
    return folder / "out"


@pytest.fixture(scope="module")
def pairs(run: Path) -> pd.DataFrame:
    return table(run / "group" / "pairs.tsv").set_index(["method", "moving", "fixed"])


def test_time_is_that_of_both_and_memory_that_of_the_greater(pairs: pd.DataFrame) -> None:
    onward, first = pairs.loc["onward"], pairs.loc["first"]
    assert set(onward["status"]) == {"ok"}
    assert set(onward["start_from"]) == {"first"}
    assert (onward["runtime_s"] > onward["start_runtime_s"]).all()
    assert (onward["start_runtime_s"] > 0).all()
    assert (onward["memory_gb"] >= onward["start_memory_gb"]).all()
    assert first[["start_from", "start_runtime_s", "start_memory_gb"]].isna().all(axis=None)


def test_it_goes_on_from_there(pairs: pd.DataFrame) -> None:
    assert (pairs.loc["onward"]["dice_mean"] != pairs.loc["first"]["dice_mean"]).all()
    # Two iterations at full resolution, sloppily, would not get there by themselves.
    assert (pairs.loc["onward"]["dice_mean"] > pairs.loc["identity"]["dice_mean"] + 0.05).all()


def test_a_start_that_fails_fails_the_pair_by_its_own_reason(pairs: pd.DataFrame) -> None:
    failed = pairs.loc["hopeless"]
    assert set(failed["status"]) == {"failed"}
    assert failed["reason"].str.startswith("broken, which hopeless goes on from: ").all()
    assert failed["reason"].str.contains("nothing of the kind").all()


def test_it_is_written_down(run: Path) -> None:
    (sidecar,) = run.glob("sub-01/**/*desc-onward_xfm.json")
    about = json.loads(sidecar.read_text())
    assert 0 < about["start_runtime_s"] < about["runtime_s"]
    (file,) = (run / "config").glob("*.toml")
    record = tomllib.loads(file.read_text())
    assert record["started"]["onward"][0]["parameters"]["scales"] == [4, 2]
    assert (record["training"]["onward"], record["training"]["hopeless"]) == ("none", "unknown")
    page = (run / "group" / "report.html").read_text()
    assert "onward optimises on from the result of first" in page
    assert "It refined, as an instance optimisation, the displacement that first (FireANTs&#39; SyN" in page


@pytest.mark.slow
def test_scoring_again_from_the_saved_transform_keeps_what_both_took(
    run: Path, demo_dataset: Path, pairs: pd.DataFrame
) -> None:
    protocol = run.parent / "mine.toml"
    protocol.write_text(PROTOCOL + "[evaluation]\nsurface = true\n")
    more = ["--protocol", protocol, "--methods", "onward", "--only", "01", "02"]
    done = run_here([demo_dataset, run, "participant", *options(demo_dataset), *more])
    assert done.code == 0, done.said
    assert "of these only scored again, from their saved transforms: 4" in done.out
    assert run_here([demo_dataset, run, "group"]).code == 0
    again = table(run / "group" / "pairs.tsv").set_index(["method", "moving", "fixed"]).loc["onward"]
    for column in ("runtime_s", "start_runtime_s", "start_memory_gb"):
        assert list(again[column]) == pytest.approx(list(pairs.loc["onward"][column]), rel=1e-3)
