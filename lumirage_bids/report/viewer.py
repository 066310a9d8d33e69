"""Pictures of a pair on a page, one over the other, to be compared."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lumirage_bids.output import pair_pictures as kept
from lumirage_bids.spatial.mosaic import SIDES

if TYPE_CHECKING:
    from lumirage_bids.report.pictures_of_pairs import ShownPair


class Layer(NamedTuple):
    """One picture of a sheet: what it is, to the page's script and in words, and its content."""

    name: str
    alt: str
    source: str


class Choice(NamedTuple):
    """What may be shown: its name, what it is called, and what is seen where."""

    name: str
    title: str
    said: str


class Mark(NamedTuple):
    """A letter on the sheet, placed from its top left, %."""

    text: str
    left: float
    top: float


_MOVED_FIXED = Choice(
    "fixed", "Moved and fixed", "The moved image; under the pointer, and as far as the slider goes, the fixed one."
)
_MOVED_START = Choice(
    "start", "Moved and start", "The moved image; under the pointer, or by the slider, the moving image at the start."
)
_FIXED_START = Choice(
    "before",
    "Fixed and start",
    "The fixed image; under the pointer, or by the slider, the moving image at the start. There is no moved image: "
    "labels came carried over, without a transform.",
)
_DIFFERENCE = Choice(
    "difference",
    "Difference",
    "Where the moved image differs from the fixed one (bright); under the pointer, or by the slider, where the moving "
    "image did at the start.",
)
_JACOBIAN = Choice(
    "jacobian",
    "Change of volume",
    "The deformation's Jacobian determinant in the fixed brain; under the pointer, or by the slider, the moved image.",
)


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """A pair as a page shows it.

    Attributes
    ----------
    anchor : str
        Id on the page.
    title : str
        Method, variant and the two scans.
    facts : sequence of str
        Sentences below it.
    layers : sequence of Layer
        From the lowest to the one on top; those whose names begin with ``over`` are laid over all and may be switched.
    choices : sequence of Choice
        The first is shown at first.
    switches : sequence of (str, str)
        Name of a layer, and what it is called; the first is on at first.
    marks : sequence of Mark
    cell : float
        Side of a square of the grid, mm.
    """

    anchor: str
    title: str
    facts: Sequence[str]
    layers: Sequence[Layer]
    choices: Sequence[Choice]
    switches: Sequence[tuple[str, str]]
    marks: Sequence[Mark]
    cell: float


def view_pair(shown: ShownPair, *, arm: str, facts: Sequence[str]) -> Viewer:
    """Lay out a pair.

    Parameters
    ----------
    arm : str
        What the method, and the variant where there are several, are called.
    facts : sequence of str
        What is said of the pair.
    """
    row, pictures = shown.row, shown.pictures
    labellings = pictures.labellings
    over = {kept.name_labels_layer(name): (f"over-{i}", f"Outlines of {name}") for i, name in enumerate(labellings)}
    over[kept.GRID] = ("over-grid", "Warped grid")
    words = {
        kept.FIXED: ("fixed", f"The fixed image, {row['fixed']}"),
        kept.START: ("start", f"The moving image, {row['moving']}, at the start"),
        kept.MOVED: ("moved", f"The moving image, {row['moving']}, moved by {arm}"),
        kept.JACOBIAN: ("jacobian", "Jacobian determinant of the deformation"),
        **over,
    }
    layers = [
        Layer(*words[name], _make_data_uri(name, pictures.layers[name])) for name in words if name in pictures.layers
    ]
    return Viewer(
        anchor=shown.anchor,
        title=f"{arm}: {row['moving']} onto {row['fixed']}",
        facts=facts,
        layers=layers,
        choices=list(_list_choices(shown)),
        switches=[over[name] for name in over if name in pictures.layers],
        marks=list(_place_marks(pictures)),
        cell=pictures.cell,
    )


def _list_choices(shown: ShownPair) -> Iterator[Choice]:
    if kept.MOVED not in shown.pictures.layers:
        yield _FIXED_START
        return
    yield _MOVED_FIXED
    yield _MOVED_START
    # Of two contrasts it would show these, not how well the images fit.
    if shown.row["moving_contrast"] == shown.row["fixed_contrast"]:
        yield _DIFFERENCE
    yield _JACOBIAN


def _place_marks(pictures: kept.PairPictures) -> Iterator[Mark]:
    rows, columns = pictures.shape
    for plane, (left, right) in SIDES.items():
        row = [tile for tile in pictures.tiles if tile.plane == plane]
        top = 100 * row[0].top / rows
        yield Mark(left, 100 * row[0].left / columns, top)
        yield Mark(right, 100 * (row[-1].left + row[-1].width) / columns, top)


def _make_data_uri(name: str, content: bytes) -> str:
    kind = name.rpartition(".")[2]
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
