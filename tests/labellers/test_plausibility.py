"""What is called implausible, and that nothing else is."""

from __future__ import annotations

import numpy as np

from lumirage_bids.labellers.atropos import Atropos
from lumirage_bids.labellers.plausibility import absent_structures, check_labels
from lumirage_bids.spatial.grids import grid_for, resample
from lumirage_bids.spatial.images import Volume
from lumirage_bids.testing.small_brain import brain

NAMES = {1: "CSF", 2: "GM", 3: "WM"}


def with_labels(change: dict[int, int]) -> Volume:
    _, truth = brain()
    table = np.arange(4)
    for old, new in change.items():
        table[old] = new
    return Volume(array=table[truth.array].astype(np.int32), affine=truth.affine)


def test_a_true_map_has_no_problems() -> None:
    _, truth = brain()
    assert check_labels(truth, NAMES, truth, Atropos.bounds) == []
    assert absent_structures(truth, NAMES) == []


def test_lost_and_merged_tissues_are_named() -> None:
    merged = with_labels({3: 2})
    assert [p.split()[0] for p in check_labels(merged, NAMES, None, Atropos.bounds)] == ["GM", "WM"]
    assert "WM fills 0.0 %" in check_labels(merged, NAMES, None, Atropos.bounds)[1].replace("%", " %")
    assert absent_structures(merged, NAMES) == [3]
    assert check_labels(merged, NAMES) == []  # without bounds, absence is nothing to refuse a map for


def test_swapped_tissues_are_found() -> None:
    swapped = check_labels(with_labels({1: 3, 3: 1, 2: 1}), NAMES, None, Atropos.bounds)
    assert any(p.startswith("CSF") for p in swapped)


def test_nearly_empty_maps() -> None:
    _, truth = brain()
    array = np.zeros(truth.shape, np.int32)
    array[20, 20, :10] = 1
    problems = check_labels(Volume(array=array, affine=truth.affine), NAMES, truth, Atropos.bounds)
    assert problems == ["only 10 voxels are labelled, at least 27 are needed"]


def test_position_is_judged_in_the_world() -> None:
    _, truth = brain()
    fine = resample(truth, *grid_for(truth.shape, truth.affine, 0.7), order=0)
    assert check_labels(fine, NAMES, truth) == []
    mirrored = truth.affine @ np.diag([-1, 1, 1, 1])
    problems = check_labels(Volume(array=truth.array, affine=mirrored), NAMES, truth)
    assert len(problems) == 1
    assert "headers" in problems[0]


def test_large_indices_are_counted() -> None:
    _, truth = brain()
    labels = Volume(array=np.where(truth.array == 3, 2_000_000_000, truth.array).astype(np.int32), affine=truth.affine)
    assert check_labels(labels, {}, truth) == []
    assert absent_structures(labels, {1: "CSF", 4: "none", 2_000_000_000: "WM"}) == [4]
