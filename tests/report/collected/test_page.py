"""The page of several experiments, its tables and its JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest
from lxml import html

from lumirage_bids.base.errors import CannotWriteError
from lumirage_bids.report.collected.page import write_collected
from lumirage_bids.report.collected.summing import sum_up
from tests.report.collected.runs import scores, sent
from tests.report.made_pages import EVIL, check_self_contained, check_structure


def experiments():
    published = pd.DataFrame(
        {
            **{"source": "Table 1", "pairs": "T1w", "variant": "default", "method": ["greedy", "syn"]},
            **{"labelling": "manual", "evaluation": "native", "quantity": "mean", "ours": 0.6, "published": 0.61},
            **{"difference": -0.01, "n_pairs": 30, "n_pairs_published": 9900, "conditions": "fewer pairs"},
        }
    )
    audit = pd.DataFrame({"severity": ["serious", "note"], "what": [f"found {EVIL}", "nothing"]})
    first = sent(scores(1, subjects=6), dataset=EVIL, notes=(f"a note {EVIL}",), versions={"numpy": "2.0"})
    return [
        replace(first, audit=audit, published=published),
        *(sent(scores(seed, subjects=6), dataset=f"D{seed}", versions={"numpy": "2.1"}) for seed in (2, 3)),
    ]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("collected") / "report"
    write_collected(folder, sum_up(experiments()), "lumirage collect a b c report")
    return folder


@pytest.fixture(scope="module")
def page(written):
    return html.fromstring((written / "report.html").read_text("utf-8"))


def test_the_page_is_whole_and_asks_for_nothing_from_elsewhere(page):
    check_structure(page)
    check_self_contained(page)


def test_what_users_named_is_text(written, page):
    assert EVIL not in (written / "report.html").read_text("utf-8")
    assert f"{EVIL} (1)" in page.text_content()


def test_the_page_says_what_its_correction_is_over(page):
    told = " ".join(page.text_content().split())
    assert "the 12 tests of a difference in mean Dice of all experiments, and of their means over datasets, are" in told
    assert "Not corrected: intervals, and the p-values of datasets that agree (Cochran's Q)." in told
    assert "p of no difference" not in told
    assert "Diamonds: mean over datasets with its interval." in told
    assert "Its audit found 1 condition(s)" in told
    assert "numpy 2.1 (D2 (2) and D3 (3))" in told
    assert page.xpath("//table[@id='published-table']")


def test_every_table_has_a_dictionary_of_its_columns(written):
    tables = sorted(written.glob("*.tsv"))
    assert [t.stem for t in tables] == ["comparisons", "experiments", "methods", "published", "together"]
    for file in tables:
        header = file.read_text("utf-8").splitlines()[0].split("\t")
        assert header == list(json.loads(file.with_suffix(".json").read_text("utf-8")))


def test_the_json_has_all_that_the_page_says(written, page):
    def refuse(constant):
        raise AssertionError(constant)

    results = json.loads((written / "results.json").read_text("utf-8"), parse_constant=refuse)
    told = " ".join(page.text_content().split())
    for sentence in (s for of in results["verdict_together"] for s in of["sentences"]):
        assert sentence in told
    assert [v["experiment"] for v in results["verdicts"]] == [1, 2, 3]
    assert all(" ".join(v["headline"].split()) in told for v in results["verdicts"])
    assert results["tests"] == 12
    assert len(results["experiments"]) == 3
    assert {row["finding"] for row in results["comparisons"]} == {"certain"}


def test_a_report_takes_the_place_of_an_earlier_one_whole(written):
    (written / "left.txt").write_text("of an earlier report")
    write_collected(written, sum_up(experiments()[:1]), "lumirage collect a report")
    assert not (written / "left.txt").exists()
    assert len(json.loads((written / "results.json").read_text())["experiments"]) == 1
    assert [f.name for f in written.parent.iterdir()] == [written.name]


def test_nothing_is_left_where_it_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWriteError):
        write_collected(tmp_path / "file" / "report", sum_up(experiments()[:1]), "")
    assert [f.name for f in tmp_path.iterdir()] == ["file"]


def test_of_one_run_nothing_is_told_of_datasets(tmp_path):
    write_collected(tmp_path / "report", sum_up(experiments()[1:2]), "lumirage collect a report")
    told = " ".join(html.fromstring((tmp_path / "report" / "report.html").read_text("utf-8")).text_content().split())
    for never in (
        "cannot be told from",
        "Diamonds",
        "their means over datasets",
        "(random effects). Positive",
        "Cochran's Q",
    ):
        assert never not in told
    assert "There is one experiment, so nothing is told of other datasets." in told
