"""Figures as files and as parts of a page, without dates or random ids: equal figures differ by rounding at most."""

from __future__ import annotations

import base64
import io
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from lumirage_bids.report.figures.style import journal_style, mark

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from lumirage_bids.output.folder import Output
    from lumirage_bids.report.figures.base import ReportFigure

SLOPPY = "SLOPPY: not for publication"
PRINT_DPI = 300
SCREEN_DPI = 150
#: Figures are set for print, 7 points; a page shows them this much larger.
_ENLARGED = 1.4
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A figure as a page has it."""

    name: str
    caption: str
    markup: Markup
    folded: bool
    links: Sequence[tuple[str, str]]


def draw(figure: ReportFigure, output: Output, folder: str, *, sloppy: bool) -> Drawing:
    """Save a figure and make it a part of the page.

    Parameters
    ----------
    figure : ReportFigure
    output : Output
    folder : str
        Below it, where the figure's files go.
    sloppy : bool
        Whether it is marked as not for publication.
    """
    if sloppy:
        mark(figure.figure, SLOPPY)
    svg, _ = save_figure(figure.figure, output, f"{folder}/{figure.name}")
    if figure.pictures:
        markup = Markup('<img src="{}" alt="{}">').format(png_data_uri(figure.figure), figure.alt)
    else:
        markup = svg_markup((output / svg).read_text("utf-8"), figure.name, figure.alt)
    return Drawing(name=figure.name, caption=figure.caption, markup=markup, folded=figure.folded, links=figure.links)


def save_figure(figure: Figure, output: Output, name: str) -> list[Path]:
    """Write a figure as ``name.svg`` and ``name.png`` (300 dpi), without dates.

    Parameters
    ----------
    figure : Figure
    output : Output
    name : str
        Below it, without ending.

    Returns
    -------
    list of Path
        The two files below the output folder.

    Raises
    ------
    CannotWriteError
        If the folder cannot be written.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    svg, png = Path(f"{name}.svg"), Path(f"{name}.png")
    canvas = _canvas(figure)
    with journal_style():
        with output.replacing(svg) as temporary, temporary.open("wb") as stream:
            FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})  # type: ignore[no-untyped-call]
        figure.set_dpi(PRINT_DPI)
        with output.replacing(png) as temporary, temporary.open("wb") as stream:
            canvas.print_png(stream, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return [svg, png]


def png_data_uri(figure: Figure) -> str:
    """Encode a figure as a PNG (150 dpi, 256 colours) for the ``src`` of an image; for figures that hold images."""
    from PIL import Image

    canvas, buffer = _canvas(figure), io.BytesIO()
    with journal_style():
        figure.set_dpi(SCREEN_DPI)
        canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    # Greys and a few line colours: a palette holds them in a third of the bytes.
    Image.fromarray(pixels).convert("RGB").quantize(256).save(buffer, "png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _canvas(figure: Figure) -> FigureCanvasAgg:
    """Where a figure is drawn once it is laid out, for good: `savefig` would lay it out again for each file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if (engine := figure.get_layout_engine()) is not None:
        with journal_style():
            engine.execute(figure)
        figure.set_layout_engine("none")
    return FigureCanvasAgg(figure)


def svg_markup(svg: str, prefix: str, alt: str) -> Markup:
    """Make a figure an ``<svg>`` element for an HTML page.

    Parameters
    ----------
    svg : str
        Content of a file that `save_figure` wrote.
    prefix : str
        Put before every id, so that figures on one page do not share any.
    alt : str
        What a reader who does not see the figure is told.

    Returns
    -------
    Markup
        Safe: all text and attributes are escaped by the XML writer; no metadata, no style sheet that would reach
        beyond the figure.
    """
    root = ET.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if _strip_namespace(child.tag) in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = _strip_namespace(element.tag)
        _rename(element, prefix)
    width = float(root.attrib.pop("width").removesuffix("pt"))
    del root.attrib["height"]
    root.attrib.pop("version", None)
    # What the style sheet said, for this figure alone.
    root.set("style", f"width: {_ENLARGED * width:.0f}pt; stroke-linejoin: round; stroke-linecap: butt")
    root.set("role", "img")
    root.set("aria-label", alt)
    return Markup(ET.tostring(root, encoding="unicode"))


def _strip_namespace(name: str) -> str:
    return name.rpartition("}")[2]


def _rename(element: ET.Element, prefix: str) -> None:
    """Prefix ids and the references to them; HTML takes ``href`` without a namespace."""
    for key, value in list(element.attrib.items()):
        if key == "id":
            element.set(key, f"{prefix}-{value}")
        elif key in _HREFS:
            del element.attrib[key]
            element.set("href", f"#{prefix}-{value[1:]}" if value.startswith("#") else value)
        elif "url(#" in value:
            element.set(key, value.replace("url(#", f"url(#{prefix}-"))
