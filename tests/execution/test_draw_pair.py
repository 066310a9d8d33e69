"""Pictures of a pair show what its transform makes."""

from __future__ import annotations

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, label, map_coordinates

from lumirage_bids.execution.draw_pair import LEVELS, draw_outlines, draw_pair, mix_jacobian_colours
from lumirage_bids.measures.pair import Deformation
from lumirage_bids.output import pair_pictures as kept
from lumirage_bids.output.pair_pictures import PairPictures
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.mosaic import choose_slices
from lumirage_bids.spatial.transforms import DisplacementField, Transform

SHAPE = (60, 70, 64)
AFFINE = np.array([[-2.0, 0, 0, 50], [0, 2.0, 0, -60], [0, 0, 2.5, -40], [0, 0, 0, 1]])
"""Stored from right to left, with voxels that are no cubes."""

START = np.array([[1.0, 0, 0, 0], [0, 1, 0, 3], [0, 0, 1, 0], [0, 0, 0, 1]])


def side(seed: int, **given: object) -> SimpleNamespace:
    noise = gaussian_filter(np.random.default_rng(seed).random(SHAPE), 3)
    distance = np.linalg.norm((np.moveaxis(np.indices(SHAPE), 0, -1) - np.array(SHAPE) / 2) / SHAPE, axis=-1)
    mask = Volume(array=(distance < 0.4).astype(np.int32), affine=AFFINE)
    image = (noise - noise.min()) / np.ptp(noise) * (distance < 0.45)
    volume = Volume(array=image.astype(np.float32), affine=AFFINE)
    return SimpleNamespace(**{"image": volume, "mask": mask, "alignment": np.eye(4), **given})


def deformation(*, shift: float = 0.0, scale: float = 1.0) -> Deformation:
    """A field that is no affine map to the program, though it is one: a shift to the right, and a zoom about 0."""
    world = np.moveaxis(np.indices(SHAPE), 0, -1) @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    vectors = (np.cbrt(scale) - 1) * world + [shift, 0, 0]
    transform = Transform((DisplacementField(vectors=vectors.astype(np.float32), affine=AFFINE),))
    return Deformation(transform=transform, mask=side(0).mask.array > 0, affine=AFFINE)


def draw(field: Deformation | None, labels: dict[str, tuple[Volume, Volume]] | None = None, **given: object):
    fixed, moving = side(0, **given), side(1)
    return fixed, moving, draw_pair(fixed, moving, Transform((START,)), field, labels or {})


def decoded(pictures: PairPictures, layer: str, mode: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(pictures.layers[layer])).convert(mode))


def looked_up(image: Volume, points: np.ndarray) -> np.ndarray:
    """SciPy as oracle."""
    inverse = np.linalg.inv(image.affine)
    return map_coordinates(image.array, (points @ inverse[:3, :3].T + inverse[:3, 3]).T, order=1)


def test_the_moved_image_is_the_one_that_the_transform_makes():
    fixed, moving, pictures = draw(deformation(shift=6.0))
    mosaic = choose_slices(fixed.mask)
    shown = {name: decoded(pictures, name, "L").astype(float) for name in (kept.FIXED, kept.START, kept.MOVED)}
    # The start is 3 mm to the front; the deformation 6 mm to the right before it.
    points = {kept.FIXED: [0, 0, 0], kept.START: [0, 3, 0], kept.MOVED: [6, 3, 0]}
    truth = {
        name: mosaic.lay_out(looked_up(fixed.image if name == kept.FIXED else moving.image, mosaic.points + shift))
        for name, shift in points.items()
    }
    for name, picture in shown.items():
        assert picture.shape == pictures.shape == mosaic.shape
        alike = {other: np.corrcoef(picture.ravel(), of.ravel())[0, 1] for other, of in truth.items()}
        assert alike[name] > 0.995, (name, alike)
        assert max(of for other, of in alike.items() if other != name) < 0.97, (name, alike)
    # Before and after are as bright as they are, so that they can be compared.
    brightest = [np.percentile(shown[name], 99) for name in (kept.START, kept.MOVED)]
    assert brightest[0] == pytest.approx(brightest[1], abs=10)


