"""Lesion masks of scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.spatial.grids import outside_share
from lumirage_bids.spatial.images import Volume, read_grid, read_mask

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan


def read_lesion(scan: Scan) -> Volume | None:
    """Read a scan's lesion mask on its own grid, which its own header places in the scan's world.

    However small it is, and wherever in the scan: what is cut from the image, or sampled too coarsely to show it, is
    no reason to refuse it.

    Parameters
    ----------
    scan : Scan

    Returns
    -------
    Volume or None
        1 in the lesion, else 0, float32; None where the scan has no mask, or an empty one, as of a healthy subject.

    Raises
    ------
    MissingInputError
        The file, or the scan's image, is not there.
    BadDataError
        It is no mask, or none of its voxels lies in the image as it came.
    """
    if scan.lesion is None:
        return None
    mask = read_mask(scan.lesion.path, "lesion", may_be_empty=True)
    if not mask.array.any():
        return None
    shape, affine = read_grid((scan.brain or scan).path)
    if outside_share(mask, Volume(array=np.broadcast_to(np.float32(0), shape), affine=affine)) == 1:
        raise BadDataError(
            f"{scan.lesion.path}: the lesion lies outside the image of {scan.name}, as the headers of both place them. "
            "Give a mask whose header says where the lesion is"
        )
    return Volume(array=(mask.array > 0).astype(np.float32), affine=mask.affine)
