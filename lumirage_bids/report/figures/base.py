"""The contract of a figure of the group's page, and of ``lumirage judge``."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from lumirage_bids.report.figures.style import WIDTH
from lumirage_bids.report.text import Wording
from lumirage_bids.stats.classes import FLOOR, Arm, primary_class
from lumirage_bids.stats.common import find_aside

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from lumirage_bids.report.audit_section import AuditSection
    from lumirage_bids.report.figures.intensities import ShownHistogram
    from lumirage_bids.report.figures.slices import View
    from lumirage_bids.report.figures.style import Sheet
    from lumirage_bids.report.pictures_of_pairs import ShownPair
    from lumirage_bids.report.verdict.verdict import Known, Tables

#: Sections of the page that show figures, and tables of statistics that ask for it, by their ids.
SECTIONS = (
    *("overview", "summary", "comparisons", "measures", "variants", "structures", "landmarks", "atlases"),
    *("robustness", "images", "audit"),
)


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What the page shows of images and of how they were prepared.

    Attributes
    ----------
    preparations : mapping
        Variant → fields of its preparation.
    pairs : mapping
        Labelling and arm → its worst, median and best pair.
    sequences : sequence of View
        A prepared scan of each sequence.
    histograms : mapping of ShownHistogram to array-like, shape (64,)
        As for `lumirage_bids.report.figures.intensities.intensity_histograms`.
    """

    preparations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pairs: Mapping[tuple[str, Arm], Sequence[ShownPair]] = field(default_factory=dict)
    sequences: Sequence[View] = ()
    histograms: Mapping[ShownHistogram, npt.ArrayLike] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ReportFigure:
    """A figure of the page, and of ``figures/`` under its name.

    Attributes
    ----------
    name : str
        File name without extension; unique on the page.
    figure : Sheet
    caption, alt : str
        What is said below it, and to those who cannot see it.
    pictures : bool
        Whether it holds images; the page then shows it as a PNG.
    folded : bool
        Whether the page folds it away below its caption.
    links : sequence of (str, str)
        Words, and where they lead from the page.
    labelling : str
        The labelling that it is of: the page shows all figures of one before those of the next. Empty for none.
    """

    name: str
    figure: Sheet
    caption: str
    alt: str
    pictures: bool = False
    folded: bool = False
    links: Sequence[tuple[str, str]] = ()
    labelling: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """What a page's figures are drawn from.

    Attributes
    ----------
    tables : Tables
    audit : AuditSection or None
    pictures : Pictures
    parameters : mapping
        Those of alignment and methods by variant, as in `lumirage_bids.audit.AuditedRun`.
    known : Known
        What bounds the verdict besides scores.
    words : Wording
        How the score is spoken of.
    width : float
        Room for a figure, inches: one that can do with less takes no more.
    """

    tables: Tables
    audit: AuditSection | None
    pictures: Pictures
    parameters: Mapping[str, Mapping[str, Any]]
    known: Known
    words: Wording = field(default_factory=Wording)
    width: float = WIDTH

    @cached_property
    def ends(self) -> dict[str, str]:
        """Labellings with a score, in order → how the names of their files end."""
        scored = self.tables.summary.dropna(subset="mean")
        return {str(name): f"{number}-{slug(name)}" for number, name in enumerate(scored["labelling"].unique(), 1)}

    @cached_property
    def named(self) -> dict[str, str]:
        """Those of `ends` that have a verdict: the others have no figures of their own."""
        return {name: end for name, end in self.ends.items() if not self.known.withheld.get(name)}

    def table(self, name: str) -> pd.DataFrame:
        """The score table (``pairs``), or a statistic, by its name."""
        return self.tables.pairs if name == "pairs" else self.tables.made[name]

    def split(self, labelling: str) -> str:
        """The class of pairs that a labelling is judged by."""
        return primary_class(self.tables.summary["split"][self.tables.summary["labelling"] == labelling])

    def aside(self, labelling: str) -> Collection[Arm]:
        """Arms that are set aside, to be marked."""
        return find_aside(self.tables.summary, labelling)

    def look(self, labelling: str) -> dict[str, Any]:
        """How a figure of scores speaks of them, and whom it marks."""
        what = {"what": self.words.mean, "higher_is_better": self.words.higher_is_better}
        return {**what, "aside": self.aside(labelling), "width": self.width}


class PageFigure(ABC):
    """A figure of the group's page; a subclass in a module of this package is found, drawn, and shown.

    Most are drawn for each labelling: see `OfLabelling`.
    """

    name: ClassVar[str]
    """How the names of its files begin; unique."""
    section: ClassVar[str]
    """Where the page shows it: one of `SECTIONS`."""
    place: ClassVar[int] = 100
    """Its place among the figures of the section; later ones come last."""
    needs: ClassVar[str] = "pairs"
    """The table without whose rows there is nothing to draw: ``pairs``, or the name of a statistic; empty for none."""

    judged: ClassVar[str] = ""
    """How the names of its files begin where ``lumirage judge`` draws it of anybody's table; empty if it does not."""

    @abstractmethod
    def draw_all(self, shown: Shown) -> Iterator[ReportFigure]:
        """Draw it, as many times as there is something to show."""


class OfLabelling(PageFigure):
    """A figure that is drawn for each labelling that has a verdict."""

    first_look: ClassVar[bool] = False
    """Whether it is drawn for the first labelling where none has a verdict."""

    @abstractmethod
    def caption(self, shown: Shown, labelling: str) -> str:
        """What is said below it."""

    @abstractmethod
    def alt(self, shown: Shown, labelling: str) -> str:
        """What is said to those who cannot see it, and where the numbers stand."""

    @abstractmethod
    def draw(self, shown: Shown, labelling: str) -> Sheet | None:
        """Draw it; None where a labelling has nothing to show."""

    def draw_all(self, shown: Shown) -> Iterator[ReportFigure]:
        """One for each labelling that has something to show."""
        first = dict(list(shown.ends.items())[:1]) if self.first_look else {}
        for labelling, name in (shown.named or first).items():
            if (figure := self.draw(shown, labelling)) is not None:
                yield ReportFigure(
                    name=f"{self.name}-{name}",
                    figure=figure,
                    caption=self.caption(shown, labelling),
                    alt=self.alt(shown, labelling),
                    labelling=labelling,
                )


def of_class(table: pd.DataFrame, labelling: str, split: str) -> pd.DataFrame:
    """Rows of a statistic that are of a labelling and a class of pairs."""
    return table[(table["labelling"] == labelling) & (table["split"] == split)]


def among_competitors(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Comparisons of methods with each other; with the floor only where a method has nothing else beside it."""
    among = comparisons[(comparisons["method_a"] != FLOOR) & (comparisons["method_b"] != FLOOR)]
    return among if len(among) else comparisons


def with_structures(per_structure: pd.DataFrame, labelling: str) -> pd.DataFrame:
    """Rows of a labelling's structures that any pair was scored by."""
    return per_structure[(per_structure["labelling"] == labelling) & (per_structure["n"] > 0)]


def slug(text: str) -> str:
    """A text as part of a file name."""
    return re.sub(r"[^0-9A-Za-z]+", "-", text)
