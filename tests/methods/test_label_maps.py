"""Label maps that came carried over: their files; tests/end_to_end/test_label_maps.py scores some."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.methods import Context, method
from lumirage_bids.spatial.images import Volume
from tests.methods.test_precomputed import pair_in


def test_a_pairs_map_is_read(tmp_path: Path) -> None:
    pair = pair_in(tmp_path, np.random.default_rng(0))
    made = method("label_maps", path=f"{tmp_path}/{{moving_subject}}_{{fixed_subject}}.nii.gz", labelling="demo")
    (file,) = made.files(Context(pair=pair))
    assert made.carries == "demo"
    with pytest.raises(MissingInputError, match="There is no file"):
        made.carried(pair)
    array = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    nibabel.save(nibabel.Nifti1Image(array, np.diag([2, 2, 2, 1])), file)
    np.testing.assert_array_equal(made.carried(pair).array, array)
    nibabel.save(nibabel.Nifti1Image(array + np.float32(0.3), np.eye(4)), file)
    with pytest.raises(BadDataError, match=file.name):
        made.carried(pair)


def test_a_path_without_a_labelling_is_refused_and_there_is_no_transform() -> None:
    with pytest.raises(UsageError, match="labelling is not set"):
        method("label_maps", path="/x/{moving}_{fixed}.nii")
    with pytest.raises(UsageError, match="the same file for different pairs"):
        method("label_maps", path="/x/{moving}.nii", labelling="demo")
    image = Volume(array=np.zeros((2, 2, 2), np.float32), affine=np.eye(4))
    with pytest.raises(UsageError, match="no transforms"):
        method("label_maps").register(image, image, Context())
