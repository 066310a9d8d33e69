"""Masks that lie beside the scans."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.bids.scans import File
from lumirage_bids.maskers import brain_mask
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import reorient
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.testing.small_brain import label_file, scan
from lumirage_bids.testing.whole_head import whole_head


def test_mask_file_comes_first_through_its_header(tmp_path: Path) -> None:
    image, truth = whole_head()
    write_image(reorient(truth, "LPS"), tmp_path / "m.nii.gz", np.uint8)
    given = label_file(tmp_path, "m.nii.gz")
    mask, found = brain_mask(scan(mask=File(path=given.path, dataset=given.dataset)), image, Context())
    assert found.source == "existing"
    assert mask.array.dtype == np.uint8
    np.testing.assert_array_equal(mask.array, truth.array)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ((1, 1), "covers 64000 voxels, 100"),
        ((-1, 1), "brain mask holds -1"),
        ((0, 0.97), "brain mask holds 0.97"),
        ((0, 0), "brain mask is 0 everywhere"),
    ],
)
def test_masks_that_cannot_be_a_brain_are_named(tmp_path: Path, values: tuple[float, float], says: str) -> None:
    inside = np.indices((40, 40, 40)).sum(0) < 50
    mask = Volume(array=np.where(inside, *values[::-1]).astype(np.float32), affine=np.eye(4))
    write_image(mask, tmp_path / "m.nii.gz")
    image = Volume(array=inside.astype(np.float32), affine=np.eye(4))
    given = scan(mask=File(path=tmp_path / "m.nii.gz", dataset=tmp_path))
    with pytest.raises(BadDataError, match=says) as raised:
        brain_mask(given, image, Context())
    assert "m.nii.gz" in str(raised.value)
    assert "label" not in str(raised.value)
