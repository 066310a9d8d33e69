"""Whether the way back leads back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values
from lumirage_bids.measures.field import inverse_consistency


@dataclass(frozen=True, kw_only=True)
class InverseConsistency(Measure):
    """How far points of the fixed brain end from where they began, by the deformation and the method's own inverse."""

    name: ClassVar[str] = "inverse_consistency"
    summary: ClassVar[str] = "how far points end from where they began, there and back"
    digest_name: ClassVar[str] = "InverseConsistency"
    revision: ClassVar[int] = 1
    always: ClassVar[bool] = True
    place: ClassVar[int] = 90
    needs: ClassVar[tuple[Need, ...]] = ("field",)
    references: ClassVar[tuple[str, ...]] = ("christensen2001",)
    phrase: ClassVar[str] = "inverse consistency"
    columns: ClassVar[Mapping[str, Column]] = {
        "inverse_consistency_mm": Column(
            description="Mean distance in the fixed brain mask between a point and where it ends after the deformation "
            "and the inverse that the method gives with it; n/a for a method without one",
            title="Inverse consistency, mm",
            unit="mm",
            better="lower",
            margin=0.1,
            lies=(0.0, float("inf")),
            tells="deformation",
            reference="https://doi.org/10.1109/42.932742",
        )
    }

    def of(self, pair: RegisteredPair) -> Values:
        """Mean distance, mm; NaN without an inverse."""
        return {"inverse_consistency_mm": inverse_consistency(pair.field.transform, pair.field.mask, pair.field.affine)}
