"""The contract of a measure: a registered pair in, numbers out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal, cast

import numpy as np
import numpy.typing as npt

from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import Transform, warp

LabelArray = npt.NDArray[np.integer]
Need = Literal["labels", "prepared", "field", "points", "images", "cost"]
"""What a measure may look at: a part of `RegisteredPair`, by its name."""
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
        What the better values are, where "better" says too much: ``smoother``.
    reference : str
        Address of the publication that defines it.
    margin : float or None
        Differences in the mean within ± this are of no consequence, in the column's unit; None for a column that
        methods are not compared by.
    worst : float or None
        What a pair without a score counts in the worst case; None where there is no such number.
    accuracy : bool
        Whether it tells how well scans fit: methods are compared by it, and the verdict says whether it agrees.
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
    worst: float | None = None
    accuracy: bool = False
    summed: Literal["", "mean", "median", "max"] = "mean"

    @property
    def units(self) -> str:
        """Unit and direction, as data dictionaries have them.

        Examples
        --------
        >>> Column(description="A distance", title="D, mm", unit="mm", better="lower").units
        'mm, lower is better'
        """
        return self.unit if self.better == "none" else f"{self.unit}, {self.better} is {self.in_words}"

    @property
    def entry(self) -> dict[str, str]:
        """Its entry in a data dictionary."""
        parts = {"Description": self.description, "Units": self.units, "Reference": self.reference}
        return {key: text for key, text in parts.items() if text}


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedLabels:
    """Label maps of a pair on one grid.

    Attributes
    ----------
    fixed : Volume
        Labels of the fixed scan on the grid of the comparison.
    moving : Volume
        Labels of the moving scan before they are carried over.
    transform, start : Transform
        World of the grid to the world of `moving`: as registered, and as the headers alone place the scans.
    transfer : str
        ``linear`` or ``nearest``.
    threads : int
        Number of threads; no influence on the result.
    structures : array, shape (n,)
        Indices that are scored, the same for every method.
    """

    fixed: Volume
    moving: Volume
    transform: Transform
    start: Transform
    transfer: Literal["linear", "nearest"] = "linear"
    threads: int = 1
    structures: npt.NDArray[np.int64] = field(default_factory=lambda: np.array([], np.int64))

    @property
    def spacing(self) -> npt.NDArray[np.float64]:
        """Voxel size of the grid, mm."""
        return self.fixed.spacing

    @cached_property
    def moved(self) -> LabelArray:
        """Labels of the moving scan, carried over as registered."""
        return self._carried(self.transform)

    @cached_property
    def initial(self) -> LabelArray:
        """Labels of the moving scan where the headers place them."""
        return self._carried(self.start)

    def _carried(self, way: Transform) -> LabelArray:
        grid = (self.fixed.shape, self.fixed.affine)
        return transfer_labels(self.moving, way, *grid, threads=self.threads, method=self.transfer)


@dataclass(frozen=True, kw_only=True, eq=False)
class Deformation:
    """What a method returned, on the fixed scan's prepared grid.

    Attributes
    ----------
    transform : Transform
        Fixed world to the moving world after the start (RAS+, mm), with its `inverse` where the method has one.
    mask : array of bool, shape (X, Y, Z)
        Brain of the fixed scan.
    affine : array, shape (4, 4)
        Voxel indices of that grid to the fixed world.
    threads : int
        Number of threads; no influence on the result.
    """

    transform: Transform
    mask: npt.NDArray[np.bool_]
    affine: npt.NDArray[np.float64]
    threads: int = 1

    @cached_property
    def determinant(self) -> npt.NDArray[np.float32]:
        """Jacobian determinant at every voxel of the grid."""
        from lumirage_bids.measures.field import jacobian_determinant

        x, y, z = self.mask.shape
        return jacobian_determinant(self.transform, (x, y, z), self.affine, threads=self.threads)


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """Landmarks that two scans share: shape (n, 3), world coordinates (RAS+, mm).

    `transform` maps fixed world to moving world, alignment included.
    """

    fixed: npt.NDArray[np.float64]
    moving: npt.NDArray[np.float64]
    transform: Transform


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """Prepared images of a pair; `transform` maps fixed world to moving world, alignment included."""

    fixed: Volume
    moving: Volume
    transform: Transform
    mask: npt.NDArray[np.bool_]
    threads: int = 1

    @cached_property
    def moved(self) -> Volume:
        """The moving image on the fixed one's grid."""
        return warp(self.moving, self.transform, self.fixed, self.threads)


@dataclass(frozen=True, kw_only=True)
class RunCost:
    """What the registration took: wall time, s, and peak memory, GB; NaN where that is not known."""

    seconds: float = float("nan")
    memory_gb: float = float("nan")


@dataclass(frozen=True, kw_only=True, eq=False)
class RegisteredPair:
    """What there is to be measured of a registered pair; of a part that there is not, `has` says so.

    Whatever takes time is computed when it is first asked for, and once.

    Attributes
    ----------
    parts : mapping
        What there is, by its name; each is a property of that name too.
    """

    parts: Mapping[Need, object]

    def has(self, needs: Iterable[Need]) -> bool:
        """Whether all these parts are there."""
        return all(need in self.parts for need in needs)

    def having(self, **parts: object) -> RegisteredPair:
        """The same pair with more parts; what was computed of the others is kept."""
        return RegisteredPair(parts={**self.parts, **cast("Mapping[Need, object]", parts)})

    @property
    def labels(self) -> ComparedLabels:
        """Label maps where they are compared."""
        return cast("ComparedLabels", self.parts["labels"])

    @property
    def prepared(self) -> ComparedLabels:
        """Label maps on the prepared grids, where a protocol asks for that too."""
        return cast("ComparedLabels", self.parts["prepared"])

    @property
    def field(self) -> Deformation:
        """What the method returned."""
        return cast("Deformation", self.parts["field"])

    @property
    def points(self) -> Points:
        """Landmarks, where both scans have them."""
        return cast("Points", self.parts["points"])

    @property
    def images(self) -> Images:
        """The images that were registered."""
        return cast("Images", self.parts["images"])

    @property
    def cost(self) -> RunCost:
        """What the registration took, where it took place here."""
        return cast("RunCost", self.parts["cost"])


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
    references: ClassVar[tuple[str, ...]] = ()
    """Keys of `lumirage_bids.base.publications` that whoever reports it should cite."""
    phrase: ClassVar[str] = ""
    """What it is called in a methods section; empty where that has a sentence of its own."""
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
            A value for each of its columns, NaN where there is nothing to be measured; and one for each structure,
            where it has such columns.

        Raises
        ------
        BadDataError
            It cannot be measured for a fault of the registration; the pair has failed.
        """
