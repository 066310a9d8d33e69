"""A start that is turned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.spatial.perturbations.base import Kind

if TYPE_CHECKING:
    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class Rotation(Kind):
    """The head is turned about the middle of its brain, around an axis that is drawn for each scan.

    It comes after the alignment, whose error it stands for: the start that methods get is off by so much.
    """

    name: ClassVar[str] = "rotation"
    summary: ClassVar[str] = "head turned after the alignment: a start that is off"
    unit: ClassVar[str] = "degrees"
    largest: ClassVar[float] = 180.0

    def of(self, image: Volume, mask: Volume, size: float, rng: np.random.Generator) -> Volume:
        """Turn the header; no voxel is interpolated."""
        from scipy.spatial.transform import Rotation as Turn

        axis = rng.standard_normal(3)
        turn = np.eye(4)
        turn[:3, :3] = Turn.from_rotvec(np.radians(size) * axis / np.linalg.norm(axis)).as_matrix()
        middle = mask.affine[:3, :3] @ np.argwhere(mask.array > 0).mean(axis=0) + mask.affine[:3, 3]
        turn[:3, 3] = middle - turn[:3, :3] @ middle
        return replace(image, affine=turn @ image.affine)
