"""How much of the brain folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values
from lumirage_bids.measures.field import folding_percent


@dataclass(frozen=True, kw_only=True)
class Folding(Measure):
    """Share of the fixed brain where the deformation turns space inside out, by central differences."""

    name: ClassVar[str] = "folding"
    summary: ClassVar[str] = "share of the brain where the deformation folds"
    digest_name: ClassVar[str] = "Folding"
    revision: ClassVar[int] = 1
    always: ClassVar[bool] = True
    place: ClassVar[int] = 40
    needs: ClassVar[tuple[Need, ...]] = ("field",)
    columns: ClassVar[Mapping[str, Column]] = {
        "folding_percent": Column(
            description="Share of the fixed brain mask's voxels where the Jacobian determinant of the deformation, in "
            "physical units, is zero or negative. Learn2Reg counts fewer, after adding 3 to each",
            title="Folding, %",
            unit="percent",
            better="lower",
            margin=0.1,
            lies=(0.0, 100.0),
            tells="deformation",
        )
    }

    def of(self, pair: RegisteredPair) -> Values:
        """Percent of the voxels."""
        return {"folding_percent": folding_percent(pair.field.determinant, pair.field.mask)}
