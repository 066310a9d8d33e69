"""Whether label maps can be what they claim to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lumirage_bids.spatial.images import Volume

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
    total = sum(voxels.values())
    if total < MIN_VOXELS:
        return [f"only {total} voxels are labelled, at least {MIN_VOXELS} are needed"]
    problems = []
    for index, (low, high) in (bounds or {}).items():
        share = voxels.get(index, 0) / total
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
    there = _counts(labels)
    return [i for i in structures if i not in there]


def unnamed_structures(labels: Volume, structures: Mapping[int, str]) -> dict[int, int]:
    """Index → voxels of what a map has and a table does not name."""
    return {i: n for i, n in _counts(labels).items() if i not in structures}


def _counts(labels: Volume) -> dict[int, int]:
    """Voxels of each label that is there, without background."""
    flat = labels.array.reshape(-1)
    if flat.size and flat.max() < 2**16:  # much quicker than sorting
        counts = np.bincount(flat)
        found = np.flatnonzero(counts)
        pairs = zip(found.tolist(), counts[found].tolist(), strict=True)
    else:
        pairs = zip(*(a.tolist() for a in np.unique(flat, return_counts=True)), strict=True)
    return {index: number for index, number in pairs if index}


def _share_outside(labels: Volume, image: Volume) -> float:
    """Share of labelled voxels whose centre lies beyond the outermost voxels of an image's grid."""
    to_image = np.linalg.solve(image.affine, labels.affine)
    index = np.argwhere(labels.array) @ to_image[:3, :3].T + to_image[:3, 3]
    outside = (index < -0.5 - 1e-3) | (index > np.array(image.shape) - 0.5 + 1e-3)
    return float(outside.any(axis=1).mean())
