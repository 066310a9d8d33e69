"""Whether label maps can be what they claim to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from lumirage_bids.images import Volume

MIN_VOXELS = 27
"""Fewest labelled voxels that a map may have: a cube of three."""

MAX_OUTSIDE = 0.05
"""Largest share of labelled voxels that may lie outside the image."""


def check_labels(
    labels: Volume,
    structures: Mapping[int, str],
    mask: Volume | None = None,
    bounds: Mapping[int, tuple[float, float]] | None = None,
) -> list[str]:
    """Find reasons not to believe a label map.

    Parameters
    ----------
    labels : Volume
        Label map, 0 for background.
    structures : mapping
        Index → name.
    mask : Volume or None
        Brain mask on the image's grid, which may differ from the labels'; None leaves out the check of position.
    bounds : mapping or None
        Index → lowest and highest plausible share of the labelled volume.

    Returns
    -------
    list of str
        One sentence a problem; empty for a plausible map.
    """
    voxels = _counts(labels)
    voxels[0] = 0
    total = int(voxels.sum())
    if total < MIN_VOXELS:
        return [f"only {total} voxels are labelled, at least {MIN_VOXELS} are needed"]
    problems = []
    for index, (low, high) in (bounds or {}).items():
        share = int(voxels[index]) / total if index < voxels.size else 0.0
        if not low <= share <= high:
            name = structures.get(index, f"label {index}")
            problems.append(f"{name} fills {share:.1%} of the labelled volume, plausible are {low:.0%} to {high:.0%}")
    if mask is not None and (outside := _share_outside(labels, mask)) > MAX_OUTSIDE:
        problems.append(
            f"{outside:.0%} of the labelled voxels lie outside the image; the headers of labels and image disagree"
        )
    return problems


def absent_structures(labels: Volume, structures: Mapping[int, str]) -> list[int]:
    """Indices of structures that no voxel has, in the table's order."""
    voxels = _counts(labels)
    return [i for i in structures if i >= voxels.size or not voxels[i]]


def _counts(labels: Volume) -> npt.NDArray[np.int64]:
    """Voxels of each label from 0 to the largest; labels beyond 10^6, which no table has, count as the last."""
    array = np.minimum(labels.array.reshape(-1), 1_000_000).astype(np.int64)
    return np.bincount(array)


def _share_outside(labels: Volume, image: Volume) -> float:
    """Share of labelled voxels whose centre lies beyond the outermost voxels of an image's grid."""
    to_image = np.linalg.solve(image.affine, labels.affine)
    index = np.argwhere(labels.array) @ to_image[:3, :3].T + to_image[:3, 3]
    outside = (index < -0.5 - 1e-3) | (index > np.array(image.shape) - 0.5 + 1e-3)
    return float(outside.any(axis=1).mean())
