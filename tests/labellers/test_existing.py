"""Maps that are there are read as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError, MissingInputError
from lumirage_bids.labellers import segment_checked
from lumirage_bids.labellers.existing import Existing
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import grid_for, resample
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.testing.small_brain import brain, label_file, scan


def test_map_keeps_its_own_grid_and_names(tmp_path: Path) -> None:
    image, truth = brain()
    coarse = resample(truth, *grid_for(truth.shape, truth.affine, 2.0), order=0)
    write_image(coarse, tmp_path / "m.nii.gz", np.int32)
    (tmp_path / "m.tsv").write_text("index\tname\n0\tBackground\n1\tCSF\n2\tcortex\n9\tnot here\n")
    here = scan(labels={"mine": label_file(tmp_path, "m.nii.gz", tmp_path / "m.tsv")})
    labels, structures = segment_checked(Existing(), here, image, truth, "mine", Context())
    np.testing.assert_array_equal(labels.array, coarse.array)
    np.testing.assert_allclose(labels.affine, coarse.affine, atol=1e-4)
    assert structures == {1: "CSF", 2: "cortex", 9: "not here"}  # 3 has no row, so it is no structure


def test_without_a_table_indices_are_names(tmp_path: Path) -> None:
    image, truth = brain()
    write_image(truth, tmp_path / "m.nii.gz", np.uint8)
    here = scan(labels={"mine": label_file(tmp_path, "m.nii.gz")})
    _, structures = segment_checked(Existing(), here, image, truth, "mine", Context())
    assert structures == {1: "label 1", 2: "label 2", 3: "label 3"}


def test_missing_maps_are_named(tmp_path: Path) -> None:
    image, truth = brain()
    with pytest.raises(MissingInputError, match=r"sub-1_T1w.nii.gz has no label map of labelling 'mine'.*mine=PATH"):
        Existing().segment(scan(), image, truth, "mine", Context())
    here = scan(labels={"mine": label_file(tmp_path, "gone.nii.gz")})
    with pytest.raises(MissingInputError, match=r"gone\.nii\.gz"):
        Existing().segment(here, image, truth, "mine", Context())


def test_a_map_of_another_place_is_refused(tmp_path: Path) -> None:
    image, truth = brain()
    away = truth.affine.copy()
    away[:3, 3] += 30
    write_image(Volume(array=truth.array, affine=away), tmp_path / "m.nii.gz", np.uint8)
    here = scan(labels={"mine": label_file(tmp_path, "m.nii.gz")})
    with pytest.raises(BadDataError, match=r"labels implausible: .* outside the image"):
        segment_checked(Existing(), here, image, truth, "mine", Context())
