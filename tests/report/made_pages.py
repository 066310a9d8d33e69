"""Pages of made-up tables, and what must hold for any page."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from lxml import html

from lumirage_bids.report.figures.slices import ContourLayer, View
from lumirage_bids.report.group_page import GroupTables, ReportContext, group_tables
from lumirage_bids.stats.tables import Scores
from tests.report.made_scans import TILES
from tests.stats.made_up import score_table

EVIL = '<script>alert("1")</script>'


def tables(luts: dict[str, dict[int, str]] | None = None, **kind: object) -> GroupTables:
    pairs, structures = score_table(**kind)  # type: ignore[arg-type]
    return group_tables(Scores(pairs=pairs, structures=structures, luts=luts or {}))


def context(**given: object) -> ReportContext:
    base = {
        **{"dataset": "Demo", "protocol": "default", "command": "lumirage IN OUT group"},
        **{"created": datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "versions": {"lumirage-bids": "0.1.0"}},
    }
    return ReportContext(**{**base, **given})  # type: ignore[arg-type]


def check_structure(page: html.HtmlElement) -> None:
    """What every page owes its readers."""
    assert page.get("lang") == "en"
    assert [len(page.findall(f".//{tag}")) for tag in ("main", "header", "footer", "h1")] == [1, 1, 1, 1]
    levels = [int(h.tag[1]) for h in page.iter("h1", "h2", "h3")]
    assert all(b - a <= 1 for a, b in pairwise(levels))
    ids = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for element in page.iter():
        for name, value in element.attrib.items():
            reference = re.search(r"url\(#([^)]+)\)", value)
            if reference or (name == "href" and value.startswith("#") and len(value) > 1):
                assert (reference[1] if reference else value[1:]) in ids
    for table in page.iter("table"):
        assert table.find("caption").text_content()
        width = len(table.findall(".//tr[@class='columns']/th[@scope='col']"))
        for row in table.findall(".//tbody/tr"):
            assert row[0].get("scope") == "row"
            assert len(row) == width
        for row in table.findall(".//tr[@class='groups']"):
            assert sum(int(cell.get("colspan")) for cell in row) == width
    assert all(image.get("alt") for image in page.iter("img"))
    assert all(svg.get("role") == "img" and svg.get("aria-label") for svg in page.iter("svg"))


def check_self_contained(page: html.HtmlElement) -> None:
    for element in page.iter():
        assert element.tag not in ("iframe", "object", "embed")
        assert not element.get("src") or element.get("src").startswith("data:")
        assert not [name for name in element.attrib if name.startswith("on")]
    assert all(link.get("href").startswith("data:") for link in page.iter("link"))
    (script,) = page.iter("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


def view(title: str = "", *names: str) -> View:
    """A sheet of noise, with contours under each name."""
    sheet = np.random.default_rng(0).random((14, 8))
    layers = [ContourLayer(labels=(sheet > 0.5).astype(int), name=name, colour="#E69F00") for name in names]
    return View(image=sheet, tiles=TILES, layers=layers, title=title)
