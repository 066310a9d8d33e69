"""How far landmarks end from where they should."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values
from lumirage_bids.measures.distances import landmark_errors


@dataclass(frozen=True, kw_only=True)
class Landmarks(Measure):
    """Target registration error of landmarks: their mean, and each by itself.

    They come from a protocol's ``[scans] landmarks``, or from a derivative dataset by their names.
    """

    name: ClassVar[str] = "landmarks"
    summary: ClassVar[str] = "target registration error of landmarks, where both scans have them"
    digest_name: ClassVar[str] = "Landmarks"
    revision: ClassVar[int] = 1
    always: ClassVar[bool] = True
    place: ClassVar[int] = 80
    needs: ClassVar[tuple[Need, ...]] = ("points",)
    references: ClassVar[tuple[str, ...]] = ("fitzpatrick2001",)
    phrase: ClassVar[str] = "target registration error of landmarks"
    landmarks: ClassVar[str] = "tre_mm_"
    columns: ClassVar[Mapping[str, Column]] = {
        "tre_mm": Column(
            description="Target registration error: mean distance, in the moving scan, between where the transform "
            "takes the fixed scan's landmarks and the moving scan's own; n/a where no landmarks are given",
            title="TRE, mm",
            unit="mm",
            better="lower",
            reference="https://doi.org/10.1109/42.952729",
            margin=0.1,
            lies=(0.0, float("inf")),
            tells="accuracy",
        )
    }

    def of(self, pair: RegisteredPair) -> Values:
        """Mean over landmarks, and the error of each; mm."""
        points = pair.points
        errors = landmark_errors(points.fixed, points.moving, points.transform)
        each = {f"{self.landmarks}{name}": float(e) for name, e in zip(points.names, errors, strict=True)}
        return {"tre_mm": float(errors.mean()), **each}
