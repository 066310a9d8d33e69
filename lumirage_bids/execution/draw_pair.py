"""What a registered pair looks like: slices of its images, labels and deformation, small enough to be kept."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lumirage_bids.execution.score_pair import Side
from lumirage_bids.measures.pair import Deformation
from lumirage_bids.output import pair_pictures as kept
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.label_transfer import elect_labels
from lumirage_bids.spatial.mosaic import Mosaic, choose_slices
from lumirage_bids.spatial.transforms import Transform, sample

GRID_PIXELS = 12
"""Side of a cell of the warped grid."""
LEVELS = 33
"""Colours of the determinant, an odd number: that in the middle is of 1."""
_BRIGHTEST = 99.5  # percentile that is white

_Array = npt.NDArray[Any]


def draw_pair(
    fixed: Side, moving: Side, start: Transform, field: Deformation | None, labels: Mapping[str, tuple[Volume, Volume]]
) -> kept.PairPictures:
    """Draw a registered pair.

    Parameters
    ----------
    start : Transform
        Fixed world to moving world by the alignments alone.
    field : Deformation or None
        What the method returned; None where labels came carried over, without any transform.
    labels : mapping
        Labelling → label maps of the fixed and of the moving scan, the latter carried over where there is no field.
    """
    mosaic = choose_slices(fixed.mask)
    here = there = mosaic.points
    own, before = sample(fixed.image, here), sample(moving.image, start.apply(here))
    window = _find_window(before)  # the moved image's too, so that before and after can be compared
    layers = {
        kept.FIXED: _draw_grey(mosaic, own, _find_window(own)),
        kept.START: _draw_grey(mosaic, before, window),
    }
    if field is not None:
        deformed = field.transform.apply(here)
        there = start.apply(deformed)
        layers[kept.MOVED] = _draw_grey(mosaic, sample(moving.image, there), window)
        layers[kept.GRID] = _draw_grid(mosaic.lay_out(mosaic.number_cells(deformed, GRID_PIXELS)))
        layers[kept.JACOBIAN] = _draw_jacobian(*_look_up_voxels(mosaic, field))
    for name, (ours, theirs) in labels.items():
        maps = elect_labels(ours, here), elect_labels(theirs, there)
        layers[kept.name_labels_layer(name)] = _draw_labels(*map(mosaic.lay_out, maps))
    cell = GRID_PIXELS * mosaic.pixel
    return kept.PairPictures(layers=layers, tiles=mosaic.tiles, shape=mosaic.shape, cell=cell)


def _find_window(values: _Array) -> tuple[float, float]:
    """What is shown black and white: 0, unless a protocol leaves values below it, and almost the brightest."""
    seen = values[values != 0]
    if not seen.size:
        return 0.0, 1.0
    low, high = np.percentile(seen, (100 - _BRIGHTEST, _BRIGHTEST))
    return min(0.0, low), max(high, low + 1e-9)


def _draw_grey(mosaic: Mosaic, values: _Array, window: tuple[float, float]) -> bytes:
    from PIL import Image

    black, white = window
    grey = (np.clip((values - black) * (255 / (white - black)), 0, 255) + 0.5).astype(np.uint8)
    content = io.BytesIO()
    # Half of a JPEG's size; slower ways of finding it save a twentieth more.
    Image.fromarray(mosaic.lay_out(grey)).save(content, "webp", quality=75, method=2)
    return content.getvalue()


def _draw_labels(fixed: _Array, moved: _Array) -> bytes:
    """Outlines of two label maps, in colours of their own where only one has them."""
    colours = (kept.FIXED_COLOUR, kept.MOVED_COLOUR, kept.BOTH_COLOUR)
    return _save_in_colours(draw_outlines(fixed) + 2 * draw_outlines(moved), ["#000000", *colours], clear=0, bits=2)


def _draw_grid(cells: _Array) -> bytes:
    """Lines between cells."""
    return _save_in_colours(draw_outlines(cells), ["#000000", kept.GRID_COLOUR], clear=0, bits=1)


def draw_outlines(labels: _Array) -> npt.NDArray[np.uint8]:
    """Draw lines between unequal neighbours.

    Parameters
    ----------
    labels : array, shape (N, M)

    Returns
    -------
    array, shape (2 N, 2 M)
        1 on a line, one pixel wide, else 0.

    Examples
    --------
    >>> draw_outlines(np.array([[5, 5, 7]]))[0].tolist()
    [0, 0, 0, 0, 1, 0]
    """
    out = np.zeros((2 * labels.shape[0], 2 * labels.shape[1]), np.uint8)
    for along, twice in ((labels, out), (labels.T, out.T)):
        edge = along[:, 1:] != along[:, :-1]
        twice[0::2, 2::2] |= edge
        twice[1::2, 2::2] |= edge
    return out


def _look_up_voxels(mosaic: Mosaic, field: Deformation) -> tuple[_Array, npt.NDArray[np.bool_]]:
    """Determinant and brain of the voxels that the pixels lie in: between voxels, single folds would be lost."""
    shape = field.mask.shape
    voxels = np.rint(Transform((np.linalg.inv(field.affine),)).apply(mosaic.points)).astype(np.intp)
    within = ((voxels >= 0) & (voxels < shape)).all(axis=1)
    flat = np.ravel_multi_index(tuple(voxels.T), shape, mode="clip")
    inside = within & field.mask.reshape(-1)[flat]
    return mosaic.lay_out(field.determinant.reshape(-1)[flat]), mosaic.lay_out(inside)


def _draw_jacobian(determinant: _Array, inside: npt.NDArray[np.bool_]) -> bytes:
    """The determinant in the brain, by its logarithm; each pixel stands for four, and folds where one of them does."""
    rows, columns = determinant.shape
    fours = (rows // 2, 2, columns // 2, 2)
    folds = ((determinant <= 0) & inside).reshape(fours).any(axis=(1, 3))
    logs = np.log2(np.clip(np.where(inside, determinant, 1), 0.5, 2)).reshape(fours).mean(axis=(1, 3))
    shown = np.rint((logs + 1) / 2 * (LEVELS - 1)).astype(np.uint8)
    shown[~inside.reshape(fours).any(axis=(1, 3))] = LEVELS
    shown[folds] = LEVELS + 1
    return _save_in_colours(shown, [*mix_jacobian_colours(), kept.OUTSIDE_COLOUR, kept.FOLD_COLOUR])


def mix_jacobian_colours() -> list[str]:
    """Colours of determinants from a half to 2, in steps of equal ratio."""
    ends = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in kept.JACOBIAN_COLOURS])
    channels = [np.interp(np.linspace(0, 2, LEVELS), (0, 1, 2), channel) for channel in ends.T]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in np.rint(channels).astype(int).T]


def _save_in_colours(numbers: npt.NDArray[np.uint8], colours: list[str], **options: int) -> bytes:
    """A PNG of a few colours, given by their numbers; `clear` names one that is transparent."""
    from PIL import Image

    image = Image.fromarray(numbers)
    image.putpalette(bytes.fromhex("".join(colour.removeprefix("#") for colour in colours)))
    if "clear" in options:
        options["transparency"] = options.pop("clear")
    content = io.BytesIO()
    # Runs alone, of which lines and patches are: as small as by the full search, in a fifth of its time.
    image.save(content, "png", compress_type=zlib.Z_RLE, **options)
    return content.getvalue()
