from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from matplotlib.collections import LineCollection

from lumirage_bids.report.figures.slices import ContourLayer, Planes, View, contours, from_voxel_planes, plane_rows
from lumirage_bids.report.figures.style import WIDTH, journal_style

pytestmark = pytest.mark.filterwarnings("error")


def box() -> np.ndarray:
    labels = np.zeros((20, 24, 16), dtype=np.int16)
    labels[5:9, 6:18, 4:12] = 7  # to the subject's left of the middle
    return labels


def cut(volume: np.ndarray, index: tuple[int, int, int]) -> Planes:
    x, y, z = index
    return Planes(volume[x], volume[:, y], volume[:, :, z])


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


def test_aspect_sides_and_colours():
    labels = box()
    planes = cut(labels, (7, 10, 8))
    layer = ContourLayer(labels=planes, name="fixed", colour="#ff0000")
    figure = plane_rows([View(image=planes, layers=[layer], spacing=(1.0, 2.0, 3.0), title="title")])
    with journal_style():
        figure.draw_without_rendering()
    assert figure.get_figwidth() == WIDTH
    scales = []
    for axes, size in zip(figure.axes, [(24 * 2, 16 * 3), (20, 16 * 3), (20, 24 * 2)], strict=True):
        pixels = axes.get_window_extent()
        assert pixels.height / pixels.width == pytest.approx(size[1] / size[0], rel=0.01)
        scales.append(pixels.width / size[0])
        marks = [text.get_text() for text in axes.texts][:2]
        assert marks == (["P", "A"] if size[0] == 48 else ["L", "R"])
    assert np.ptp(scales) / scales[0] < 0.02
    # The box lies to the subject's left, so on the left, in mm.
    (lines,) = figure.axes[2].findobj(LineCollection)
    points = np.concatenate(lines.get_segments())
    assert (points.min(axis=0), points.max(axis=0)) == (pytest.approx([4.5, 11.0]), pytest.approx([8.5, 35.0]))
    assert lines.get_color()[0][:3].tolist() == [1, 0, 0]


def test_an_empty_image_and_one_of_nans_are_drawn():
    for value in (0.0, np.nan):
        empty = Planes(np.full((4, 5), value), np.full((3, 5), value), np.full((3, 4), value))
        figure = plane_rows([View(image=empty, spacing=(1, 1, 1))])
        with journal_style():
            figure.draw_without_rendering()


def test_labels_on_another_grid_are_refused():
    planes = cut(box(), (7, 10, 8))
    other = cut(box()[:-1], (7, 10, 8))
    with pytest.raises(ValueError, match="coronal slice of the image has shape \\(20, 16\\)"):
        View(image=planes, layers=[ContourLayer(labels=other)], spacing=(1, 1, 1))


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "SLA"])
def test_planes_of_a_grid_of_any_orientation_are_those_of_the_world(codes: str):
    ras = nib.Nifti1Image(np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6), np.diag([1.0, 2.0, 3.0, 1.0]))
    to_codes = nib.orientations.ornt_transform(nib.io_orientation(ras.affine), nib.orientations.axcodes2ornt(codes))
    turned = ras.as_reoriented(to_codes)
    assert nib.aff2axcodes(turned.affine) == tuple(codes)
    world = cut(np.asarray(ras.dataobj), (1, 2, 3))
    i, j, k = np.rint(np.linalg.inv(turned.affine) @ ras.affine @ [1, 2, 3, 1]).astype(int)[:3]
    array = np.asarray(turned.dataobj)
    planes = from_voxel_planes({"x": array[i], "y": array[:, j], "z": array[:, :, k]}, turned.affine)
    for found, wanted in zip(planes, world, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_rows_of_views_are_named_and_the_legend_tells_layers_apart_without_colour():
    planes = cut(box(), (7, 10, 8))
    layers = [
        ContourLayer(labels=planes, name="fixed", colour="#E69F00"),
        ContourLayer(labels=planes, name="moved", colour="#56B4E9", dashed=True),
    ]
    views = [View(image=planes, layers=layers, spacing=(1, 1, 1), title=word) for word in ("worst", "best")]
    figure = plane_rows(views, "Two pairs", "what it shows")
    with journal_style():
        figure.draw_without_rendering()
    assert [part.get_suptitle() for part in figure.subfigs] == ["worst", "best"]
    assert figure.get_suptitle().startswith("Two pairs")
    assert len(figure.axes) == 6
    (legend,) = figure.legends
    assert [line.get_linestyle() for line in legend.get_lines()] == ["-", "--"]
    solid, dashed = figure.axes[0].findobj(LineCollection)
    assert solid.get_linestyle() != dashed.get_linestyle()
