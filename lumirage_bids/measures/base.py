"""The contract of a measure: a registered pair in, numbers out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from lumirage_bids.measures.pair import Need, RegisteredPair

__all__ = ["Column", "Measure", "Need", "RegisteredPair", "Values"]

Values = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the score table.

    Attributes
    ----------
    description : str
        Its entry in data dictionaries.
    title : str
        Heading on pages, with the unit: ``HD95, mm``.
    unit : str
        ``1`` where there is none; empty for a count.
    better : str
        ``higher``, ``lower``, or ``none`` where neither is.
    in_words : str
        What the better values are, where "better" says too much: ``smoother``, ``faster``.
    reference : str
        Address of the publication that defines it.
    margin : float or None
        Differences in the mean within ± this are of no consequence, in the column's unit; None for a column that
        methods are not compared by. The decimals of differences follow from it.
    lies : tuple of float or None
        Between which it lies by definition, so that no interval goes further; None where that is not known.
    worst : float or None
        What a pair without a score counts in the worst case; None where there is no such number.
    tells : str
        What it tells of: ``accuracy``, how well scans fit, so that it may contradict a winner; ``deformation``, whether
        that may be anatomy, or ``cost``: no deformation at all is perfect and free, so these rank no methods by
        themselves; empty for none of these.
    summed : str
        How ``summary.tsv`` sums it up, in a column of its own: ``mean``, ``median``, ``max``; empty for not at all.
    """

    description: str
    title: str
    unit: str
    better: Literal["higher", "lower", "none"]
    in_words: str = "better"
    reference: str = ""
    margin: float | None = None
    lies: tuple[float, float] | None = None
    worst: float | None = None
    tells: Literal["", "accuracy", "deformation", "cost"] = ""
    summed: Literal["", "mean", "median", "max"] = "mean"

    @property
    def units(self) -> str:
        """Unit and direction, as data dictionaries have them.

        Examples
        --------
        >>> Column(description="A distance", title="D, mm", unit="mm", better="lower").units
        'mm, lower is better'
        """
        return self.unit if self.better == "none" else f"{self.unit}, {self.direction}"

    @property
    def direction(self) -> str:
        """Which of its values are the better ones.

        Examples
        --------
        >>> of = {"description": "", "unit": "s", "title": "Time, s"}
        >>> Column(better="lower", in_words="faster", **of).direction, Column(better="none", **of).direction
        ('lower is faster', 'neither way is better')
        """
        return "neither way is better" if self.better == "none" else f"{self.better} is {self.in_words}"

    @property
    def called(self) -> str:
        """Its name in a sentence.

        Examples
        --------
        >>> of = {"description": "", "unit": "mm", "better": "lower"}
        >>> [Column(title=title, **of).called for title in ("HD95, mm", "Folding, %", "Dice")]
        ['HD95', 'folding', 'Dice']
        """
        name = self.title.rpartition(", ")[0] or self.title
        return name if name[1:2].isupper() or name.startswith("Dice") else name[:1].lower() + name[1:]

    @property
    def shown_unit(self) -> str:
        """The unit that stands in the title; empty where none does.

        Examples
        --------
        >>> [Column(title=t, description="", unit="mm", better="lower").shown_unit for t in ("HD95, mm", "Dice")]
        ['mm', '']
        """
        name, _, unit = self.title.rpartition(", ")
        return unit if name else ""

    def with_unit(self, number: str) -> str:
        """A number with the unit that stands in the title.

        Examples
        --------
        >>> Column(title="HD95, mm", description="", unit="mm", better="lower").with_unit("0.5")
        '0.5 mm'
        """
        return f"{number} {self.shown_unit}" if self.shown_unit else number

    @property
    def entry(self) -> dict[str, str]:
        """Its entry in a data dictionary."""
        parts = {"Description": self.description, "Units": self.units, "Reference": self.reference}
        return {key: text for key, text in parts.items() if text}


@dataclass(frozen=True, kw_only=True)
class Measure(ABC):
    """Something that is measured of a registered pair.

    A subclass is a frozen dataclass in a file of its own whose fields are its parameters, with their defaults; a table
    of its name in a protocol's ``[evaluation]`` sets others. The score table, its dictionary, the summary, comparisons,
    pages and the methods section follow from what it declares.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    """One line about it."""
    columns: ClassVar[Mapping[str, Column]]
    needs: ClassVar[tuple[Need, ...]]
    """Parts of the pair without which it is not taken: its columns stay empty."""
    always: ClassVar[bool] = False
    """Whether it is taken in every run; else where a protocol asks for it: ``NAME = true``."""
    structures: ClassVar[str] = ""
    """How the names of the columns begin that hold a structure each, if it has such: ``dice_`` for ``dice_17``."""
    landmarks: ClassVar[str] = ""
    """How the names of the columns begin that hold a landmark each, if it has such: ``tre_mm_`` for ``tre_mm_AC``."""
    references: ClassVar[tuple[str, ...]] = ()
    """Keys of `lumirage_bids.base.publications` that whoever reports it should cite."""
    phrase: ClassVar[str] = ""
    """What it is called in a methods section; empty where that has a sentence of its own."""
    digest_name: ClassVar[str]
    """Its name in digests, for a measure that is shipped; else that of its class."""
    revision: ClassVar[int | None] = None
    """Raised when its values change, so that rows are scored again; one that does not set it counts by its source."""
    seconds: ClassVar[float] = 0.0
    """What it takes of one core for a million voxels, for a labelling where it looks at labels."""
    place: ClassVar[int] = 1000
    """Where its columns stand among those of other measures; later ones come last."""

    @property
    def looks_at_labels(self) -> bool:
        """Whether it is taken for each labelling, or once for a pair."""
        return not {"labels", "prepared"}.isdisjoint(self.needs)

    @abstractmethod
    def of(self, pair: RegisteredPair) -> Values:
        """Measure a pair.

        Parameters
        ----------
        pair : RegisteredPair
            It has what the measure needs, and other parts perhaps not. Nothing of it may be changed.

        Returns
        -------
        mapping
            A value for each of its columns, NaN where there is nothing to be measured; and one for each structure
            or landmark, where it has such columns.

        Raises
        ------
        BadDataError
            It cannot be measured for a fault of the registration; the pair has failed.
        """
