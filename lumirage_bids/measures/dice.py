"""Overlap of moved and fixed labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.base.criteria import MARGIN
from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values
from lumirage_bids.measures.overlap import dice


@dataclass(frozen=True, kw_only=True)
class Dice(Measure):
    """Dice coefficient of every structure that both label maps have, and its mean: what methods are ranked by.

    A structure that a method loses on the way scores 0. Background does not count.
    """

    name: ClassVar[str] = "dice"
    summary: ClassVar[str] = "Dice overlap of moved and fixed labels, mean and per structure"
    digest_name: ClassVar[str] = "Dice"
    revision: ClassVar[int] = 1
    always: ClassVar[bool] = True
    place: ClassVar[int] = 10
    needs: ClassVar[tuple[Need, ...]] = ("labels",)
    references: ClassVar[tuple[str, ...]] = ("dice1945",)
    structures: ClassVar[str] = "dice_"
    columns: ClassVar[Mapping[str, Column]] = {
        "dice_mean": Column(
            description="Mean over structures of the Dice coefficient 2|A∩B|/(|A|+|B|) of moved and fixed labels, on "
            "the grid that column evaluation names, over the structures present in both label maps; one lost counts 0",
            title="Dice",
            unit="1",
            better="higher",
            reference="https://doi.org/10.2307/1932409",
            margin=MARGIN,
            lies=(0.0, 1.0),
            worst=0.0,
            tells="accuracy",
            summed="",
        ),
        "n_structures": Column(
            description="Structures scored: present in both label maps, the same for every method",
            title="Structures",
            unit="",
            better="none",
            summed="",
        ),
    }

    def of(self, pair: RegisteredPair) -> Values:
        """Dice of each structure, and their mean."""
        values = dice(pair.labels.fixed.array, pair.labels.moved, pair.labels.structures)
        return {
            "dice_mean": float(values.mean()),
            "n_structures": int(values.size),
            **{f"{self.structures}{i}": float(v) for i, v in zip(pair.labels.structures, values, strict=True)},
        }
