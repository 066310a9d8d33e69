"""Findings and published numbers on the page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lxml import html

from lumirage_bids.audit.literature import literature
from lumirage_bids.audit.published import DIFFERENCES, published_comparison, published_differences
from lumirage_bids.output.folder import Output
from lumirage_bids.report.audit_section import audit_section, differences_table, published_table
from lumirage_bids.report.group_page import ReportContext, group_tables, write_group_report
from lumirage_bids.stats.tables import Scores
from tests.audit.made_up import conditions
from tests.audit.published.runs import differences_of, run_of


def test_the_page_says_once_what_differs():
    table, facts = run_of("ultracortex")
    published = published_comparison(table, "ultracortex", facts)
    laid = differences_table(differences_of("ultracortex"))
    texts = [[cell.text for cell in row] for row in laid.rows]
    assert len({(row[0], *row[2:]) for row in texts}) == len(texts)
    others = {row[1]: row[2] for row in texts if row[0] == "similarity"}
    assert others == {"greedy, syn; 0.6mm-mind": "script", "greedy, syn; 0.6mm-lncc": "script"}
    assert len(published_table(published).rows) == len(published)
    assert list(published_differences(table, "default", facts).columns) == list(DIFFERENCES)


@pytest.mark.parametrize("there", [True, False])
def test_the_page_shows_findings_or_says_that_there_are_none(tmp_path, there):
    c = conditions({"evaluation": "native, nearest"} if there else {}, gains={"identity": 0, "<b>evil": 0.1})
    tables = group_tables(Scores(pairs=c.pairs, structures=c.structures, luts=c.luts))
    created = datetime(2026, 1, 2, tzinfo=UTC)
    c = replace(c, training={"<b>evil": "none"})
    about = {"dataset": "D", "protocol": "default", "command": "x", "created": created, "versions": {}}
    page = write_group_report(Output(tmp_path), tables, ReportContext(**about, audit=audit_section(c)))
    section = html.document_fromstring(page.read_bytes()).get_element_by_id("audit")
    text = section.text_content()
    assert ("No findings" in text) is not there
    assert ("nearest neighbour" in text) is there
    assert len(section.findall(".//li/h3")) == there
    assert section.find(".//b") is None
    assert section.find(".//figure//svg") is not None


def test_the_literature_is_cited_and_no_advice_is_given():
    assert "1.00 bits, 25 % of what there is to know" in literature(conditions())[0]
    assert "Here" not in literature(replace(conditions(), scans={}))[0]
    told = audit_section(conditions()).literature
    assert all(any(source in p for source in ("doi:", "arXiv:", "PMLR")) for p in told)
    assert not any(word in " ".join(told) for word in ("choose", "safer", "should", "best"))
    assert "by DeepAtropos vfa 0.876" in told[-1]
