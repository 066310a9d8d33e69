"""``lumirage collect``: several runs on one page, by group tables that the real group level wrote."""

from __future__ import annotations

import json
import shutil

import pytest

from lumirage_bids.app.cli import main
from tests.report.collected.runs import made_run, scores


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three runs on one label set, one of them of a published protocol under another step of syn; sloppy ones apart."""
    folder = tmp_path_factory.mktemp("runs")
    return {
        "a": made_run(folder / "a", scores(1, subjects=6), dataset="Alpha"),
        "b": made_run(folder / "b", scores(2, subjects=6), dataset="Beta"),
        "c": made_run(
            folder / "c",
            scores(3, subjects=6, labellings=("slant",)),
            dataset="Gamma",
            protocol="nimh-t1w",
            changes={"method@syn": {"step": 0.5, "mask": "/home/somebody/mask.nii"}},
        ),
    }


def collect(*arguments):
    return main(["collect", *map(str, arguments)])


def test_runs_and_group_folders_that_were_sent_stand_on_one_page(runs, tmp_path, capsys):
    sent = shutil.copytree(runs["b"] / "group", tmp_path / "from-another-site")
    report = tmp_path / "report"
    assert collect(runs["a"], sent, runs["c"], report) == 0
    assert f"The page is {report / 'report.html'}" in capsys.readouterr().out
    results = json.loads((report / "results.json").read_text("utf-8"))
    assert [e["dataset"] for e in results["experiments"]] == ["Alpha", "Beta", "Gamma"]
    assert [e["labelling"] for e in results["experiments"]] == ["manual", "manual", "slant"]
    (apart,) = results["apart"]
    assert (apart["name"], apart["experiments"]) == ("syn", [[1, 2], [3]])
    assert {row["source"] for row in results["published"]} == {"Table 1"}
    page = (report / "report.html").read_text("utf-8")
    assert "Next to the paper" in page
    assert "/home/somebody" not in page
    assert (report / "figures" / "experiments-1-manual.svg").exists()


def test_the_verdict_of_one_run_is_that_of_its_own_page(runs, tmp_path):
    assert collect(runs["a"], tmp_path / "report") == 0
    results = json.loads((tmp_path / "report" / "results.json").read_text("utf-8"))
    own = (runs["a"] / "group" / "report.html").read_text("utf-8")
    (verdict,) = results["verdicts"]
    assert verdict["headline"].replace("'", "&#39;") in own


@pytest.mark.parametrize("given", ["there", "in-run", "run", "file"])
def test_a_report_folder_that_holds_something_else_is_refused(runs, tmp_path, capsys, given):
    place = {"there": tmp_path, "in-run": runs["a"] / "report", "run": runs["b"], "file": tmp_path / "x"}[given]
    (tmp_path / "x").write_text("mine")
    before = sorted(f.name for f in runs["b"].iterdir())
    assert collect(runs["a"], runs["b"], place) == (73 if given == "file" else 64)
    assert "REPORT_DIR" in capsys.readouterr().err
    assert (tmp_path / "x").read_text() == "mine"
    assert sorted(f.name for f in runs["b"].iterdir()) == before


def test_an_earlier_report_is_replaced(runs, tmp_path):
    for _ in range(2):
        assert collect(runs["a"], tmp_path / "report") == 0
    assert [f.name for f in tmp_path.iterdir()] == ["report"]


def test_what_is_refused_has_its_exit_code_and_leaves_nothing(runs, tmp_path, capsys):
    report = tmp_path / "report"
    assert collect(runs["a"], runs["a"] / "group", report) == 64
    (tmp_path / "empty").mkdir()
    assert collect(runs["a"], tmp_path / "empty", report) == 66
    assert "group" in capsys.readouterr().err
    copy = shutil.copytree(runs["a"], tmp_path / "copy")
    assert collect(runs["a"], copy, report) == 65
    assert "are the same results" in capsys.readouterr().err
    assert not report.exists()


def test_a_folder_without_a_group_level_says_the_command(runs, tmp_path, capsys):
    copy = shutil.copytree(runs["a"], tmp_path / "copy")
    shutil.rmtree(copy / "group")
    assert collect(copy, tmp_path / "report") == 66
    assert f"lumirage BIDS_DIR {copy} group" in capsys.readouterr().err
