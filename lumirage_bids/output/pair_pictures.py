"""Pictures of registered pairs: what is kept of a few pairs of each batch, to be looked at on pages.

They are drawn when the pair is registered, since its transform is let go then, and put on pages as they are. Which pair
is the worst is known at the end only: each batch keeps its own worst, best and middle one, and the end of a run those
of each moving scan.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict, TypeVar

from lumirage_bids.bids.scans import Scan
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output
from lumirage_bids.spatial.mosaic import Tile

FIXED, START, MOVED = "fixed.webp", "start.webp", "moved.webp"
GRID, JACOBIAN = "grid.png", "jacobian.png"
_LABELS = ("labels-", ".png")
_ABOUT = "about.json"

Pair = TypeVar("Pair")

# Of Okabe & Ito's palette, on grey: told apart by colour-blind readers, and by their lightness.
FIXED_COLOUR, MOVED_COLOUR, BOTH_COLOUR, GRID_COLOUR = "#e69f00", "#56b4e9", "#ffffff", "#f0e442"
JACOBIAN_COLOURS = ("#0072b2", "#f7f7f7", "#d55e00")
"""Of a determinant of a half or less, of 1, and of 2 or more; in between in steps of equal ratio."""
FOLD_COLOUR, OUTSIDE_COLOUR = "#000000", "#7f7f7f"


def name_labels_layer(labelling: str) -> str:
    """Name of the layer that shows a labelling's outlines."""
    return labelling.join(_LABELS)


@dataclass(frozen=True, kw_only=True)
class PairPictures:
    """A pair's pictures, layers of one sheet of slices.

    Attributes
    ----------
    layers : mapping of str to bytes
        Content of an image file by its name; not all have as many pixels.
    tiles : sequence of Tile
        Where the slices are, in pixels of the sheet.
    shape : tuple of int
        Rows and columns of the sheet.
    cell : float
        Side of a cell of the grid, mm.
    """

    layers: Mapping[str, bytes]
    tiles: tuple[Tile, ...]
    shape: tuple[int, int]
    cell: float

    @property
    def labellings(self) -> list[str]:
        """Labellings whose outlines there are."""
        begin, end = _LABELS
        return [name.removeprefix(begin).removesuffix(end) for name in self.layers if name.startswith(begin)]


class Note(TypedDict):
    """What an archive notes of a pair.

    Attributes
    ----------
    hashes : dict
        Labelling → hash of the row that the pictures belong to.
    asked : bool
        Whether somebody asked for them, so that they stay whatever the pair's score is.
    """

    hashes: dict[str, str]
    asked: bool


def choose_pairs(scores: Mapping[str, float], there: Container[str]) -> set[str]:
    """Choose the worst pair, the best one and, of those that there are pictures of, the nearest to the median.

    Parameters
    ----------
    scores : mapping
        Pair → Dice.
    there : container of str
        Pairs that there are pictures of.

    Examples
    --------
    >>> sorted(choose_pairs({"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4, "e": 0.5}, "abe"))
    ['a', 'b', 'e']
    """
    ranked = sorted(scores, key=lambda pair: (scores[pair], pair))
    found = [place for place, pair in enumerate(ranked) if pair in there]
    if not found:
        return set()
    middle = min(found, key=lambda place: abs(place - len(ranked) // 2))
    return {pair for pair in (ranked[0], ranked[middle], ranked[-1]) if pair in there}


def find_unwanted(notes: Mapping[Pair, Note], scores: Mapping[str, Mapping[str, float]]) -> set[Pair]:
    """Choose the pairs that are worth a look by no labelling, and that nobody asked for.

    Parameters
    ----------
    notes : mapping
        Pair, by whatever name → what is noted of it.
    scores : mapping
        Labelling → hash of a row → Dice, of all pairs that these are compared with.
    """
    wanted = {
        row
        for labelling, of in scores.items()
        for row in choose_pairs(of, {note["hashes"].get(labelling, "") for note in notes.values()})
    }
    return {pair for pair, note in notes.items() if not note["asked"] and wanted.isdisjoint(note["hashes"].values())}


def read_notes(archive: Path) -> dict[str, Note]:
    """What an archive notes of its pairs, by the key of the fixed scan; of earlier versions' and torn ones nothing."""
    try:
        with zipfile.ZipFile(archive) as members:
            notes = [name for name in members.namelist() if name.endswith(f"/{_ABOUT}")]
            return {name.partition("/")[0]: json.loads(members.read(name)) for name in notes}
    except (FileNotFoundError, ValueError, EOFError, zipfile.BadZipFile):
        return {}


def rewrite(
    output: Output,
    file: Path,
    gone: Container[str],
    new: Mapping[str, tuple[PairPictures, Note]] = MappingProxyType({}),
) -> None:
    """Write an archive anew, whole or not at all: without some pairs, and with the pictures of others.

    Parameters
    ----------
    gone : container of str
        Pairs, by the keys of their fixed scans.
    new : mapping
        The same → pictures and what is noted.
    """
    stay = {pair for pair in read_notes(output / file) if pair not in gone and pair not in new}
    with output.replacing(file) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in _read_members(output / file):
            if name.partition("/")[0] in stay:
                archive.writestr(name, content)
        for pair, (pictures, note) in new.items():
            about = {**note, "tiles": pictures.tiles, "shape": pictures.shape, "cell": pictures.cell}
            archive.writestr(f"{pair}/{_ABOUT}", json.dumps(about))
            for name, content in pictures.layers.items():
                archive.writestr(f"{pair}/{name}", content)


def _read_members(archive: Path) -> list[tuple[str, bytes]]:
    """Content of an archive; nothing of one that is not there, or was left torn when a machine went down."""
    try:
        with zipfile.ZipFile(archive) as members:
            return [(name, members.read(name)) for name in members.namelist()]
    except (FileNotFoundError, EOFError, zipfile.BadZipFile):
        return []


def find_notes(output: Output, moving: Scan, arm: str) -> dict[tuple[Path, str], Note]:
    """What is noted of all pairs of a moving scan and an arm, by archive and key of the fixed scan."""
    files = output.find(paths.slices(moving, arm, "*").as_posix())
    return {(file, pair): note for file in files for pair, note in read_notes(output / file).items()}


def read_pictures(output: Output, archive: Path, pair: str) -> PairPictures:
    """Pictures of a pair that an archive has notes of, by the key of its fixed scan."""
    begin = f"{pair}/"
    layers = {name.removeprefix(begin): of for name, of in _read_members(output / archive) if name.startswith(begin)}
    about = json.loads(layers.pop(_ABOUT))
    rows, columns = about["shape"]
    tiles = tuple(Tile(*tile) for tile in about["tiles"])
    return PairPictures(layers=layers, tiles=tiles, shape=(rows, columns), cell=about["cell"])
