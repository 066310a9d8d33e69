"""Figures as files and as parts of a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import html

from lumirage_bids.output.folder import Output
from lumirage_bids.report.figure_files import save_figure, svg_markup
from lumirage_bids.report.figures.violins import dice_violins
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def test_figures_on_one_page_share_no_ids(tmp_path: Path):
    figure = dice_violins(score_table()[0], "braincolor")
    svg = (tmp_path / save_figure(figure, Output(tmp_path), "x")[0]).read_text("utf-8")
    assert "<dc:date>" not in svg
    pages = [html.fragment_fromstring(str(svg_markup(svg, prefix, 'an "alt" <b>'))) for prefix in ("a", "b")]
    one, two = ({e.get("id") for e in page.iter() if e.get("id")} for page in pages)
    assert len(one) > 10
    assert one.isdisjoint(two)
    assert pages[0].get("aria-label") == 'an "alt" <b>'
    assert not list(pages[0].iter("style", "metadata"))
