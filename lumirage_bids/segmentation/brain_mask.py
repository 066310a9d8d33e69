"""Where the brain is."""

from __future__ import annotations

import numpy as np
from lumirage_bids.images import Volume, mask_on, read_labels


def brain_mask(scan, image, context):
    if scan.mask is not None:
        mask = mask_on(read_labels(scan.mask.path), image)
        return Volume(array=mask.astype(np.int32), affine=image.affine), "existing"
    return Volume(array=(image.array > 0).astype(np.int32), affine=image.affine), "skull-stripped"
