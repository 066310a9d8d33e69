"""Laws of maskers."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from lumirage_bids.base.parameters import from_table
from lumirage_bids.bids.scans import Scan
from lumirage_bids.maskers.base import Masker
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import reorient
from lumirage_bids.spatial.images import Volume
from lumirage_bids.testing.small_brain import scan
from lumirage_bids.testing.whole_head import dice, whole_head


class MaskerLaws:
    """All laws.

    Attributes
    ----------
    masker : Masker
    least_dice : float
        With the true brain of a synthetic head.
    """

    masker: ClassVar[Masker]
    least_dice: ClassVar[float] = 0.88

    @pytest.fixture
    def made_by(self) -> Masker:
        """What is tested."""
        if complaint := self.masker.missing(Context()):
            pytest.skip(complaint)
        return self.masker

    def given(self, made_by: Masker, head: Volume, truth: Volume, folder: Path) -> tuple[Scan, Volume]:
        """A scan of the kind that a masker is for, and its image.

        Parameters
        ----------
        made_by : Masker
        head, truth : Volume
            A whole head and its brain.
        folder : Path
            Where files may be written that the scan names.
        """
        return scan(), head

    def test_description(self, made_by: Masker) -> None:
        """What sidecars and texts are made of."""
        kind = type(made_by)
        assert kind.name
        assert kind.summary
        assert "\n" not in kind.summary
        assert from_table(kind, {f.name: f.default for f in fields(kind)}, kind.name) == kind()

    def test_the_brain_is_found_whatever_storage_and_intensity(self, made_by: Masker, tmp_path: Path) -> None:
        """Stored otherwise, and with other units of intensity."""
        masks = []
        for axes, scale, offset in (("RAS", 1.0, 0.0), ("PSL", 0.01, -5.0)):
            here, truth = (reorient(v, axes) for v in whole_head(bias=0.0))
            asked, seen = self.given(made_by, here, truth, tmp_path)
            image = replace(seen, array=(scale * seen.array + offset).astype(np.float32))
            before = image.array.copy()
            assert made_by.suits(asked)
            found = made_by.find(asked, image, Context())
            assert found is not None
            assert found.mask.dtype == bool
            assert found.mask.shape == image.shape
            assert found.masker == made_by.name or found.of_t1w
            np.testing.assert_array_equal(image.array, before)
            assert dice(found.mask, truth.array > 0) > self.least_dice
            masks.append(reorient(Volume(array=found.mask, affine=image.affine)).array)
        assert dice(*masks) > 0.995