def colour_of(determinant: float) -> str:
    """Of the middle of the brain, which a field with this determinant everywhere gets."""
    *_, pictures = draw(deformation(scale=determinant))
    shown = decoded(pictures, kept.JACOBIAN, "RGB")
    tile = pictures.tiles[4]
    red, green, blue = shown[(tile.top + tile.height // 2) // 2, (tile.left + tile.width // 2) // 2]
    return f"#{red:02x}{green:02x}{blue:02x}"


def test_the_colour_of_the_determinant_is_centred_at_1():
    half, one, two = kept.JACOBIAN_COLOURS
    assert colour_of(1.0) == one
    assert colour_of(2.0) == colour_of(3.0) == two
    assert colour_of(0.5) == colour_of(0.3) == half
    assert colour_of(-1.0) == kept.FOLD_COLOUR
    colours = mix_jacobian_colours()
    assert len(colours) == LEVELS
    assert colours[LEVELS // 2] == one
    # As far from 1 in ratio, as far from it in colour.
    assert colours.index(colour_of(2**0.5)) - LEVELS // 2 == LEVELS // 2 - colours.index(colour_of(0.5**0.5))


def test_a_single_fold_is_seen_and_what_is_outside_the_brain_is_not():
    field = deformation()
    mosaic = choose_slices(side(0).mask)
    tile = mosaic.tiles[4]
    row, column = tile.top + tile.height // 2, tile.left + tile.width // 2
    pixel = mosaic.lay_out(np.arange(len(mosaic.points)))[row, column]
    voxel = np.rint(np.linalg.inv(AFFINE) @ [*mosaic.points[pixel], 1])[:3].astype(int)
    determinant = field.determinant.copy()
    determinant[tuple(voxel)] = -0.01
    determinant[~field.mask] = np.nan
    vars(field)["determinant"] = determinant  # as if it had been computed so
    *_, pictures = draw(field)
    shown = decoded(pictures, kept.JACOBIAN, "RGB")
    assert tuple(shown[row // 2, column // 2]) == (0, 0, 0)
    assert 0 < (shown == 0).all(axis=-1).sum() <= 9 * 4
    assert (shown[0, 0] == 0x7F).all()
    black = field.mask.copy()
    black[...] = False
    *_, nothing = draw(replace(field, mask=black))
    assert (decoded(nothing, kept.JACOBIAN, "RGB") == 0x7F).all()


def box(first: int) -> Volume:
    array = np.zeros(SHAPE, np.int32)
    array[first : first + 16, 20:50, 20:44] = 2000  # a number as FreeSurfer has them
    return Volume(array=array, affine=AFFINE)


def test_outlines_tell_whose_they_are():
    colours = {name: int(of[1:], 16) for name, of in vars(kept).items() if name.endswith("_COLOUR")}

    def shown(fixed: Volume, moving: Volume) -> dict[int, int]:
        # Back to where the start takes it.
        moving = moving.move(START)
        *_, pictures = draw(deformation(), {"mine": (fixed, moving)})
        assert pictures.labellings == ["mine"]
        pixels = decoded(pictures, kept.name_labels_layer("mine"), "RGBA").astype(int)
        assert pixels.shape[:2] == tuple(2 * n for n in pictures.shape)
        opaque = pixels[pixels[..., 3] > 0]
        values, counts = np.unique(opaque[:, 0] << 16 | opaque[:, 1] << 8 | opaque[:, 2], return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))

    assert set(shown(box(20), box(20))) == {colours["BOTH_COLOUR"]}
    apart = shown(box(20), box(24))
    assert set(apart) == {colours["BOTH_COLOUR"], colours["FIXED_COLOUR"], colours["MOVED_COLOUR"]}
    none = Volume(array=np.zeros(SHAPE, np.int32), affine=AFFINE)
    assert set(shown(box(20), none)) == {colours["FIXED_COLOUR"]}
    assert set(shown(none, box(20))) == {colours["MOVED_COLOUR"]}


def test_outlines_run_between_unequal_neighbours():
    labels = np.zeros((5, 6), np.int32)
    labels[1:4, 2:5] = 7
    lines = draw_outlines(labels)
    assert lines.shape == (10, 12)
    # The box is 6 by 6 finer pixels: its outline is a square around them, one pixel wide, that nothing leaks through.
    assert not lines[3:8, 5:10].any()
    assert lines[2:9, 4:11].sum() == lines.sum() == 4 * 6 - 1
    assert label(lines == 0)[1] == 2


def test_the_grid_is_straight_without_a_deformation_and_bends_with_one():
    *_, still = draw(deformation())
    *_, shifted = draw(deformation(shift=still.cell))
    *_, zoomed = draw(deformation(scale=1.2))
    lines = {name: decoded(of, kept.GRID, "RGBA")[..., 3] > 0 for name, of in (("still", still), ("zoomed", zoomed))}
    tile = still.tiles[1]
    rows, columns = (slice(2 * part.start, 2 * part.stop) for part in tile.place)
    upright = {name: np.flatnonzero(of[rows, columns].mean(axis=0) > 0.9) for name, of in lines.items()}
    assert set(np.diff(upright["still"])) == {24}
    # A cell of the zoomed image holds less of the fixed one.
    assert np.diff(upright["zoomed"]).mean() == pytest.approx(24 / np.cbrt(1.2), rel=0.05)
    assert shifted.layers[kept.GRID] == still.layers[kept.GRID]


def test_labels_that_came_carried_over_are_shown_without_a_moved_image():
    *_, pictures = draw(None, {"mine": (box(20), box(20))})
    assert set(pictures.layers) == {kept.FIXED, kept.START, kept.name_labels_layer("mine")}
    pixels = decoded(pictures, kept.name_labels_layer("mine"), "RGBA")
    assert {tuple(pixel) for pixel in pixels[pixels[..., 3] > 0]} == {(255, 255, 255, 255)}


def test_values_below_nothing_are_told_apart_and_an_empty_image_is_black():
    z_scored = side(0).image
    z_scored = replace(z_scored, array=np.where(z_scored.array > 0, 4 * z_scored.array - 2, 0).astype(np.float32))
    fixed, _, pictures = draw(None, image=z_scored)
    grey, mosaic = decoded(pictures, kept.FIXED, "L").astype(float), choose_slices(fixed.mask)
    truth = looked_up(z_scored, mosaic.points)
    low, high = truth.min(), truth.max()
    assert low < -1
    # Nothing is not black, as what is below it is darker.
    tile = pictures.tiles[0]
    assert grey[tile.top + 2, tile.left + 2] == pytest.approx(255 * -low / (high - low), abs=40)
    assert np.corrcoef(grey[mosaic.lay_out(truth) != 0], mosaic.lay_out(truth)[mosaic.lay_out(truth) != 0])[0, 1] > 0.99
    *_, pictures = draw(None, image=replace(z_scored, array=np.zeros(SHAPE, np.float32)))
    assert decoded(pictures, kept.FIXED, "L").max() <= 2
