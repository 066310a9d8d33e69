"""Pictures of scans on the group's page: what methods see, and what they make of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from lumirage_bids.output.paths import description
from lumirage_bids.report.figures.base import PageFigure, ReportFigure, Shown, slug
from lumirage_bids.report.figures.slices import plane_rows
from lumirage_bids.report.text import and_join
from lumirage_bids.stats.classes import arm_labels


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
                caption="A prepared scan of each sequence, in three planes through the middle of its brain.",
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
        for (labelling, arm), views in shown.pictures.pairs.items():
            if labelling not in shown.named or not views:
                continue
            title = f"{labels[arm]}: worst, median and best pair, {labelling}"
            definition = "The fixed scan, prepared. Solid: its labels; dashed: the moved ones."
            number = arms.index(arm) + 1
            yield ReportFigure(
                name=f"{self.name}-{shown.named[labelling]}-{number}-{slug(description(*arm))}",
                figure=plane_rows(views, title, definition),
                caption=f"{labels[arm]}, {labelling}: its worst, median and best pair by mean Dice, in three planes of "
                "the fixed scan. Solid: the fixed scan's own labels; dashed: the moved ones.",
                alt=f"Slices of {and_join([view.title for view in views])}, {labels[arm]}.",
                pictures=True,
                folded=True,
            )
