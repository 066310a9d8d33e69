"""How far landmarks end from where they should."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values
from lumirage_bids.measures.distances import landmark_errors


@dataclass(frozen=True, kw_only=True)
class Landmarks(Measure):
    """Target registration error of landmarks, which a protocol names in ``[scans] landmarks``."""

    name: ClassVar[str] = "landmarks"
    summary: ClassVar[str] = "target registration error of landmarks, where both scans have them"
    revision: ClassVar[int] = 1
    always: ClassVar[bool] = True
    place: ClassVar[int] = 80
    needs: ClassVar[tuple[Need, ...]] = ("points",)
    references: ClassVar[tuple[str, ...]] = ("fitzpatrick2001",)
    phrase: ClassVar[str] = "target registration error of landmarks"
    columns: ClassVar[Mapping[str, Column]] = {
        "tre_mm": Column(
            description="Target registration error: mean distance, in the moving scan, between where the transform "
            "takes the fixed scan's landmarks and the moving scan's own; n/a where no landmarks are given",
            title="TRE, mm",
            unit="mm",
            better="lower",
            reference="https://doi.org/10.1109/42.952729",
            margin=0.1,
            accuracy=True,
        )
    }

    def of(self, pair: RegisteredPair) -> Values:
        """Mean over landmarks, mm."""
        points = pair.points
        return {"tre_mm": float(landmark_errors(points.fixed, points.moving, points.transform).mean())}
