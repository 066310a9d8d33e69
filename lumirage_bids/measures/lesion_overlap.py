"""Overlap of labels around lesions, and away from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.criteria import MARGIN
from lumirage_bids.base.errors import UsageError
from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values
from lumirage_bids.measures.distances import grow
from lumirage_bids.measures.overlap import dice, volumes
from lumirage_bids.measures.pair import ComparedLabels


@dataclass(frozen=True, kw_only=True)
class LesionOverlap(Measure):
    """Dice in the surroundings of lesions, and outside them: mean over structures, as of the whole.

    Surroundings are what lies within `margin_mm` of a lesion but not in it, on the grid that labels are compared on: of
    the fixed scan's lesion, and of the moving scan's where the alignment alone puts it. So they are the same for every
    method. What lies in a lesion counts neither here nor there.

    Attributes
    ----------
    margin_mm : float
        How far the surroundings of a lesion reach.
    least_mm3 : float
        A structure counts, here or there, where the fixed map has so much of it, or all.
    """

    name: ClassVar[str] = "lesion_overlap"
    summary: ClassVar[str] = "Dice around lesions and away from them, where a scan has a lesion mask"
    digest_name: ClassVar[str] = "LesionOverlap"
    revision: ClassVar[int] = 1
    always: ClassVar[bool] = True
    place: ClassVar[int] = 82
    needs: ClassVar[tuple[Need, ...]] = ("labels", "lesions")
    phrase: ClassVar[str] = "Dice around lesions and away from them"
    seconds: ClassVar[float] = 0.05
    columns: ClassVar[Mapping[str, Column]] = {
        "dice_near_lesion": Column(
            description="Dice, mean over structures, within 10 mm (unless the protocol says otherwise) of the fixed "
            "scan's lesion and of the moving scan's as the alignment alone places it, lesions left out; structures of "
            "which the fixed map has 100 mm³ there, or all; n/a where no lesion mask is given",
            title="Dice near lesions",
            unit="1",
            better="higher",
            margin=MARGIN,
            lies=(0.0, 1.0),
            worst=0.0,
            tells="accuracy",
        ),
        "dice_away_from_lesion": Column(
            description="The same beyond these surroundings",
            title="Dice away from lesions",
            unit="1",
            better="higher",
            lies=(0.0, 1.0),
            worst=0.0,
        ),
    }

    margin_mm: float = 10.0
    least_mm3: float = 100.0

    def __post_init__(self) -> None:
        """Refuse surroundings that are none."""
        if not (self.margin_mm > 0 and self.least_mm3 >= 0):
            raise UsageError(
                f"margin_mm is {self.margin_mm:g} and least_mm3 {self.least_mm3:g}; allowed: above 0, and at least 0."
            )

    def of(self, pair: RegisteredPair) -> Values:
        """Dice in the two regions."""
        maps = pair.labels
        lesion = pair.lesions.carry_to(maps.fixed, maps.to_fixed)
        near = grow(lesion, maps.spacing, self.margin_mm)
        return {
            "dice_near_lesion": self._dice(maps, near & ~lesion),
            "dice_away_from_lesion": self._dice(maps, ~near),
        }

    def _dice(self, maps: ComparedLabels, region: npt.NDArray[np.bool_]) -> float:
        """Mean over the structures that count in a region; NaN where none does."""
        fixed, moved = (np.where(region, labels, 0) for labels in (maps.fixed.array, maps.moved))
        there, whole = (volumes(labels, maps.structures) for labels in (fixed, maps.fixed.array))
        counts = (there > 0) & ((there * np.prod(maps.spacing) >= self.least_mm3) | (there == whole))
        return float(dice(fixed, moved, maps.structures[counts]).mean()) if counts.any() else float("nan")
