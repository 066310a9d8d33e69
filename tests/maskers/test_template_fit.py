"""A template fitted to synthetic heads of known brain."""

from __future__ import annotations

import numpy as np

from lumirage_bids.maskers import _template_fit, brain_mask, read_masking
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import reorient
from lumirage_bids.testing.small_brain import scan
from lumirage_bids.testing.whole_head import dice, whole_head

TEMPLATE = read_masking({"order": ["existing", "skull-stripped", "T1w", "template"]})


def test_template_finds_a_tilted_biased_brain_however_stored() -> None:
    image, truth = (reorient(v, "PSL") for v in whole_head())
    mask, found = brain_mask(scan(), image, Context(masking=TEMPLATE))
    assert found.source == "template"
    assert mask.array.dtype == np.uint8
    np.testing.assert_array_equal(mask.affine, image.affine)
    assert dice(mask.array > 0, truth.array > 0) > 0.9


def test_explained_variance_tells_good_fits_from_bad() -> None:
    image, _ = whole_head(bias=0.0)
    fine = _template_fit.level(image)
    true = np.eye(4)
    true[:3, :3] = 0.9 * _template_fit._turn_about_x(12.0)
    true[:3, 3] = 5, -12, 20
    good = _template_fit.share_explained(fine, true)
    assert good > 0.5
    for shift in ((0, 0, 20), (0, 20, 0), (20, 0, 0)):
        moved = true.copy()
        moved[:3, 3] += shift
        assert _template_fit.share_explained(fine, moved) < good / 2
