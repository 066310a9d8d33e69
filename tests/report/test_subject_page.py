"""Pages of a subject."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import html

from lumirage_bids.output.folder import Output
from lumirage_bids.report.figures.slices import plane_rows
from lumirage_bids.report.subject_page import ScanPanel, SubjectPage, page_source, write_subject_report
from lumirage_bids.report.viewer import view_pair
from tests.report.made_pages import EVIL, check_self_contained, check_structure, view
from tests.report.made_scans import shown_pair
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def test_subject_page(tmp_path: Path):
    pairs, _ = score_table(failing=0.3)
    rows = pairs[pairs["moving"].str.startswith("sub-00")]
    scans = [ScanPanel(name=f"sub-00 {EVIL}", description=[EVIL], figures=[("labels", plane_rows([view("", EVIL)]))])]
    viewers = [view_pair(shown_pair(f"sub-00_{EVIL}", fixed=f"sub-0{i}_T1w"), arm="syn", facts=[EVIL]) for i in (1, 2)]
    shown = SubjectPage(
        subject="00",
        scans=scans,
        pairs=rows,
        viewers=viewers,
        n_more=5,
        facts={"Dataset": EVIL, "Version": "0.2.0"},
        arms={"syn": "digest abc"},
        command="lumirage IN OUT participant",
        versions={"lumirage-bids": "0.2.0"},
        sloppy=True,
    )
    page = html.document_fromstring(write_subject_report(Output(tmp_path), shown).read_bytes())
    check_structure(page)
    check_self_contained(page)
    failed = page.find(".//table[@id='failure-table']")
    titles = [cell.text_content() for cell in failed.findall(".//tr[@class='columns']/th")]
    told = [float(row[titles.index("Pairs")].get("data-sort")) for row in failed.findall(".//tbody/tr")]
    assert sum(told) == (rows["status"] != "ok").sum() > 0
    assert len(page.findall(".//table[@id='pair-table']/tbody/tr")) == len(rows)
    text = " ".join(page.text_content().split())
    assert "SLOPPY: not for publication" in text
    assert "There are pictures of 5 pairs more" in text
    assert page.xpath("//section[@id='software']//code[contains(., 'lumirage IN OUT participant')]")
    assert "lumirage-bids 0.2.0" in text
    assert page.xpath("//a[@href='group/report.html']")
    first, second = page.findall(".//article")
    assert first.get("id") == viewers[0].anchor
    assert first.findtext("h3") == viewers[0].title
    assert len(first.findall(".//img")) == len(viewers[0].layers)
    # Without scripts: the moved image, with outlines; what needs them is not there.
    assert first.find(".//div[@class='controls']").get("hidden") is not None
    assert [of.get("data-layer") for of in first.findall(".//img[@hidden]")] == ["over-grid"]
    radios = [{of.get("name") for of in pair.findall(".//input[@type='radio']")} for pair in (first, second)]
    assert radios == [{"show-1"}, {"show-2"}]


def test_subject_page_without_anything(tmp_path: Path):
    shown = SubjectPage(subject="00", scans=[], pairs=score_table()[0].head(0), made_from="abc123")
    assert page_source(Output(tmp_path), "00") == ""
    text = write_subject_report(Output(tmp_path), shown).read_text("utf-8")
    assert "No scan of this subject was prepared." in text
    assert "has not been registered to any other yet" in text
    assert "There are no pictures of these pairs" in text
    assert "No pair with this subject moving failed." in text
    assert page_source(Output(tmp_path), "00") == "abc123"
