"""Three planes of a brain with contours of labels over it: what a score means on the image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lumirage_bids.report.figures.style import WIDTH, headline, journal_style, new_figure

# Bright on a dark image; cycled through by label, neighbours in the cycle far apart in hue.
_LABEL_COLOURS = ("#56B4E9", "#E69F00", "#F0E442", "#CC79A7", "#33c79b", "#ff8c4d", "#ffffff", "#9fa8ff")
_WINDOW = (1.0, 99.0)  # percentiles of the intensities shown

_Array = npt.NDArray[np.generic]


class Planes(NamedTuple):
    """One slice in each plane of a volume in RAS+ orientation, as plain arrays.

    Attributes
    ----------
    sagittal : array, shape (Y, Z)
    coronal : array, shape (X, Z)
    axial : array, shape (X, Y)
        X rises to the subject's right, Y to the front, Z to the top.
    """

    sagittal: _Array
    coronal: _Array
    axial: _Array


@dataclass(frozen=True, kw_only=True)
class ContourLayer:
    """Contours of one label map.

    Attributes
    ----------
    labels : Planes
        Integer labels on the slices of the image; 0 is background and gets no contour.
    name : str or None
        Name in the legend; None leaves it out.
    colour : str or None
        One colour for all labels; None gives neighbouring labels different ones.
    dashed : bool
    """

    labels: Planes
    name: str | None = None
    colour: str | None = None
    dashed: bool = False


def from_voxel_planes(planes: Mapping[str, _Array], affine: npt.NDArray[np.float64]) -> Planes:
    """Turn slices across the axes of any grid into planes of the world.

    Parameters
    ----------
    planes : mapping of str to array
        ``x``, ``y``, ``z`` → slice across the first, second, third axis of the grid.
    affine : array, shape (4, 4)
        Of the grid: voxel indices to RAS+ world.

    Examples
    --------
    >>> lps = np.diag([-1.0, -1.0, 1.0, 1.0])
    >>> left_to_right = np.array([[1, 2]])
    >>> from_voxel_planes({"x": np.zeros((1, 2)), "y": np.zeros((1, 2)), "z": left_to_right.T}, lps).axial.T.tolist()
    [[2, 1]]
    """
    from nibabel.orientations import io_orientation

    axes, signs = io_orientation(affine).T.astype(int)
    found = {}
    for world in range(3):
        voxel = int(np.flatnonzero(axes == world)[0])
        plane = planes["xyz"[voxel]]
        rest = [v for v in range(3) if v != voxel]
        plane = plane[tuple(slice(None, None, int(signs[v])) for v in rest)]
        found[world] = plane.T if axes[rest[0]] > axes[rest[1]] else plane
    return Planes(found[0], found[1], found[2])


@dataclass(frozen=True, kw_only=True)
class View:
    """An image in three planes with what is drawn over it.

    Attributes
    ----------
    image : Planes
        Intensities. The grey window is their 1st to 99th percentile above the lowest value, the same in all planes.
    layers : sequence of ContourLayer
        Drawn in order, the last on top; each on the image's slices.
    spacing : tuple of float
        Distance of voxels along X, Y and Z, mm.
    title : str
    """

    image: Planes
    layers: Sequence[ContourLayer] = ()
    spacing: tuple[float, float, float]
    title: str = ""

    def __post_init__(self) -> None:
        """Refuse layers on another grid."""
        for layer in self.layers:
            for plane, grey, labels in zip(Planes._fields, self.image, layer.labels, strict=True):
                if grey.shape != labels.shape:
                    raise ValueError(
                        f"The {plane} slice of the image has shape {grey.shape} and that of the labels "
                        f"{layer.name or ''} {labels.shape}; bring the labels to the image's grid first."
                    )

    @property
    def steps(self) -> tuple[tuple[float, float], ...]:
        """Distance of voxels along both axes of each plane, mm."""
        x, y, z = self.spacing
        return (y, z), (x, z), (x, y)

    @property
    def sizes(self) -> list[tuple[float, float]]:
        """Width and height of each plane, mm."""
        return [(n * u, m * v) for (n, m), (u, v) in zip((s.shape for s in self.image), self.steps, strict=True)]


def plane_rows(views: Sequence[View], title: str = "", definition: str = "") -> Figure:
    """Draw images below each other, each in three planes.

    Parameters
    ----------
    views : sequence of View
        At least one. The legend names the layers of the first.
    title, definition : str
        Of the figure; each view has its own title.

    Returns
    -------
    Figure
        180 mm wide; the planes of a view at one scale, neurological convention: the subject's left is on the left,
        marked L.

    Raises
    ------
    ValueError
        If a layer's slices differ in shape from the image's.
    """
    heights = [0.92 * WIDTH * max(h for _, h in v.sizes) / sum(w for w, _ in v.sizes) + 0.25 for v in views]
    named = [layer for layer in views[0].layers if layer.name]
    with journal_style():
        figure = new_figure(WIDTH, sum(heights) + (0.3 if named else 0.15) + (0.35 if title else 0))
        parts = figure.subfigures(len(views), 1, height_ratios=heights, squeeze=False)[:, 0]
        for part, view in zip(parts, views, strict=True):
            panels = part.subplots(1, 3, width_ratios=[width for width, _ in view.sizes])
            part.suptitle(view.title, fontsize=8, fontweight="normal" if title else "bold")
            _draw(panels, view)
        if title:
            headline(figure, title, definition)
        if named:
            handles = [Line2D([], [], **_line(layer, 1.6), label=layer.name) for layer in named]
            figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _draw(panels: Sequence[Axes], view: View) -> None:
    low, high = _window(view.image)
    for axes, plane, image, step in zip(panels, Planes._fields, view.image, view.steps, strict=True):
        extent = _extent(image, step)
        # "none" keeps the image's own pixels in an SVG.
        grey = np.asarray(image, dtype=np.float64).T
        axes.imshow(grey, cmap="gray", vmin=low, vmax=high, origin="lower", extent=extent, interpolation="none")
        for layer in view.layers:
            _draw_contours(axes, getattr(layer.labels, plane), layer, step)
        _mark(axes, plane, extent)


def _line(layer: ContourLayer, width: float) -> dict[str, Any]:
    """How a layer with one colour is drawn; dashes tell layers apart in grey."""
    dashes = (0, (2.5, 1.2)) if layer.dashed else "solid"
    return {"color": layer.colour or _LABEL_COLOURS[0], "linestyle": dashes, "linewidth": width}


def _window(image: Planes) -> tuple[float, float]:
    values = np.concatenate([np.asarray(s, dtype=np.float64).ravel() for s in image])
    values = values[np.isfinite(values)]
    inside = values[values > values.min()] if values.size else values
    if not inside.size:
        return 0.0, 1.0
    low, high = np.percentile(inside, _WINDOW)
    return float(min(low, 0.0) if values.min() >= 0 else low), float(max(high, low + 1e-9))


def _extent(image: _Array, step: tuple[float, float]) -> tuple[float, float, float, float]:
    """Edges of the slice, mm from the centre of its first voxel."""
    (n, m), (u, v) = image.shape, step
    return -u / 2, (n - 0.5) * u, -v / 2, (m - 0.5) * v


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


def _draw_contours(axes: Axes, labels: _Array, layer: ContourLayer, step: tuple[float, float]) -> None:
    found = list(contours(labels))
    colours = [layer.colour or _LABEL_COLOURS[label % len(_LABEL_COLOURS)] for label, _ in found]
    look = _line(layer, 0.7) | {"color": colours}
    axes.add_collection(LineCollection([line * step for _, line in found], **look))


def _mark(axes: Axes, plane: str, extent: tuple[float, float, float, float]) -> None:
    """Mark the sides and name the plane."""
    left, right = ("P", "A") if plane == "sagittal" else ("L", "R")
    style: dict[str, Any] = {
        "color": "white",
        "fontsize": 8,
        "fontweight": "bold",
        "va": "top",
        "transform": axes.transAxes,
    }
    axes.text(0.02, 0.98, left, ha="left", **style)
    axes.text(0.98, 0.98, right, ha="right", **style)
    axes.set(xlim=extent[:2], ylim=extent[2:], xticks=[], yticks=[], facecolor="black")
    axes.set_aspect("equal")
    axes.text(0.5, 0.02, plane, ha="center", va="bottom", color="white", fontsize=6.5, transform=axes.transAxes)
    for spine in axes.spines.values():
        spine.set_visible(False)
