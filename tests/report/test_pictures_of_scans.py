"""What the group's page shows of images, from derivatives that were written as participant runs do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.audit import AuditedRun
from lumirage_bids.execution import prepare_scan
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output
from lumirage_bids.report.pictures_of_groups import read_pictures
from lumirage_bids.report.pictures_of_scans import ScanView, pair_views, read_slices, scan_of_row
from lumirage_bids.spatial.images import Volume, write_image
from tests.report.made_scans import VOXELS, keep_slices, prepare, row, scan


def test_a_scan_is_known_by_its_name():
    found = scan("sub-1_ses-2_acq-x_run-1_T1w")
    assert (found.name, found.key, found.session) == ("sub-1_ses-2_acq-x_run-1_T1w", "1+2+T1w", "2")
    where = paths.prepared_image(found, "1mm").as_posix()
    assert where == "sub-1/ses-2/anat/sub-1_ses-2_acq-x_run-1_desc-1mm+prepared_T1w.nii.gz"
    template = pd.Series({"moving": "tpl-MNI_cohort-1_res-01_T1w", "moving_subject": "MNI+1"})
    assert scan_of_row(template, "moving").entities == {"sub": "MNI+1"}


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1)])
def test_a_view_is_the_same_however_the_prepared_image_is_stored(tmp_path: Path, signs: tuple[int, int, int]):
    prepare(tmp_path, "sub-1_T1w", np.diag([*(np.array(signs) * [1.0, 2.0, 3.0]), 1]))
    view = ScanView(Output(tmp_path), scan("sub-1_T1w"), "default")
    assert view.spacing == (1.0, 2.0, 3.0)
    left_to_right = view.labels("mine").axial[:, 5]
    assert left_to_right[left_to_right > 0].tolist() == ([1, 1, 1, 2, 2, 2] if signs[0] > 0 else [2, 2, 2, 1, 1, 1])
    np.testing.assert_array_equal(view.labels("mine").axial > 0, view.brain.axial > 0)


@pytest.fixture
def moved_onto_itself(tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    """A prepared fixed scan whose labels are `VOXELS`."""
    name = "sub-2_T1w"
    prepare(tmp_path, name, np.eye(4))
    write_image(
        Volume(array=VOXELS, affine=np.eye(4)), tmp_path / paths.label_map(scan(name), "mine"), np.dtype("int32")
    )
    (tmp_path / "sub-1" / "anat").mkdir(parents=True)
    return tmp_path, pd.DataFrame([row("sub-1_T1w", name)])


@pytest.mark.parametrize("index", [(4, 5, 3), (7, 2, 5)])
def test_image_and_labels_are_cut_where_the_kept_slices_were(
    moved_onto_itself: tuple[Path, pd.DataFrame], index: tuple[int, int, int]
):
    out, pairs = moved_onto_itself
    keep_slices(out, "sub-1_T1w", "sub-2_T1w", index=index)
    (view,) = pair_views(Output(out), pairs)
    own, moved = view.layers
    for mine, theirs in zip(own.labels, moved.labels, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    x, y, z = index
    for plane, expected in zip(own.labels, (VOXELS[x], VOXELS[:, y], VOXELS[:, :, z]), strict=True):
        np.testing.assert_array_equal(plane, expected)
    image = prepare_scan.read_prepared(Output(out), scan("sub-2_T1w"), "default").array
    np.testing.assert_array_equal(view.image.axial, image[:, :, z])


def test_no_picture_of_slices_that_do_not_say_where_they_were_cut_or_were_cut_elsewhere(
    moved_onto_itself: tuple[Path, pd.DataFrame],
):
    out, pairs = moved_onto_itself
    keep_slices(out, "sub-1_T1w", "sub-2_T1w", without={"index"})
    assert read_slices(Output(out), scan("sub-1_T1w"), scan("sub-2_T1w"), "syn", "mine") is None
    assert list(pair_views(Output(out), pairs)) == []
    # Prepared anew since, on a smaller grid.
    keep_slices(out, "sub-1_T1w", "sub-2_T1w")
    smaller = Volume(array=np.ones((4, 5, 3), np.uint8), affine=np.eye(4))
    write_image(smaller, out / paths.prepared_mask(scan("sub-2_T1w"), "default"), np.dtype("uint8"))
    write_image(smaller, out / paths.prepared_image(scan("sub-2_T1w"), "default"), np.dtype("float32"))
    assert list(pair_views(Output(out), pairs)) == []


def test_what_is_not_there_is_not_shown(tmp_path: Path):
    pairs = pd.DataFrame([row("sub-1_T1w", "sub-2_T1w")])
    looks = read_pictures(Output(tmp_path), AuditedRun(pairs=pairs))
    assert not any(looks.pairs.values())
    assert not looks.sequences
    assert not looks.histograms
    # Slices were kept, but the prepared image is gone.
    (tmp_path / "sub-1" / "anat").mkdir(parents=True)
    keep_slices(tmp_path, "sub-1_T1w", "sub-2_T1w")
    assert read_slices(Output(tmp_path), scan("sub-1_T1w"), scan("sub-2_T1w"), "syn", "mine") is not None
    assert list(pair_views(Output(tmp_path), pairs)) == []
