"""The figures of the group's page, put into their sections, and those of ``lumirage judge``: found, and drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from lumirage_bids.base.parameters import discover
from lumirage_bids.base.progress import track
from lumirage_bids.report import figures
from lumirage_bids.report.figures.base import SECTIONS, PageFigure, Pictures, ReportFigure, Shown
from lumirage_bids.report.figures.style import COLUMN

if TYPE_CHECKING:
    from lumirage_bids.report.figures.style import Sheet

__all__ = ["SECTIONS", "Pictures", "ReportFigure", "Shown", "draw_figures", "draw_judged", "page_figures"]


@cache
def page_figures() -> list[type[PageFigure]]:
    """Every figure that the page may have, in the order of their places."""
    found = discover(figures.__name__, PageFigure)  # type: ignore[type-abstract]
    return sorted(found.values(), key=lambda kind: (kind.place, kind.name))


def draw_judged(shown: Shown) -> Iterator[tuple[str, Sheet]]:
    """Draw what ``lumirage judge`` shows, each with the name of its files."""
    for kind in page_figures():
        if kind.judged and len(shown.table(kind.needs)):
            for drawn in kind().draw_all(shown):
                yield kind.judged + drawn.name.removeprefix(kind.name), drawn.figure


def draw_figures(shown: Shown) -> Iterator[tuple[str, ReportFigure, ReportFigure | None]]:
    """Draw what there is to show, in the order of places: section, figure, and the same for a column of the page."""
    for kind in track(page_figures(), "Drawing figures"):
        if not kind.needs or len(shown.table(kind.needs)):
            in_column = kind().draw_all(replace(shown, width=COLUMN))
            for figure in kind().draw_all(shown):
                yield kind.section, figure, None if figure.pictures else next(in_column)
