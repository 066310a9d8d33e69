"""Laws of labellers."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import pytest

from lumirage_bids.base.parameters import from_table
from lumirage_bids.bids.scans import Scan
from lumirage_bids.labellers import segment_checked
from lumirage_bids.labellers.base import Labeller
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import reorient, same_grid
from lumirage_bids.spatial.images import Volume, read_labels, write_image
from lumirage_bids.testing.small_brain import brain, label_file, scan


class Given(NamedTuple):
    """What a labeller gets: scan, image, brain mask, labelling."""

    scan: Scan
    image: Volume
    mask: Volume
    labelling: str


class LabellerLaws:
    """All laws.

    Attributes
    ----------
    labeller : Labeller
    """

    labeller: ClassVar[Labeller]

    @pytest.fixture
    def made_by(self) -> Labeller:
        """What is tested."""
        if complaint := self.labeller.missing(Context()):
            pytest.skip(complaint)
        return self.labeller

    def given(self, made_by: Labeller, folder: Path, axes: str = "RAS") -> Given:
        """A small brain, stored along `axes`, which has a label map of its own for labellers that read one."""
        image, truth = brain(axes=axes)
        write_image(truth, folder / f"{axes}.nii.gz", np.int32)
        labelling = made_by.labelling or "mine"
        return Given(scan(labels={labelling: label_file(folder, f"{axes}.nii.gz")}), image, truth, labelling)

    def test_description(self, made_by: Labeller) -> None:
        """What sidecars and texts are made of."""
        kind = type(made_by)
        assert kind.name
        assert kind.summary
        assert "\n" not in kind.summary
        assert kind.layout is None or kind.reads
        assert from_table(kind, {f.name: f.default for f in fields(kind)}, kind.name) == kind()

    def test_labels_are_integers_of_known_structures_in_the_brain(self, made_by: Labeller, tmp_path: Path) -> None:
        """And there are some."""
        here = self.given(made_by, tmp_path)
        labels, structures = segment_checked(made_by, *here, Context())
        assert labels.array.dtype == np.int32
        # A map that somebody else made may hold what its table does not name; that is left out when it is scored.
        assert made_by.reads or set(np.unique(labels.array).tolist()) - {0} <= structures.keys()
        assert 0 not in structures
        assert (labels.array > 0).any()
        assert not labels.array[here.mask.array == 0].any()

    def test_grid_is_the_images_or_the_maps_own(self, made_by: Labeller, tmp_path: Path) -> None:
        """However the image is stored."""
        for axes in ("RAS", "PSL"):
            here = self.given(made_by, tmp_path, axes)
            labels = made_by.segment(*here, Context())
            assert same_grid(labels, read_labels(tmp_path / f"{axes}.nii.gz") if made_by.reads else here.image)

    def test_same_input_same_labels_and_input_unchanged(self, made_by: Labeller, tmp_path: Path) -> None:
        """The same again, voxel by voxel."""
        here = self.given(made_by, tmp_path)
        before = here.image.array.copy(), here.mask.array.copy()
        first, second = (made_by.segment(*here, Context()).array for _ in range(2))
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(here.image.array, before[0])
        np.testing.assert_array_equal(here.mask.array, before[1])

    @pytest.mark.parametrize("axes", ["LAS", "LPS", "SPR"])
    def test_storage_does_not_change_labels(self, made_by: Labeller, tmp_path: Path, axes: str) -> None:
        """The order of the voxels in memory says nothing."""
        expected = made_by.segment(*self.given(made_by, tmp_path), Context())
        got = reorient(made_by.segment(*self.given(made_by, tmp_path, axes), Context()))
        np.testing.assert_allclose(got.affine, expected.affine, atol=1e-4)
        np.testing.assert_array_equal(got.array, expected.array)

    def test_shape_of_the_mask_not_its_values_matter(self, made_by: Labeller, tmp_path: Path) -> None:
        """A mask is above 0 in the brain."""
        here = self.given(made_by, tmp_path)
        binary = here._replace(mask=replace(here.mask, array=here.mask.array > 0))
        ours, theirs = (made_by.segment(*given, Context()).array for given in (binary, here))
        np.testing.assert_array_equal(ours, theirs)
