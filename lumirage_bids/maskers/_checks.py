"""Whether a mask that was made can be a human brain in this head: its volume, its shape, where it lies, what is beyond.

The limits were chosen on eight real whole heads: 1 mm T1w, and T1w, T2w and FLAIR with slices of 3 to 4 mm. Right masks
have a depth of 15 to 20 mm, and beyond at most 0.38 of their border it looks like brain.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lumirage_bids.maskers._head import Head
from lumirage_bids.maskers._regions import is_compact, litres
from lumirage_bids.maskers.base import Mask
from lumirage_bids.spatial.fill import find_seen
from lumirage_bids.spatial.grids import resample

if TYPE_CHECKING:
    from lumirage_bids.spatial.images import Volume

HUMAN_LITRES = (0.5, 2.0)
"""Volumes of human brains with their CSF, from infants to the largest adults."""
MIN_INSIDE = 0.9
"""Smallest share of a mask that the image must cover."""
MIN_EXPLAINED = 0.15
"""Smallest correlation ratio of a fit of the template."""
DOUBTFUL = 0.35
"""Correlation ratio below which a fit is believed only where it does not look like brain beyond the border: right ones
of T2w have 0.29, ones that are 10 to 20 mm off in T1w and FLAIR 0.01 to 0.32."""
MIN_DEPTH = 10.0
"""Smallest median distance of a mask's border from the skin, mm: below, the brain is inflated to the skin, which mutual
information prefers where the scalp is as bright as the brain. Right masks grown by 8 mm have 7 to 11 mm."""
MAX_DEPTH = 20.0
"""Largest such distance of a mask beyond whose border it looks like brain. Right masks shrunk by 8 mm have 22 to 25."""
MAX_ALIKE = 0.4
"""Largest share of the border of a mask beyond which it may look like brain, where its depth or its fit speaks against
it too. Right masks have at most 0.38, ones shrunk by 8 mm 0.90 to 0.97, and fits 10 to 20 mm off 0.44 to 0.93."""


def implausible(mask: Mask, image: Volume, *, explained: float | None = None) -> list[str]:
    """Find reasons not to believe that a mask is the brain of a human head.

    Parameters
    ----------
    mask : array of bool, shape of the image
    image : Volume
        The whole head.
    explained : float, optional
        Correlation ratio of the template's fit, where the mask is the template's.

    Returns
    -------
    list of str
        Empty for a plausible mask.
    """
    size = litres(mask, image.affine)
    if not HUMAN_LITRES[0] <= size <= HUMAN_LITRES[1]:
        return [f"it has {size:.2f} l, human brains have {HUMAN_LITRES[0]} to {HUMAN_LITRES[1]} l"]
    if not is_compact(mask, image.affine):
        return ["it is not as compact as a brain"]
    head = Head(image)
    depth, alike = head.border_depth(mask), head.alike_beyond(mask)
    problems = []
    if explained is not None and (explained < MIN_EXPLAINED or (explained < DOUBTFUL and alike > MAX_ALIKE)):
        problems.append(
            f"the template explains {explained:.2f} of the image's variance, at least {MIN_EXPLAINED} is needed, and "
            f"{DOUBTFUL} where it looks like brain beyond {alike:.0%} of the border"
        )
    if depth < MIN_DEPTH:
        problems.append(f"half of its border is within {depth:.0f} mm of the skin, at least {MIN_DEPTH:.0f} are needed")
    if alike > MAX_ALIKE and depth > MAX_DEPTH:
        problems.append(f"it is too small: beyond {alike:.0%} of its border it looks like brain, {depth:.0f} mm deep")
    return problems


def carry(mask: Volume, image: Volume) -> tuple[Mask, list[str]]:
    """Resample a mask onto an image's grid, at least half of a voxel inside, where that is seen; and what is wrong."""
    inside = replace(mask, array=(mask.array > 0).astype(np.float32))
    on_grid = np.asarray(resample(inside, image.shape, image.affine).array >= 0.5, dtype=bool)
    share = litres(on_grid, image.affine) / litres(mask.array > 0, mask.affine)
    return on_grid & find_seen(image.array), [] if share >= MIN_INSIDE else [
        f"only {share:.0%} of it lie inside the image"
    ]
