"""What a deformation does to the volume of lesions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lumirage_bids.measures.base import Column, Measure, Need, RegisteredPair, Values
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import Transform, warp

MOST = 100.0
"""Largest factor that counts, either way: of a lesion that vanishes there is no logarithm."""


@dataclass(frozen=True, kw_only=True)
class LesionVolume(Measure):
    """Volume of each lesion after the deformation, against that after the alignment alone.

    What is a lesion in one scan has no counterpart in the other, and a method that seeks one shrinks it or blows it up.
    The moving scan's lesion is carried to the fixed scan; the fixed scan's to the moving one, which is the integral
    over it of the deformation's Jacobian determinant.

    References
    ----------
    Brett M, Leff AP, Rorden C, Ashburner J (2001), NeuroImage 14:486-500, doi:10.1006/nimg.2001.0845.
    """

    name: ClassVar[str] = "lesion_volume"
    summary: ClassVar[str] = "how much the deformation changes the volume of lesions, where a scan has a lesion mask"
    digest_name: ClassVar[str] = "LesionVolume"
    revision: ClassVar[int] = 1
    always: ClassVar[bool] = True
    place: ClassVar[int] = 84
    needs: ClassVar[tuple[Need, ...]] = ("field", "lesions")
    references: ClassVar[tuple[str, ...]] = ("brett2001",)
    phrase: ClassVar[str] = "the change of the volume of lesions"
    columns: ClassVar[Mapping[str, Column]] = {
        "moving_lesion_volume_percent": Column(
            description="Change of the volume of the moving scan's lesion by the deformation, carried to the fixed "
            "scan; 0 as the alignment alone carries it, below 0 it has shrunk; n/a where no lesion mask is given",
            title="Moving lesion's volume, %",
            unit="percent",
            better="none",
        ),
        "fixed_lesion_volume_percent": Column(
            description="The same of the fixed scan's lesion, carried to the moving scan",
            title="Fixed lesion's volume, %",
            unit="percent",
            better="none",
        ),
        "lesion_volume_change": Column(
            description="Absolute natural logarithm of the factor by which the deformation changes a lesion's volume, "
            "mean over the lesions of both scans; factors are held between 1/100 and 100",
            title="Change of lesions' volume",
            unit="1",
            better="lower",
            in_words="closer to the lesion's own",
            reference="https://doi.org/10.1006/nimg.2001.0845",
            margin=0.05,
            lies=(0.0, float(np.log(MOST))),
            tells="deformation",
        ),
    }

    def of(self, pair: RegisteredPair) -> Values:
        """The two changes, and their mean size."""
        factors = np.array([_moving_factor(pair), _fixed_factor(pair)])
        sizes = np.abs(np.log(factors.clip(1 / MOST, MOST)))
        moving, fixed = map(float, 100 * (factors - 1))
        return {
            "moving_lesion_volume_percent": moving,
            "fixed_lesion_volume_percent": fixed,
            "lesion_volume_change": float("nan") if np.isnan(sizes).all() else float(np.nanmean(sizes)),
        }


def _moving_factor(pair: RegisteredPair) -> float:
    """Volume of the moving lesion on the fixed grid after the deformation, over that after the start; NaN for none."""
    lesions, grid = pair.lesions, _grid(pair)
    if lesions.moving is None:
        return float("nan")
    after, before = (
        warp(lesions.moving, way, grid, lesions.threads).array.sum(dtype=np.float64)
        for way in (lesions.transform, lesions.start)
    )
    return float(after / before) if before else float("nan")


def _fixed_factor(pair: RegisteredPair) -> float:
    """Mean determinant of the deformation in the fixed lesion; NaN for none."""
    if pair.lesions.fixed is None:
        return float("nan")
    share = warp(pair.lesions.fixed, Transform(), _grid(pair), pair.lesions.threads).array
    inside = share > 0
    return float(np.average(pair.field.determinant[inside], weights=share[inside])) if inside.any() else float("nan")


def _grid(pair: RegisteredPair) -> Volume:
    mask = pair.field.mask
    return Volume(array=mask, affine=pair.field.affine)
