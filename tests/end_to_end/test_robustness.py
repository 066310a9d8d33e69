"""A ladder of perturbations from end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import options, run_here

LADDER = """
extends = "default"
[variants.plain]
[variants.turned]
preparation = {perturbation = {kind = "rotation", size = 25}}
[variants.noisy]
preparation = {perturbation = {kind = "noise", size = 0.3}}
"""


@pytest.fixture(scope="module")
def out(demo_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("robust")
    (folder / "ladder.toml").write_text(LADDER)
    more = ("--protocol", folder / "ladder.toml", "--methods", "greedy", "--participant-label", "01")
    done = run_here([demo_dataset, folder / "out", "participant", "group", *options(demo_dataset), *more])
    assert done.code == 0, done.said
    return folder / "out"


def scores(out: Path) -> pd.DataFrame:
    tables = [pd.read_csv(out / f"group/{name}.tsv", sep="\t") for name in ("pairs", "perturbed_pairs")]
    assert set(tables[0]["variant"]) == {"plain"}
    pairs = pd.concat(tables)
    return pairs.pivot_table(index=["method", "fixed"], columns="variant", values="dice_mean")


def test_a_turned_start_lowers_what_was_not_registered_and_noise_does_not(out: Path) -> None:
    found = scores(out)
    still = found.loc["identity"]
    assert (still["turned"] < still["plain"] - 0.1).all()
    np.testing.assert_array_equal(still["noisy"], still["plain"])
    moved = found.loc["greedy"]
    assert (moved["turned"] > still["turned"] + 0.05).all()  # it finds a part of the way back
    assert (moved["noisy"] != moved["plain"]).all()


def test_one_alignment_serves_all(out: Path) -> None:
    for scan in ("sub-02", "sub-03"):
        files = list((out / scan).rglob("*_xfm.txt")) or list((out / scan).rglob("*xfm*"))
        assert len({file.read_bytes() for file in files if file.suffix in {".txt", ".tfm", ".mat"}}) == 1


def test_verdict_and_comparisons_are_about_the_unharmed_alone_and_ladders_have_tables(out: Path) -> None:
    summary = pd.read_csv(out / "group/summary.tsv", sep="\t")
    assert set(summary["variant"]) == {"plain"}
    ladder = pd.read_csv(out / "group/ladder.tsv", sep="\t")
    dice = ladder[ladder["measure"] == "dice_mean"].set_index(["perturbation", "method", "size"])
    assert dice.loc[("rotation", "identity", 25), "change"] == pytest.approx(
        (scores(out).loc["identity", "turned"] - scores(out).loc["identity", "plain"]).mean(), abs=1e-5
    )
    assert set(pd.read_csv(out / "group/slopes.tsv", sep="\t")["sizes"]) == {"0; 25", "0; 0.3"}
    assert "rotation (25 degrees)" in (out / "group/CITATION.md").read_text("utf-8")
    page = (out / "group/report.html").read_text("utf-8")
    assert 'id="robustness"' in page


def test_judge_and_collect_take_the_folder(out: Path, tmp_path: Path) -> None:
    told = run_here(["judge", out / "group/pairs.tsv"])
    assert told.code == 0, told.said
    assert "(turned)" not in told.out
    done = run_here(["collect", out / "group", tmp_path / "page"])
    assert done.code == 0, done.said


def test_what_does_not_look_at_images_is_refused(demo_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "ladder.toml").write_text(LADDER)
    more = ("--protocol", tmp_path / "ladder.toml", "--methods", "curt", "--dry-run")
    done = run_here([demo_dataset, tmp_path / "out", "participant", *options(demo_dataset), *more])
    assert done.code == 64
    assert "Variant turned perturbs what methods see, and curt does not look at it." in done.said
