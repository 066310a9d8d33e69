"""The mask of the session's T1w scan, carried to other contrasts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.bids.scans import File, Scan
from lumirage_bids.maskers import _template_fit, brain_mask
from lumirage_bids.maskers.t1w import OfT1w
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import reorient
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.testing.small_brain import scan
from lumirage_bids.testing.whole_head import dice, whole_head

POSE = np.eye(4)
POSE[:3, :3] = _template_fit._turn_about_x(-9.0)
POSE[:3, 3] = 8, -20, 15


def other_contrast() -> tuple[Volume, Volume]:
    """The same head with other intensities, its scalp as bright as its brain, elsewhere in the world."""
    image, truth = whole_head(bias=0.0)
    array = np.where(image.array > 100, 1300 - image.array, image.array)
    there = tuple(replace(v, affine=POSE @ v.affine) for v in (replace(image, array=array), truth))
    return reorient(there[0], "PSL"), reorient(there[1], "PSL")


def session(folder: Path, **t1w: object) -> Scan:
    """A T2w scan without a mask, and its session's T1w scan, whose file is there."""
    write_image(whole_head()[0], folder / "sub-1_T1w.nii.gz")
    return scan("T2w", folder, lender=scan("T1w", folder, **t1w))


def test_the_mask_of_the_t1w_scan_comes_to_where_the_brain_lies(tmp_path: Path) -> None:
    write_image(whole_head()[1], tmp_path / "m.nii.gz", np.uint8)
    given = File(path=tmp_path / "m.nii.gz", dataset=tmp_path)
    image, truth = other_contrast()
    mask, found = brain_mask(session(tmp_path, mask=given), image, Context())
    assert found.source == "T1w-existing"
    np.testing.assert_array_equal(mask.affine, image.affine)
    assert dice(mask.array > 0, truth.array > 0) > 0.93


@pytest.mark.slow
def test_the_t1w_scan_may_have_a_skull_stripped_image_but_must_be_a_head(tmp_path: Path) -> None:
    head, brain = whole_head()
    stripped = replace(head, array=np.where(brain.array, head.array, 0))
    write_image(stripped, tmp_path / "brain.nii.gz")
    image, truth = other_contrast()
    beside = session(tmp_path, brain=File(path=tmp_path / "brain.nii.gz", dataset=tmp_path))
    mask, found = brain_mask(beside, image, Context())
    assert found.source == "T1w-skull-stripped"
    assert dice(mask.array > 0, truth.array > 0) > 0.93
    only = session(tmp_path)
    assert only.lender is not None
    write_image(stripped, tmp_path / "sub-1_T1w.nii.gz")
    with pytest.raises(BadDataError, match="skull-stripped"):
        OfT1w().find(only, image, Context())
