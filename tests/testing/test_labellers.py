"""Every law of labellers is broken by a labeller that is wrong in the way that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from lumirage_bids.bids.scans import Scan
from lumirage_bids.labellers.base import Labeller
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import reorient
from lumirage_bids.spatial.images import Volume
from lumirage_bids.testing import LabellerLaws


@dataclass(frozen=True, kw_only=True)
class Bright(Labeller):
    """What is above the brain's median, and the rest."""

    name: ClassVar[str] = "bright"
    summary: ClassVar[str] = "two halves by intensity"

    def segment(self, scan: Scan, image: Volume, mask: Volume, labelling: str, context: Context) -> Volume:
        seen = image.array[mask.array > 0]
        labels = np.where(mask.array > 0, 1 + (image.array > np.median(seen)), 0)
        return Volume(array=labels.astype(np.int32), affine=image.affine)

    def structures(self, scan: Scan, labelling: str, labels: Volume) -> Mapping[int, str]:
        return {1: "dark", 2: "bright"}


class Outside(Bright):
    def segment(self, scan: Scan, image: Volume, mask: Volume, labelling: str, context: Context) -> Volume:
        return replace(found := super().segment(scan, image, mask, labelling, context), array=found.array + 1)


class OnItsOwnGrid(Bright):
    def segment(self, scan: Scan, image: Volume, mask: Volume, labelling: str, context: Context) -> Volume:
        return reorient(super().segment(scan, image, mask, labelling, context))


class Random(Bright):
    def segment(self, scan: Scan, image: Volume, mask: Volume, labelling: str, context: Context) -> Volume:
        found = super().segment(scan, image, mask, labelling, context)
        lost = np.random.default_rng().random(found.shape) < 0.01
        return replace(found, array=np.where(lost, 0, found.array))


class ByStorage(Bright):
    def segment(self, scan: Scan, image: Volume, mask: Volume, labelling: str, context: Context) -> Volume:
        first = np.indices(mask.shape)[0] < mask.shape[0] // 3
        return Volume(array=np.where(mask.array > 0, 1 + first, 0).astype(np.int32), affine=image.affine)


class ByMask(Bright):
    def segment(self, scan: Scan, image: Volume, mask: Volume, labelling: str, context: Context) -> Volume:
        return Volume(array=np.minimum(mask.array, 2).astype(np.int32), affine=image.affine)


class Silent(Bright):
    summary: ClassVar[str] = ""


BREAK = [
    (Silent, "test_description", ()),
    (Outside, "test_labels_are_integers_of_known_structures_in_the_brain", (Path,)),
    (OnItsOwnGrid, "test_grid_is_the_images_or_the_maps_own", (Path,)),
    (Random, "test_same_input_same_labels_and_input_unchanged", (Path,)),
    (ByStorage, "test_storage_does_not_change_labels", (Path, "LAS")),
    (ByMask, "test_shape_of_the_mask_not_its_values_matter", (Path,)),
]


@pytest.mark.parametrize(("wrong", "law", "more"), BREAK)
def test_what_is_wrong_breaks_the_law(
    wrong: type[Labeller], law: str, more: tuple[object, ...], tmp_path: Path
) -> None:
    keep, given = getattr(LabellerLaws(), law), [tmp_path if one is Path else one for one in more]
    keep(Bright(), *given)
    with pytest.raises(AssertionError):
        keep(wrong(), *given)


def test_every_law_is_broken_above() -> None:
    assert {name for name in dir(LabellerLaws) if name.startswith("test_")} == {law for _, law, _ in BREAK}
