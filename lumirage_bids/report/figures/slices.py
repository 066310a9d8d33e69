"""Slices of a brain with contours of labels over it: what a score means on the image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from lumirage_bids.report.figures.style import WIDTH, Sheet, headline, journal_style, new_figure
from lumirage_bids.spatial.mosaic import SIDES, Tile

# Bright on a dark image; cycled through by label, neighbours in the cycle far apart in hue.
_LABEL_COLOURS = ("#56B4E9", "#E69F00", "#F0E442", "#CC79A7", "#33c79b", "#ff8c4d", "#ffffff", "#9fa8ff")
_WINDOW = (1.0, 99.0)  # percentiles of the intensities shown

_Array = npt.NDArray[np.generic]


@dataclass(frozen=True, kw_only=True)
class ContourLayer:
    """Contours of one label map.

    Attributes
    ----------
    labels : array
        Integer labels on the sheet of the image; 0 is background and gets no contour.
    name : str or None
        Name in the legend; None leaves it out.
    colour : str or None
        One colour for all labels; None gives neighbouring labels different ones.
    """

    labels: _Array
    name: str | None = None
    colour: str | None = None


@dataclass(frozen=True, kw_only=True)
class View:
    """A sheet of slices with what is drawn over it.

    Attributes
    ----------
    image : array, shape (N, M)
        Intensities. The grey window is their 1st to 99th percentile above the lowest value.
    tiles : sequence of Tile
        Where the slices are.
    layers : sequence of ContourLayer
        Drawn in order, the last on top.
    over : array, shape (K N, K M, 4), or None
        A picture, RGBA, laid over all.
    brightness : float
        Below 1 the image is dimmed, so that what is laid over it stands out.
    title : str
    """

    image: _Array
    tiles: Sequence[Tile]
    layers: Sequence[ContourLayer] = ()
    over: _Array | None = None
    brightness: float = 1.0
    title: str = ""

    def __post_init__(self) -> None:
        """Refuse layers on another grid."""
        for layer in self.layers:
            if layer.labels.shape != self.image.shape:
                raise ValueError(
                    f"The image has shape {self.image.shape} and the labels {layer.name or ''} {layer.labels.shape}; "
                    "take both from the same slices."
                )

    @property
    def shown(self) -> list[Tile]:
        """One slice of each plane, the middle one of those that there are."""
        planes = {tile.plane: [of for of in self.tiles if of.plane == tile.plane] for tile in self.tiles}
        return [tiles[len(tiles) // 2] for tiles in planes.values()]


def plane_rows(
    views: Sequence[View], title: str = "", definition: str = "", legend: Sequence[tuple[str, str]] = ()
) -> Sheet:
    """Draw images below each other, of each a slice in each plane.

    Parameters
    ----------
    views : sequence of View
        At least one.
    title, definition : str
        Of the figure; each view has its own title.
    legend : sequence of (str, str)
        Names and colours; else the legend names the layers of the first view.

    Returns
    -------
    Sheet
        180 mm wide; the slices of a view at one scale, neurological convention: the subject's left is on the left,
        marked L.
    """
    heights = [0.92 * WIDTH * max(t.height for t in v.shown) / sum(t.width for t in v.shown) + 0.45 for v in views]
    named = legend or [(of.name, of.colour or _LABEL_COLOURS[0]) for of in views[0].layers if of.name]
    with journal_style():
        figure = new_figure(WIDTH, sum(heights) + (0.3 if named else 0.15) + (0.35 if title else 0))
        parts = figure.subfigures(len(views), 1, height_ratios=heights, squeeze=False)[:, 0]
        for part, view in zip(parts, views, strict=True):
            panels = part.subplots(1, len(view.shown), width_ratios=[tile.width for tile in view.shown])
            part.suptitle(view.title, fontsize=8, fontweight="normal" if title else "bold")
            _draw(panels, view)
        if title:
            headline(figure, title, definition)
        if named:
            handles = [Line2D([], [], color=colour, linewidth=1.6, label=name) for name, colour in named]
            box = {"frameon": True, "facecolor": "#4d4d4d", "edgecolor": "none", "labelcolor": "white"}
            figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), **box)
    return figure


def _draw(panels: Sequence[Axes], view: View) -> None:
    low, high = _window(view.image)
    for axes, tile in zip(panels, view.shown, strict=True):
        # Edges of the slice, pixels from the centre of its first one; "none" keeps the image's own pixels in an SVG.
        extent = (-0.5, tile.width - 0.5, tile.height - 0.5, -0.5)
        look: dict[str, Any] = {"extent": extent, "interpolation": "none"}
        grey = np.asarray(view.image[tile.place], dtype=np.float64)
        axes.imshow(grey, cmap="gray", vmin=low, vmax=low + (high - low) / view.brightness, **look)
        for layer in view.layers:
            _draw_contours(axes, layer.labels[tile.place], layer)
        if view.over is not None:
            finer = view.over.shape[0] // view.image.shape[0]
            rows, columns = (slice(finer * part.start, finer * part.stop) for part in tile.place)
            axes.imshow(view.over[rows, columns], **look)
        _mark(axes, tile.plane)


def _window(image: _Array) -> tuple[float, float]:
    values = np.asarray(image, dtype=np.float64).ravel()
    values = values[np.isfinite(values)]
    inside = values[values > values.min()] if values.size else values
    if not inside.size:
        return 0.0, 1.0
    low, high = np.percentile(inside, _WINDOW)
    return float(min(low, 0.0) if values.min() >= 0 else low), float(max(high, low + 1e-9))


def contours(labels: _Array) -> Iterator[tuple[int, npt.NDArray[np.float64]]]:
    """Outline every label of a slice but the background.

    Parameters
    ----------
    labels : array, shape (N, M)
        Integer labels.

    Yields
    ------
    label : int
    line : array, shape (P, 2)
        Points (first, second index) half-way between voxels inside and outside; closed.
    """
    # A rim of background closes the outlines of labels that touch the edge.
    padded = np.pad(np.asarray(labels), 1)
    for label in np.unique(padded):
        if label == 0:
            continue
        rows, columns = np.nonzero(padded == label)
        corner = np.array([rows.min() - 1, columns.min() - 1])
        part = padded[corner[0] : rows.max() + 2, corner[1] : columns.max() + 2] == label
        lines = contour_generator(z=part.T.astype(np.float64)).lines(0.5)
        for line in lines:
            yield int(label), np.asarray(line) + corner - 1


def _draw_contours(axes: Axes, labels: _Array, layer: ContourLayer) -> None:
    found = list(contours(labels))
    colours = [layer.colour or _LABEL_COLOURS[label % len(_LABEL_COLOURS)] for label, _ in found]
    axes.add_collection(LineCollection([line[:, ::-1] for _, line in found], color=colours, linewidth=0.7))


def _mark(axes: Axes, plane: str) -> None:
    """Mark the sides and name the plane."""
    left, right = SIDES[plane]
    style: dict[str, Any] = {
        "color": "white",
        "fontsize": 8,
        "fontweight": "bold",
        "va": "top",
        "transform": axes.transAxes,
    }
    axes.text(0.02, 0.98, left, ha="left", **style)
    axes.text(0.98, 0.98, right, ha="right", **style)
    axes.set(xticks=[], yticks=[], facecolor="black")
    axes.text(0.02, 0.02, plane, ha="left", va="bottom", color="white", fontsize=6.5, transform=axes.transAxes)
    for spine in axes.spines.values():
        spine.set_visible(False)
