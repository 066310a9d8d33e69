"""Every law of maskers is broken by a masker that is wrong in the way that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from lumirage_bids.bids.scans import Scan
from lumirage_bids.maskers.base import Found, Masker
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.images import Volume
from lumirage_bids.testing import MaskerLaws
from lumirage_bids.testing.whole_head import whole_head


class StrippedHeads(MaskerLaws):
    """Heads without skull, which a threshold finds."""

    def given(self, made_by: Masker, head: Volume, truth: Volume, folder: Path) -> tuple[Scan, Volume]:
        scan, _ = super().given(made_by, head, truth, folder)
        return scan, Volume(array=np.where(truth.array, head.array, 0), affine=head.affine)


@dataclass(frozen=True, kw_only=True)
class Above(Masker):
    """What is brighter than the background."""

    name: ClassVar[str] = "above"
    summary: ClassVar[str] = "what is brighter than the background"

    def find(self, scan: Scan, image: Volume, context: Context) -> Found | None:
        dark, bright = image.array.min(), image.array.max()
        return Found(mask=image.array > dark + 0.05 * (bright - dark), masker=self.name)


class InUnits(Above):
    def find(self, scan: Scan, image: Volume, context: Context) -> Found | None:
        return Found(mask=image.array > 50, masker=self.name)


class Half(Above):
    def find(self, scan: Scan, image: Volume, context: Context) -> Found | None:
        found = super().find(scan, image, context)
        assert found is not None
        found.mask[: len(found.mask) // 2] = False
        return found


class Silent(Above):
    summary: ClassVar[str] = ""


def test_what_is_wrong_breaks_the_law(tmp_path: Path) -> None:
    laws = StrippedHeads()
    laws.test_description(Above())
    laws.test_the_brain_is_found_whatever_storage_and_intensity(Above(), tmp_path)
    for wrong in (InUnits(), Half()):
        with pytest.raises(AssertionError):
            laws.test_the_brain_is_found_whatever_storage_and_intensity(wrong, tmp_path)
    with pytest.raises(AssertionError):
        laws.test_description(Silent())


def test_the_brain_of_the_head_is_known() -> None:
    head, truth = whole_head(bias=0.0)
    assert truth.array.any()
    skull = (head.array > 50) & (truth.array == 0)
    assert skull.sum() > truth.array.sum()
