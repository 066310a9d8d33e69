"""The figures of the group's page, put into their sections, and those of ``lumirage judge``: found, and drawn."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from lumirage_bids.base.parameters import discover
from lumirage_bids.base.progress import track
from lumirage_bids.report import figures
from lumirage_bids.report.figures.base import SECTIONS, PageFigure, Pictures, ReportFigure, Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SECTIONS", "Pictures", "ReportFigure", "Shown", "draw_figures", "draw_judged", "page_figures"]


@cache
def page_figures() -> list[type[PageFigure]]:
    """Every figure that the page may have, in the order of their places."""
    found = discover(figures.__name__, PageFigure)  # type: ignore[type-abstract]
    return sorted(found.values(), key=lambda kind: (kind.place, kind.name))


def draw_judged(shown: Shown) -> Iterator[tuple[str, Figure]]:
    """Draw what ``lumirage judge`` shows, each with the name of its files."""
    for kind in page_figures():
        if kind.judged and len(shown.table(kind.needs)):
            for drawn in kind().draw_all(shown):
                yield kind.judged + drawn.name.removeprefix(kind.name), drawn.figure


def draw_figures(shown: Shown) -> Iterator[tuple[str, ReportFigure]]:
    """Draw what there is to show, each with its section, in the order of places."""
    for kind in track(page_figures(), "Drawing figures"):
        if not kind.needs or len(shown.table(kind.needs)):
            for drawn in kind().draw_all(shown):
                yield kind.section, drawn
