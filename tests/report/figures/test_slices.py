from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from lumirage_bids.report.figures.slices import ContourLayer, View, contours, plane_rows
from lumirage_bids.report.figures.style import WIDTH, journal_style
from lumirage_bids.spatial.mosaic import Tile

pytestmark = pytest.mark.filterwarnings("error")


def test_contour_runs_half_way_between_inside_and_outside():
    labels = np.zeros((10, 12), dtype=int)
    labels[2:6, 3:9] = 5
    ((label, line),) = contours(labels)
    assert label == 5
    assert line.min(axis=0).tolist() == [1.5, 2.5]
    assert line.max(axis=0).tolist() == [5.5, 8.5]
    assert (line[0] == line[-1]).all()


def test_labels_at_the_edge_are_closed_and_neighbours_are_apart():
    labels = np.ones((4, 4), dtype=int)
    labels[:, 2:] = 2
    found = dict(contours(labels))
    assert set(found) == {1, 2}
    assert found[1].min() == -0.5
    assert all((line[0] == line[-1]).all() for line in found.values())


def test_background_has_no_contour():
    assert list(contours(np.zeros((5, 5), dtype=int))) == []


TILES = (
    *(Tile("axial", 0, 20 * i, 24, 20) for i in range(3)),
    Tile("coronal", 24, 36, 16, 20),
    Tile("sagittal", 24, 4, 16, 24),
)


SIZES = [(20, 24), (20, 16), (24, 16)]
"""Width and height of those that are shown, one of each plane."""


def sheet() -> np.ndarray:
    """Labels on a sheet: in the middle axial slice a box to the subject's left, a single pixel in the sagittal one."""
    labels = np.zeros((40, 60), dtype=np.int16)
    labels[4:16, 25:29] = 7
    labels[30, 10] = 9
    return labels


def test_aspect_sides_and_colours():
    labels = sheet()
    layer = ContourLayer(labels=labels, name="fixed", colour="#ff0000")
    figure = plane_rows([View(image=labels, tiles=TILES, layers=[layer], title="title")])
    with journal_style():
        figure.draw_without_rendering()
    assert figure.get_figwidth() == WIDTH
    scales = []
    for axes, (width, height), sides in zip(figure.axes, SIZES, ("LR", "LR", "PA"), strict=True):
        pixels = axes.get_window_extent()
        assert pixels.height / pixels.width == pytest.approx(height / width, rel=0.01)
        scales.append(pixels.width / width)
        assert [text.get_text() for text in axes.texts][:2] == [*sides]
    assert np.ptp(scales) / scales[0] < 0.02
    # The middle one of three slices: pixels 4 to 15 from the top, 5 to 8 from the left.
    (lines,) = figure.axes[0].findobj(LineCollection)
    points = np.concatenate(lines.get_segments())
    assert (points.min(axis=0), points.max(axis=0)) == (pytest.approx([4.5, 3.5]), pytest.approx([8.5, 15.5]))
    assert lines.get_color()[0][:3].tolist() == [1, 0, 0]
    low, high = figure.axes[0].get_ylim()
    assert low > high  # rows go down


def test_an_empty_image_and_one_of_nans_are_drawn():
    for value in (0.0, np.nan):
        figure = plane_rows([View(image=np.full((40, 60), value), tiles=TILES)])
        with journal_style():
            figure.draw_without_rendering()


def test_labels_on_another_grid_are_refused():
    with pytest.raises(ValueError, match="image has shape \\(40, 60\\) and the labels fixed \\(40, 59\\)"):
        View(image=sheet(), tiles=TILES, layers=[ContourLayer(labels=sheet()[:, :-1], name="fixed")])


def test_what_is_laid_over_an_image_lies_on_its_slices_and_the_image_is_dimmed():
    over = np.zeros((80, 120, 4), np.uint8)
    over[2 * 4 : 2 * 16, 2 * 25 : 2 * 29] = 255  # the box of the labels, twice as fine
    view = View(image=sheet(), tiles=TILES, over=over, brightness=0.5)
    figure = plane_rows([view], legend=[("both", "#ffffff")])
    grey, laid = figure.axes[0].images
    assert grey.get_clim()[1] == 2 * plane_rows([View(image=sheet(), tiles=TILES)]).axes[0].images[0].get_clim()[1]
    np.testing.assert_array_equal(laid.get_array()[::2, ::2, 3] > 0, np.asarray(grey.get_array()) > 0)
    assert laid.get_extent() == grey.get_extent()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["both"]
    # White is seen: the legend has a ground of its own.
    assert legend.get_frame_on()


def test_rows_of_views_are_named():
    layers = [ContourLayer(labels=sheet(), name=name, colour=colour) for name, colour in (("a", "#E69F00"), ("b", "k"))]
    views = [View(image=sheet(), tiles=TILES, layers=layers, title=word) for word in ("worst", "best")]
    figure = plane_rows(views, "Two pairs", "what it shows")
    with journal_style():
        figure.draw_without_rendering()
    assert [part.get_suptitle() for part in figure.subfigs] == ["worst", "best"]
    assert figure.get_suptitle().startswith("Two pairs")
    assert len(figure.axes) == 6
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]
