"""Figures as files and as parts of a page, without dates or random ids: equal figures differ by rounding at most."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from lumirage_bids.report.figures.style import COLUMN, THEME, Point, Sheet, journal_style, mark

if TYPE_CHECKING:
    from lumirage_bids.output.folder import Output
    from lumirage_bids.report.figures.base import ReportFigure

SLOPPY = "SLOPPY: not for publication"
PRINT_DPI = 300
SCREEN_DPI = 150
_CSS_PIXELS = 96  # an inch
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
#: Higher than so many of its widths, a figure in a column is left to narrow screens, where there is another one.
_TALLEST = 1.6
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_FONT = re.compile(r"font-family: [^;]*; ?")


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A figure as a page has it.

    Attributes
    ----------
    name, title, caption : str
    narrow : Markup or None
        The figure as it fits into a column, or on a phone; None where it needs more.
    wide : Markup or None
        The figure over the width of a page; None where a column does on any screen.
    folded : bool
    links : sequence of (str, str)
    labelling : str
        As of the `ReportFigure`.
    """

    name: str
    title: str
    caption: str
    narrow: Markup | None
    wide: Markup | None
    folded: bool
    links: Sequence[tuple[str, str]]
    labelling: str


def draw(
    figure: ReportFigure,
    output: Output,
    folder: str,
    *,
    sloppy: bool,
    in_column: ReportFigure | None = None,
    scans: Sequence[str] = (),
) -> Drawing:
    """Save a figure and make it a part of the page.

    Parameters
    ----------
    figure : ReportFigure
    output : Output
    folder : str
        Below it, where the figure's files go.
    sloppy : bool
        Whether it is marked as not for publication.
    in_column : ReportFigure, optional
        The same, drawn for a column of a page.
    scans : sequence of str
        Names by whose places the page tells which pairs marks are.
    """
    for drawn in (figure, *([in_column] if in_column else [])):
        if sloppy:
            mark(drawn.figure, SLOPPY)
    save_figure(figure.figure, output, f"{folder}/{figure.name}")
    places = {scan: place for place, scan in enumerate(scans)}
    narrow = wide = None
    if in_column and not figure.pictures and (size := in_column.figure.get_size_inches())[0] <= COLUMN:
        narrow = _on_page(in_column, f"{figure.name}-narrow", places)
    if not narrow or size[1] > _TALLEST * size[0]:
        wide = _on_page(figure, figure.name, places)
    title, definition = figure.figure.title, figure.figure.definition
    caption = figure.caption if figure.pictures or not title else f"{definition} {figure.caption}".strip()
    return Drawing(
        name=figure.name,
        title=title,
        caption=caption,
        narrow=narrow,
        wide=wide,
        folded=figure.folded,
        links=figure.links,
        labelling=figure.labelling,
    )


def _on_page(figure: ReportFigure, name: str, scans: Mapping[str, int]) -> Markup:
    """A figure for a page, which tells its title itself."""
    figure.figure.drop_headline()
    if figure.pictures:
        return Markup('<img src="{}" alt="{}">').format(png_data_uri(figure.figure), figure.alt)
    buffer = io.BytesIO()
    _print_svg(figure.figure, buffer)
    return svg_markup(buffer.getvalue().decode("utf-8"), name, figure.alt, figure.figure.points, scans)


def save_figure(figure: Sheet, output: Output, name: str) -> list[Path]:
    """Write a figure as ``name.svg`` and ``name.png`` (300 dpi), without dates.

    Parameters
    ----------
    figure : Sheet
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
    svg, png = Path(f"{name}.svg"), Path(f"{name}.png")
    with output.replacing(svg) as temporary, temporary.open("wb") as stream:
        _print_svg(figure, stream)
    canvas = figure.lay_out()
    with journal_style():
        figure.set_dpi(PRINT_DPI)
        with output.replacing(png) as temporary, temporary.open("wb") as stream:
            canvas.print_png(stream, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return [svg, png]


def _print_svg(figure: Sheet, stream: io.BufferedIOBase) -> None:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    figure.lay_out()
    with journal_style():
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})  # type: ignore[no-untyped-call]


def png_data_uri(figure: Sheet) -> str:
    """Encode a figure as a PNG (150 dpi, 256 colours) for the ``src`` of an image; for figures that hold images."""
    from PIL import Image

    canvas, buffer = figure.lay_out(), io.BytesIO()
    with journal_style():
        figure.set_dpi(SCREEN_DPI)
        canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    # Greys and a few line colours: a palette holds them in a third of the bytes.
    Image.fromarray(pixels).convert("RGB").quantize(256).save(buffer, "png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def svg_markup(
    svg: str,
    prefix: str,
    alt: str,
    points: Mapping[str, Sequence[Point]] | None = None,
    scans: Mapping[str, int] | None = None,
) -> Markup:
    """Make a figure an ``<svg>`` element for an HTML page.

    Parameters
    ----------
    svg : str
        What `save_figure` writes.
    prefix : str
        Put before every id, so that figures on one page do not share any.
    alt : str
        What a reader who does not see the figure is told.
    points : mapping of str to sequence of Point, optional
        As of `lumirage_bids.report.figures.style.Sheet`.
    scans : mapping of str to int, optional
        Name of a scan → its number on the page.

    Returns
    -------
    Markup
        Safe: all text and attributes are escaped by the XML writer; no metadata, no style sheet that would reach
        beyond the figure. Colours and font are the page's; marks that are pairs have them in ``data-pairs``.
    """
    root = ET.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if _strip_namespace(child.tag) in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = _strip_namespace(element.tag)
        if (named := (points or {}).get(element.get("id", ""))) and scans:
            _tell_pairs(element, named, scans)
        _rename(element, prefix)
        _share_style(element)
        _take_theme(element)
    width = float(root.attrib.pop("width").removesuffix("pt")) / 72 * _CSS_PIXELS
    del root.attrib["height"]
    root.attrib.pop("version", None)
    # What the style sheet said, for this figure alone.
    root.set("style", f"--width: {width:.0f}px; stroke-linejoin: round; stroke-linecap: butt")
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


def _tell_pairs(group: ET.Element, points: Sequence[Point], scans: Mapping[str, int]) -> None:
    """Say which pairs a group's marks are: numbers of the moving and the fixed scan, and the value."""
    marks = [element for element in group.iter() if _strip_namespace(element.tag) == "use"]
    if len(marks) == len(points):  # one that is not drawn would shift all others
        group.set("data-pairs", ";".join(f"{scans[p.moving]} {scans[p.fixed]} {p.told}" for p in points))


def _share_style(element: ET.Element) -> None:
    """Marks of one look have it once."""
    styles = {child.get("style") for child in element if _strip_namespace(child.tag) == "use"}
    if len(styles) == 1 and len(element) > 1 and (style := styles.pop()):
        for child in element:
            child.attrib.pop("style", None)
        element.set("style", style)


def _take_theme(element: ET.Element) -> None:
    """Colours and font as the page has them, and no more decimals than can be seen."""
    if style := element.get("style"):
        style = _COLOUR.sub(lambda found: f"var({THEME[found[0]]})" if found[0] in THEME else found[0], style)
        element.set("style", _FONT.sub("", style))
    for key in ("d", "x", "y", "transform", "points"):
        if value := element.get(key):
            element.set(key, _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}", value))
