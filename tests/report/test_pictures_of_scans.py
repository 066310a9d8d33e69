"""What pages show of scans, from derivatives that were written as participant runs do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.audit import AuditedRun
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output
from lumirage_bids.report.pictures_of_groups import read_pictures
from lumirage_bids.report.pictures_of_scans import ScanView, scan_of_row
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import Transform
from tests.report.made_scans import prepare, row, scan


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
    labels, tile = view.labels("mine"), view.mosaic.tiles[1]
    row = labels[tile.place][tile.height // 2]
    left_to_right = row[np.flatnonzero(np.diff(row, prepend=0))].tolist()
    assert left_to_right == ([1, 2, 0] if signs[0] > 0 else [2, 1, 0])
    # Where all three meet, half of a voxel is no label's.
    assert ((labels > 0) != (view.brain > 0)).mean() < 0.01
    # The image is the labels and something that rises with the first axis.
    inside = view.image[labels > 0] - labels[labels > 0]
    assert np.median(np.abs(inside)) < 0.3
    assert view.show("title").image is view.image


def test_another_image_is_shown_where_a_transform_takes_the_scan(tmp_path: Path):
    prepare(tmp_path, "sub-1_T1w", np.eye(4))
    view = ScanView(Output(tmp_path), scan("sub-1_T1w"), "default")
    other = Volume(array=np.arange(120, dtype=np.float32)[:, None, None] * np.ones((1, 12, 8)), affine=np.eye(4))
    shift = np.eye(4)
    shift[0, 3] = 50
    difference = view.cut(other, Transform((shift,)))[view.brain > 0] - view.cut(other)[view.brain > 0]
    np.testing.assert_allclose(difference, 50, atol=1e-4)


def test_what_is_not_there_is_not_shown(tmp_path: Path):
    pairs = pd.DataFrame([row("sub-1_T1w", "sub-2_T1w")])
    looks = read_pictures(Output(tmp_path), AuditedRun(pairs=pairs))
    assert not any(looks.pairs.values())
    assert not looks.sequences
    assert not looks.histograms
