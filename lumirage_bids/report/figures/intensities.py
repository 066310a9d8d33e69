"""What methods see: intensities of the prepared images, by sequence and variant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lumirage_bids.report.figures.base import PageFigure, ReportFigure, Shown
from lumirage_bids.report.figures.style import (
    FAINT,
    WIDTH,
    Sheet,
    headline,
    journal_style,
    legend_below,
    new_figure,
    series_colours,
)

_PANEL = 2.2  # inches, at least
# One look a variant, told apart in grey by their dashes.
_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1.5, 1, 1.5)), (0, (7, 2)), (0, (2, 1, 1, 1)))


class ShownHistogram(NamedTuple):
    """A prepared image: of which scan, of which sequence, under which variant."""

    variant: str
    sequence: str
    scan: str


def intensity_histograms(histograms: Mapping[ShownHistogram, npt.ArrayLike], *, width: float = WIDTH) -> Sheet:
    """Draw the histogram of every prepared image, a panel per sequence.

    Parameters
    ----------
    histograms : mapping of ShownHistogram to array-like, shape (64,)
        Voxels of the brain by intensity: equal bins over [0, 1]. At least one; all with as many bins.
    width : float
        Inches.

    Returns
    -------
    Sheet
        Thin: single scans; thick: mean of a variant's scans. Each histogram is scaled to a sum of 100 %,
        so brains of any size compare.
    """
    sequences = list(dict.fromkeys(seen.sequence for seen in histograms))
    variants = list(dict.fromkeys(seen.variant for seen in histograms))
    columns = max(1, min(int(width / _PANEL), len(sequences)))
    rows = -(-len(sequences) // columns)
    with journal_style():
        figure = new_figure(width, 0.8 + 1.9 * rows)
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for number, axes in enumerate(grid.flat):
            if number >= len(sequences):
                axes.set_axis_off()
                continue
            _panel(axes, {k: v for k, v in histograms.items() if k.sequence == sequences[number]}, variants)
            axes.set_title(sequences[number])
            axes.tick_params(labelbottom=True)
        for axes in grid[:, 0]:
            axes.set_ylabel("Share of the brain, %")
        grid[0, 0].set_ylim(bottom=0)
        scans = len({seen.scan for seen in histograms})
        headline(
            figure,
            "Intensities that the methods see",
            f"n = {scans} scans. Prepared images, voxels of the brain mask, 0 to 1. Thin: scans; thick: mean of a "
            "variant's scans.",
        )
        if len(variants) > 1:
            legend_below(
                figure, [Line2D([], [], linewidth=1.6, **_look(place)) for place in range(len(variants))], variants
            )
    return figure


def _look(place: int) -> dict[str, Any]:
    return {"color": series_colours(place + 1)[place], "linestyle": _DASHES[place % len(_DASHES)]}


def _panel(axes: Axes, histograms: Mapping[ShownHistogram, npt.ArrayLike], variants: list[str]) -> None:
    for place, variant in enumerate(variants):
        counts = np.array([counts for seen, counts in histograms.items() if seen.variant == variant], dtype=np.float64)
        counts = counts[counts.sum(axis=1) > 0] if counts.size else counts
        if not counts.size:
            continue
        shares = 100 * counts / counts.sum(axis=1, keepdims=True)
        centres = (np.arange(shares.shape[1]) + 0.5) / shares.shape[1]
        axes.plot(centres, shares.T, color=FAINT, linewidth=0.4, alpha=0.6)
        axes.plot(centres, shares.mean(axis=0), linewidth=1.6, **_look(place))
    scans = len({seen.scan for seen in histograms})
    axes.text(0.98, 0.96, f"n = {scans}", ha="right", va="top", transform=axes.transAxes, fontsize=7)
    axes.set_xlabel("Intensity")
    axes.set_xlim(0, 1)
    axes.grid(axis="y")


class Histograms(PageFigure):
    """Intensities of the prepared images."""

    name: ClassVar[str] = "histograms"
    section: ClassVar[str] = "images"
    place: ClassVar[int] = 20
    needs: ClassVar[str] = ""

    def draw_all(self, shown: Shown) -> Iterator[ReportFigure]:
        """One figure, a panel per sequence."""
        if shown.pictures.histograms:
            yield ReportFigure(
                name=self.name,
                figure=intensity_histograms(shown.pictures.histograms, width=shown.width),
                caption="After winsorising and scaling to 0 to 1; where a variant normalises nothing, between the "
                "percentiles 0.5 and 99.5 of each brain.",
                alt="Histograms of the intensities of the prepared images, a panel per sequence.",
            )
