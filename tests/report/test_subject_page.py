"""Pages of a subject."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import html

from lumirage_bids.output.folder import Output
from lumirage_bids.report.figures.slices import ContourLayer, View, plane_rows
from lumirage_bids.report.subject_page import ScanPanel, SubjectPage, page_source, write_subject_report
from tests.report.made_pages import EVIL, check_self_contained, check_structure, cut, random_volume
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def test_subject_page(tmp_path: Path):
    pairs, _ = score_table(failing=0.3)
    rows = pairs[pairs["moving"].str.startswith("sub-00")]
    layer = ContourLayer(labels=cut((random_volume() > 0.5).astype(int)))
    figure = plane_rows([View(image=cut(random_volume()), layers=[layer], spacing=(1, 1, 1))])
    scans = [ScanPanel(name=f"sub-00 {EVIL}", description=[EVIL], figures=[("labels", figure)])]
    shown = SubjectPage(subject="00", scans=scans, pairs=rows, pair_panels=[(EVIL, figure)], sloppy=True)
    page = html.document_fromstring(write_subject_report(Output(tmp_path), shown).read_bytes())
    check_structure(page)
    check_self_contained(page)
    assert len(page.findall(".//table/tbody/tr")) == len(rows)
    assert [image.get("alt") for image in page.iter("img")] == ["labels", EVIL]
    assert "SLOPPY: not for publication" in page.text_content()


def test_subject_page_without_anything(tmp_path: Path):
    shown = SubjectPage(subject="00", scans=[], pairs=score_table()[0].head(0), made_from="abc123")
    assert page_source(Output(tmp_path), "00") == ""
    text = write_subject_report(Output(tmp_path), shown).read_text("utf-8")
    assert "No scan of this subject was prepared." in text
    assert "has not been registered to any other yet" in text
    assert page_source(Output(tmp_path), "00") == "abc123"
