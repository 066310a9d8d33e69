"""Masks that a run has made are kept for the other scans of the session."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.maskers._kept import keep
from lumirage_bids.maskers.base import Found
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.images import Volume
from lumirage_bids.testing.small_brain import scan

IMAGE = Volume(array=np.zeros((4, 5, 6), np.float32), affine=np.diag([2.0, -1.0, 1.5, 1.0]))


def made(told: list[str]) -> Found:
    told.append("made")
    mask = np.zeros(IMAGE.shape, bool)
    mask[1:3, 2, 3:] = True
    return Found(mask=mask, masker="template", of_t1w=True)


def test_a_mask_is_made_once_for_equal_conditions(tmp_path: Path) -> None:
    told: list[str] = []
    context = Context(work_dir=tmp_path)
    first, again = (keep(scan(), IMAGE, "a", context, lambda: made(told)) for _ in range(2))
    assert told == ["made"]
    assert (again.masker, again.of_t1w, again.source) == (first.masker, True, "T1w-template")
    np.testing.assert_array_equal(again.mask, first.mask)
    keep(scan(), IMAGE, "b", context, lambda: made(told))
    keep(replace(scan(), path=scan().dataset / "other_T1w.nii.gz"), IMAGE, "a", context, lambda: made(told))
    assert len(told) == 3


def test_without_a_scratch_folder_nothing_is_kept() -> None:
    told: list[str] = []
    for _ in range(2):
        keep(scan(), IMAGE, "a", Context(), lambda: made(told))
    assert len(told) == 2


def test_a_refusal_is_kept_with_its_reason(tmp_path: Path) -> None:
    told: list[str] = []

    def refused() -> Found:
        told.append("refused")
        raise BadDataError("no plausible brain")

    for _ in range(2):
        with pytest.raises(BadDataError, match="no plausible brain"):
            keep(scan(), IMAGE, "a", Context(work_dir=tmp_path), refused)
    assert told == ["refused"]
