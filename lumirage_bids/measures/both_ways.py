"""Whether the registration of the reverse pair leads back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values


@dataclass(frozen=True, kw_only=True)
class BothWays(Measure):
    """How far points of the fixed brain end from where they began, by the pair and the reverse pair.

    Both were registered by themselves, so every method has it; for pairs of a protocol's ``[downstream]`` scans.
    """

    name: ClassVar[str] = "both_ways"
    summary: ClassVar[str] = "how far points end from where they began, by the pair and the reverse pair"
    digest_name: ClassVar[str] = "BothWays"
    revision: ClassVar[int] = 1
    always: ClassVar[bool] = True
    place: ClassVar[int] = 95
    needs: ClassVar[tuple[Need, ...]] = ("detour",)
    references: ClassVar[tuple[str, ...]] = ("christensen2001",)
    phrase: ClassVar[str] = "inverse consistency of the two registrations of a pair of scans"
    columns: ClassVar[Mapping[str, Column]] = {
        "both_ways_mm": Column(
            description="Mean distance in the fixed brain mask between a point and where it ends after the pair's "
            "transform and that of the reverse pair, which was registered by itself; n/a beyond the scans of the "
            "protocol's [downstream]",
            title="Both ways, mm",
            unit="mm",
            better="lower",
            margin=0.1,
            lies=(0.0, float("inf")),
            tells="deformation",
            reference="https://doi.org/10.1109/42.932742",
        )
    }

    def of(self, pair: RegisteredPair) -> Values:
        """Mean distance, mm."""
        return {"both_ways_mm": pair.detour.error}
