"""Overlap as published evaluations took it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values
from lumirage_bids.measures.overlap import dice, volumes


@dataclass(frozen=True, kw_only=True)
class DicePrepared(Measure):
    """Mean Dice of label maps that were resampled to the prepared grids first; ``grid = "prepared"`` asks for it.

    Comparable with published values, not between variants: resampling costs small structures some of their Dice.
    """

    name: ClassVar[str] = "dice_prepared"
    summary: ClassVar[str] = "mean Dice on the prepared grids, as published; asked for by grid = 'prepared'"
    digest_name: ClassVar[str] = "DicePrepared"
    revision: ClassVar[int] = 1
    always: ClassVar[bool] = True
    place: ClassVar[int] = 30
    needs: ClassVar[tuple[Need, ...]] = ("prepared",)
    references: ClassVar[tuple[str, ...]] = ("dice1945",)
    columns: ClassVar[Mapping[str, Column]] = {
        "dice_prepared": Column(
            description="Mean Dice the way published evaluations took it: both label maps are resampled to the "
            "prepared grids first, and compared on the fixed one; n/a where the protocol does not ask for it",
            title="Dice, prepared",
            unit="1",
            better="higher",
            lies=(0.0, 1.0),
        )
    }

    def of(self, pair: RegisteredPair) -> Values:
        """Mean Dice of the structures that the fixed map still has."""
        fixed = pair.prepared.fixed.array
        kept = pair.prepared.structures[volumes(fixed, pair.prepared.structures) > 0]
        return {"dice_prepared": float(dice(fixed, pair.prepared.moved, kept).mean()) if kept.size else float("nan")}
