"""Lesion masks of scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.spatial.images import Volume, read_mask
from lumirage_bids.spatial.transforms import Transform, warp

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan


def read_lesion(scan: Scan, image: Volume) -> Volume | None:
    """Read a scan's lesion mask on its own grid, which its own header places in the scan's world.

    Parameters
    ----------
    scan : Scan
    image : Volume
        The scan's image, which the lesion must reach into; its grid plays no other part.

    Returns
    -------
    Volume or None
        1 in the lesion, else 0, float32; None where the scan has no mask, or an empty one, as of a healthy subject.

    Raises
    ------
    MissingInputError
        The file is not there.
    BadDataError
        It is no mask, or it lies outside the image.
    """
    if scan.lesion is None:
        return None
    mask = read_mask(scan.lesion.path, "lesion", may_be_empty=True)
    if not mask.array.any():
        return None
    lesion = Volume(array=(mask.array > 0).astype(np.float32), affine=mask.affine)
    if not warp(lesion, Transform(), image).array.any():
        raise BadDataError(
            f"{scan.lesion.path}: the lesion lies outside the image of {scan.name}, as the headers of both place them. "
            "Give a mask whose header says where the lesion is"
        )
    return lesion
