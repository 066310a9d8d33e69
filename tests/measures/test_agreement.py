"""A label map against a reference's map of the same scan."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.measures.agreement import agreement
from lumirage_bids.spatial.grids import reorient
from lumirage_bids.spatial.images import Volume
from lumirage_bids.testing.small_brain import brain, dice

MANUAL = {1: "Left cortex", 2: "Left white matter", 3: "Right cortex"}
FREESURFER = {3: "Left-Cortex", 2: "left white_matter", 42: "Right cortex", 41: "Right white matter"}
SAME = {1: 3, 2: 2, 3: 42}
MAPS = arrays(np.int32, (4, 3, 5), elements=st.sampled_from([0, 1, 2, 3, 7]))


def renumbered(array: np.ndarray) -> np.ndarray:
    table = np.arange(8)
    table[list(SAME)] = list(SAME.values())
    return table[array].astype(np.int32)


@given(MAPS, MAPS)
@hypothesis_settings(deadline=None)
def test_structures_are_matched_by_name_and_scored_where_both_maps_have_them(a: np.ndarray, b: np.ndarray) -> None:
    labels, reference = Volume(array=renumbered(a), affine=np.eye(4)), Volume(array=b, affine=np.eye(4))
    there = {i for i in SAME if (b == i).any()}
    both = {i for i in there if (a == i).any()}
    if not both:
        with pytest.raises(BadDataError, match="no structure is in both maps by name"):
            agreement(labels, reference, FREESURFER, MANUAL)
        return
    found = agreement(labels, reference, FREESURFER, MANUAL)
    scored = {index: s["Dice"] for index, s in found["Structures"].items()}
    assert scored == pytest.approx({str(SAME[i]): dice(a, b, i) for i in both})
    assert {s["Name"] for s in found["Structures"].values()} == {MANUAL[i] for i in both}
    assert set(found["Lacking"]) == {MANUAL[i] for i in there - both}
    assert found["Unnamed"] == ({"7": int((a == 7).sum())} if (a == 7).any() else {})


def test_how_a_map_is_stored_does_not_matter() -> None:
    _, truth = brain()
    names = {1: "CSF", 2: "grey", 3: "white"}
    worse = Volume(array=np.roll(truth.array, 1, axis=0), affine=truth.affine)
    plain = agreement(worse, truth, names, names)
    assert plain == agreement(reorient(worse, "LPI"), truth, names, names)
    assert plain["Structures"]["2"]["Dice"] == pytest.approx(dice(worse.array, truth.array, 2))
    shifted = truth.affine.copy()
    shifted[:3, 3] -= truth.affine[:3, 0]  # the same map, its header moved by the voxel that the array was
    moved_back = agreement(Volume(array=worse.array, affine=shifted), truth, names, names)
    assert all(s["Dice"] > 0.999 for s in moved_back["Structures"].values())


def test_several_indices_of_one_name_are_one_structure() -> None:
    labels = Volume(array=np.array([[[3, 42, 0, 0]]], np.int32), affine=np.eye(4))
    reference = Volume(array=np.array([[[1, 1, 1, 0]]], np.int32), affine=np.eye(4))
    found = agreement(labels, reference, {3: "cortex", 42: "Cortex"}, {1: "cortex"})
    assert found["Structures"] == {"3": {"Name": "cortex", "Dice": pytest.approx(2 * 2 / (2 + 3))}}


def test_what_the_maps_have_is_told_where_nothing_fits() -> None:
    volume = Volume(array=np.array([[[1, 2, 10**9]]], np.int64), affine=np.eye(4))
    with pytest.raises(
        BadDataError, match=r"1 \(a\), 2 \(not named\), 1000000000 \(not named\), the reference 1 \(b\)"
    ):
        agreement(volume, volume, {1: "a"}, {1: "b"})
