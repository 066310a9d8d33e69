"""How evenly volume changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values
from lumirage_bids.measures.field import sdlogj


@dataclass(frozen=True, kw_only=True)
class SDLogJ(Measure):
    """Standard deviation in the fixed brain of the logarithm of the Jacobian determinant; voxels that fold left out."""

    name: ClassVar[str] = "sdlogj"
    summary: ClassVar[str] = "how evenly the deformation changes volume"
    digest_name: ClassVar[str] = "SDLogJ"
    revision: ClassVar[int] = 1
    always: ClassVar[bool] = True
    place: ClassVar[int] = 50
    needs: ClassVar[tuple[Need, ...]] = ("field",)
    references: ClassVar[tuple[str, ...]] = ("hering2023",)
    columns: ClassVar[Mapping[str, Column]] = {
        "sdlogj": Column(
            description="Standard deviation in the fixed brain mask of the logarithm of the Jacobian determinant; "
            "not that of Learn2Reg, which adds 3 to each determinant",
            title="SD of log J",
            unit="1",
            better="lower",
            in_words="smoother",
            margin=0.02,
            lies=(0.0, float("inf")),
            tells="deformation",
            reference="https://doi.org/10.1109/TMI.2019.2897538",
        )
    }

    def of(self, pair: RegisteredPair) -> Values:
        """Standard deviation."""
        return {"sdlogj": sdlogj(pair.field.determinant, pair.field.mask)}
