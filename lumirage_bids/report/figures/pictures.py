"""Pictures of scans on the group's page: what methods see, and what they make of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from lumirage_bids.output import pair_pictures as kept
from lumirage_bids.output.paths import description
from lumirage_bids.report.figures.base import PageFigure, ReportFigure, Shown, slug
from lumirage_bids.report.figures.slices import View, plane_rows
from lumirage_bids.report.text import and_join
from lumirage_bids.stats.classes import arm_labels

if TYPE_CHECKING:
    from lumirage_bids.report.pictures_of_pairs import ShownPair


class Sequences(PageFigure):
    """A prepared scan of each sequence."""

    name: ClassVar[str] = "sequences"
    section: ClassVar[str] = "images"
    place: ClassVar[int] = 10
    needs: ClassVar[str] = ""

    def draw_all(self, shown: Shown) -> Iterator[ReportFigure]:
        """One figure, a row per sequence."""
        views = shown.pictures.sequences
        if views:
            yield ReportFigure(
                name=self.name,
                figure=plane_rows(views, "What the methods see", "A prepared scan of each sequence."),
                caption="A prepared scan of each sequence, in three planes.",
                alt=f"Slices of {and_join([view.title for view in views])}.",
                pictures=True,
            )


class Pairs(PageFigure):
    """Worst, median and best pair of each arm."""

    name: ClassVar[str] = "pairs"
    section: ClassVar[str] = "images"
    place: ClassVar[int] = 30

    def draw_all(self, shown: Shown) -> Iterator[ReportFigure]:
        """One figure for each labelling and arm, folded away."""
        arms = list(dict.fromkeys(arm for _, arm in shown.pictures.pairs))
        labels = arm_labels(arms)
        for (labelling, arm), pairs in shown.pictures.pairs.items():
            if labelling not in shown.ends or not pairs:
                continue
            title = f"{labels[arm]}: worst, median and best pair, {labelling}"
            definition = "Moved images, with outlines of labels."
            number = arms.index(arm) + 1
            yield ReportFigure(
                name=f"{self.name}-{shown.ends[labelling]}-{number}-{slug(description(*arm))}",
                figure=plane_rows([_view_pair(pair, labelling) for pair in pairs], title, definition, _LEGEND),
                caption=f"{labels[arm]}, {labelling}: its worst, median and best pair by mean Dice, the moved image in "
                "three planes of the fixed scan. Outlines are white where the fixed scan's labels and the moved ones "
                "agree, else orange for the former and blue for the latter.",
                alt=f"Slices of {and_join([pair.title for pair in pairs])}, {labels[arm]}.",
                pictures=True,
                folded=True,
                labelling=labelling,
                links=[(pair.place, f"../{pair.page}#{pair.anchor}") for pair in pairs],
            )


_LEGEND = (
    ("outlines in both", kept.BOTH_COLOUR),
    ("of the fixed scan's labels alone", kept.FIXED_COLOUR),
    ("of the moved labels alone", kept.MOVED_COLOUR),
)


def _view_pair(pair: ShownPair, labelling: str) -> View:
    """The moved image, or the fixed one where there is none, under the outlines."""
    layers = pair.pictures.layers
    over = layers.get(kept.name_labels_layer(labelling))
    return View(
        image=_decode(layers[kept.MOVED if kept.MOVED in layers else kept.FIXED], "L"),
        tiles=pair.pictures.tiles,
        over=None if over is None else _decode(over, "RGBA"),
        brightness=0.6,
        title=pair.title,
    )


def _decode(content: bytes, mode: str) -> npt.NDArray[np.uint8]:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(content)).convert(mode))
