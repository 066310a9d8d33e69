"""What a registration took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values


@dataclass(frozen=True, kw_only=True)
class Effort(Measure):
    """Wall time and peak memory of the registration alone."""

    name: ClassVar[str] = "cost"
    summary: ClassVar[str] = "run time and peak memory of the registration"
    digest_name: ClassVar[str] = "Effort"
    revision: ClassVar[int] = 1
    always: ClassVar[bool] = True
    place: ClassVar[int] = 100
    needs: ClassVar[tuple[Need, ...]] = ("cost",)
    columns: ClassVar[Mapping[str, Column]] = {
        "runtime_s": Column(
            description="Wall time of the registration alone, without start, reading and scoring",
            title="Run time, s",
            unit="s",
            better="lower",
            in_words="faster",
            margin=1.0,
            lies=(0.0, float("inf")),
            tells="cost",
            summed="median",
        ),
        "memory_gb": Column(
            description="Peak memory during the registration: of the process on a CPU, allocated on the device on a "
            "GPU",
            title="Peak memory, GB",
            unit="GB (10^9 bytes)",
            better="lower",
            in_words="smaller",
            margin=0.1,
            lies=(0.0, float("inf")),
            tells="cost",
            summed="max",
        ),
    }

    def of(self, pair: RegisteredPair) -> Values:
        """Both, as the run noted them."""
        return {"runtime_s": pair.cost.seconds, "memory_gb": pair.cost.memory_gb}
