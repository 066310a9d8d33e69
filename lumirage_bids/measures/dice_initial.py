"""Overlap before anything was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values
from lumirage_bids.measures.overlap import dice


@dataclass(frozen=True, kw_only=True)
class DiceInitial(Measure):
    """Mean Dice where the headers place the label maps: the same for every method."""

    name: ClassVar[str] = "dice_initial"
    summary: ClassVar[str] = "mean Dice before any alignment"
    digest_name: ClassVar[str] = "DiceInitial"
    revision: ClassVar[int] = 1
    always: ClassVar[bool] = True
    place: ClassVar[int] = 20
    needs: ClassVar[tuple[Need, ...]] = ("labels",)
    references: ClassVar[tuple[str, ...]] = ("dice1945",)
    columns: ClassVar[Mapping[str, Column]] = {
        "dice_initial": Column(
            description="The same mean with the label maps as their headers place them, before any alignment",
            title="Initial Dice",
            unit="1",
            better="higher",
            lies=(0.0, 1.0),
        )
    }

    def of(self, pair: RegisteredPair) -> Values:
        """Mean Dice."""
        return {
            "dice_initial": float(dice(pair.labels.fixed.array, pair.labels.initial, pair.labels.structures).mean())
        }
