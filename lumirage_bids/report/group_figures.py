"""The figures of the group's page: found, drawn, and put into their sections."""

from __future__ import annotations

from functools import cache

from lumirage_bids.base.parameters import discover
from lumirage_bids.report import figures
from lumirage_bids.report.figures.base import SECTIONS, PageFigure, Pictures, ReportFigure, Shown

__all__ = ["SECTIONS", "Pictures", "ReportFigure", "Shown", "draw_figures", "page_figures"]


@cache
def page_figures() -> list[type[PageFigure]]:
    """Every figure that the page may have, in the order of their places."""
    found = discover(figures.__name__, PageFigure)  # type: ignore[type-abstract]
    return sorted(found.values(), key=lambda kind: (kind.place, kind.name))


def draw_figures(shown: Shown) -> dict[str, list[ReportFigure]]:
    """Draw what there is to show, by section, in the order of places; a section without any figure is empty."""
    drawn: dict[str, list[ReportFigure]] = {section: [] for section in SECTIONS}
    for kind in page_figures():
        if not kind.needs or len(shown.table(kind.needs)):
            drawn[kind.section] += kind().draw_all(shown)
    return drawn
