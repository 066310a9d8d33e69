"""A registered pair as measures see it: parts that are there or not, computed when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from lumirage_bids.measures.field import jacobian_determinant
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import Transform, warp

LabelArray = npt.NDArray[np.integer]
Need = Literal["labels", "prepared", "field", "points", "lesions", "images", "cost", "detour"]
"""What a measure may look at: a part of `RegisteredPair`, by its name."""


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
    to_fixed : Transform
        World of the grid to the fixed scan's own, which is the same but where labels are compared elsewhere.
    carried : Volume or None
        Labels of the moving scan in the fixed scan's world, where they were carried over elsewhere; `transform` then
        says nothing.
    """

    fixed: Volume
    moving: Volume
    transform: Transform
    start: Transform
    transfer: Literal["linear", "nearest"] = "linear"
    threads: int = 1
    structures: npt.NDArray[np.int64] = field(default_factory=lambda: np.array([], np.int64))
    to_fixed: Transform = field(default_factory=Transform)
    carried: Volume | None = None

    @property
    def spacing(self) -> npt.NDArray[np.float64]:
        """Voxel size of the grid, mm."""
        return self.fixed.spacing

    @cached_property
    def moved(self) -> LabelArray:
        """Labels of the moving scan, carried over as registered."""
        if self.carried is not None:
            return self._carry(self.to_fixed, self.carried)
        return self._carry(self.transform, self.moving)

    @cached_property
    def initial(self) -> LabelArray:
        """Labels of the moving scan where the headers place them."""
        return self._carry(self.start, self.moving)

    def _carry(self, way: Transform, labels: Volume) -> LabelArray:
        grid = (self.fixed.shape, self.fixed.affine)
        return transfer_labels(labels, way, *grid, threads=self.threads, method=self.transfer)


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
        x, y, z = self.mask.shape
        return jacobian_determinant(self.transform, (x, y, z), self.affine, threads=self.threads)


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """Landmarks that two scans share.

    Attributes
    ----------
    fixed, moving : array, shape (n, 3)
        World coordinates (RAS+, mm).
    transform : Transform
        Fixed world to moving world, alignment included.
    names : tuple of str
        What each is called.
    """

    fixed: npt.NDArray[np.float64]
    moving: npt.NDArray[np.float64]
    transform: Transform
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesions:
    """Lesions of a pair, at least one.

    Attributes
    ----------
    fixed, moving : Volume or None
        1 in the lesion, else 0, float32, on grids of their own in the worlds of the two scans; None for a scan without.
    start, transform : Transform
        Fixed world to moving world: by the alignment alone, the same for every method; and as registered.
    threads : int
        Number of threads; no influence on the result.
    """

    fixed: Volume | None
    moving: Volume | None
    start: Transform
    transform: Transform
    threads: int = 1

    def carry_to(self, grid: Volume, to_fixed: Transform) -> npt.NDArray[np.bool_]:
        """Voxels of a grid of which at least half lies in a lesion, the moving one's as the start places it.

        Of a lesion that is too small for that, those that hold the largest share of it.

        Parameters
        ----------
        grid : Volume
            Its array is not looked at.
        to_fixed : Transform
            World of the grid to the fixed one.
        """
        ways = ((self.fixed, to_fixed), (self.moving, to_fixed.then(self.start)))
        shares = [warp(lesion, way, grid, self.threads).array for lesion, way in ways if lesion is not None]
        found: npt.NDArray[np.bool_] = np.any([(s > 0) & (s >= min(0.5, s.max())) for s in shares], axis=0)
        return found


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Detour:
    """Where points of the fixed brain end by transforms one after another, and where they ought to.

    Attributes
    ----------
    ends, meant : array, shape (n, 3)
        World coordinates (RAS+, mm): as the transforms take them, and as they would if transforms agreed.
    """

    ends: npt.NDArray[np.float64]
    meant: npt.NDArray[np.float64]

    @property
    def error(self) -> float:
        """Mean distance between the two, mm."""
        return float(np.linalg.norm(self.ends - self.meant, axis=1).mean())


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

    def extend(self, **parts: object) -> RegisteredPair:
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
    def lesions(self) -> Lesions:
        """Lesions, where one of the scans has any."""
        return cast("Lesions", self.parts["lesions"])

    @property
    def images(self) -> Images:
        """The images that were registered."""
        return cast("Images", self.parts["images"])

    @property
    def cost(self) -> RunCost:
        """What the registration took, where it took place here."""
        return cast("RunCost", self.parts["cost"])

    @property
    def detour(self) -> Detour:
        """There and back by the registration of the reverse pair, for pairs whose transforms are kept."""
        return cast("Detour", self.parts["detour"])
