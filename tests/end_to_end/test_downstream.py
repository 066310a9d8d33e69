"""Transforms composed after scoring, by jobs of an array, up to the page."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Outcome, options, run_here

pytestmark = pytest.mark.slow  # four starts of the program
THREE = 'extends = "default"\n[downstream]\nscans = 3\n'


@pytest.fixture(scope="module")
def out(demo_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job for some moving subjects, and one for the rest."""
    folder = tmp_path_factory.mktemp("downstream")
    (folder / "three.toml").write_text(THREE)
    for subjects, kept in ((("01",), 4), (("02", "03"), 12)):
        assert not list(folder.rglob("*_consistency.tsv")), "a job had what others were to make"
        done = run(demo_dataset, folder / "out", "--participant-label", *subjects)
        assert done.code == 0, done.said
        assert len(list(folder.rglob("*_xfm.h5"))) == kept
    done = run_here([demo_dataset, folder / "out", "group"])
    assert done.code == 0, done.said
    return folder / "out"


def run(demo_dataset: Path, out: Path, *more: object) -> Outcome:
    protocol = ("--protocol", out.parent / "three.toml", "--methods", "greedy")
    return run_here([demo_dataset, out, "participant", *options(demo_dataset), *protocol, *more])


def read(out: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(out / f"group/{name}.tsv", sep="\t", na_values="n/a", keep_default_na=False)


def test_no_deformation_is_consistent_and_a_method_is_told_how_much_it_is_not(out: Path) -> None:
    pairs = read(out, "pairs").groupby("method")["both_ways_mm"].agg(["count", "mean"])
    assert (pairs["count"] == 6).all()
    assert pairs.loc["identity", "mean"] < 1e-6
    assert pairs.loc["greedy", "mean"] > 0.05
    triples = read(out, "triples").groupby("method")["error_mm"].agg(["count", "mean"])
    assert (triples["count"] == 6).all()
    assert triples.loc["identity", "mean"] < 1e-6
    assert triples.loc["greedy", "mean"] > 0.05
    assert set(read(out, "downstream")["measure"]) == {"transitivity_mm"}


def test_the_page_tells_of_it(out: Path) -> None:
    page = (out / "group/report.html").read_text("utf-8")
    assert "transitivity-table" in page
    assert 'id="atlases"' not in page  # two atlases are not fused
    assert "inverse consistency of the two registrations" in (out / "group/CITATION.md").read_text("utf-8")


def test_transforms_may_be_deleted_once_all_is_found_out(demo_dataset: Path, out: Path) -> None:
    for file in out.rglob("*_xfm.h5"):
        file.unlink()
    done = run(demo_dataset, out, "--dry-run")
    assert "12 done already, 0 to do" in done.out
    assert "0 table(s) to do" in done.out
