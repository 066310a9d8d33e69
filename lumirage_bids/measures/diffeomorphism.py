"""How much volume is not mapped diffeomorphically."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values
from lumirage_bids.measures.tetrahedra import non_diffeomorphic


@dataclass(frozen=True, kw_only=True)
class Diffeomorphism(Measure):
    """Volume of the fixed brain that the deformation turns inside out, by digital Jacobian determinants.

    It sees what central differences cannot: a voxel that has moved out of the order of its neighbours.
    """

    name: ClassVar[str] = "diffeomorphism"
    summary: ClassVar[str] = "volume that is not mapped diffeomorphically, as LUMIR counts it"
    digest_name: ClassVar[str] = "Diffeomorphism"
    revision: ClassVar[int] = 1
    place: ClassVar[int] = 60
    needs: ClassVar[tuple[Need, ...]] = ("field",)
    references: ClassVar[tuple[str, ...]] = ("liu2024jacobian",)
    phrase: ClassVar[str] = "the volume that is not mapped diffeomorphically"
    seconds: ClassVar[float] = 0.13
    columns: ClassVar[Mapping[str, Column]] = {
        "ndv_percent": Column(
            description="Volume that the deformation turns inside out, by digital Jacobian determinants, in percent of "
            "the fixed brain mask's, above 100 where it is larger; n/a where the protocol does not ask for it. LUMIR "
            "masks by the moving brain",
            title="Non-diffeomorphic volume, %",
            unit="percent",
            better="lower",
            margin=0.1,
            lies=(0.0, float("inf")),
            tells="deformation",
            reference="https://doi.org/10.1007/s11263-024-02047-1",
        )
    }

    def of(self, pair: RegisteredPair) -> Values:
        """Percent of the volume."""
        found = non_diffeomorphic(pair.field.transform, pair.field.mask, pair.field.affine, threads=pair.field.threads)
        return {"ndv_percent": found.volume_percent}
