"""Facts of a scan: blocks of labels whose volumes, boundaries and edges are known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.measures.scan_facts import brain_at_edge, outside_mask, scan_facts
from lumirage_bids.spatial.grids import reorient
from lumirage_bids.spatial.images import Volume

AFFINE = np.diag([1.0, 2.0, 0.5, 1.0])


def scan() -> tuple[Volume, Volume, Volume]:
    """Two halves of a block, alike in the image, in dark surroundings; the first touches the edge of the image."""
    labels = np.zeros((20, 12, 16), np.int32)
    labels[0:6, 3:9, 4:12] = 1
    labels[6:12, 3:9, 4:12] = 2
    image = np.where(labels > 0, 100.0, 0.0)
    image += np.random.default_rng(0).normal(0, 1, image.shape)
    return tuple(Volume(array=a, affine=AFFINE) for a in (image, (labels > 0).astype(np.uint8), labels))  # type: ignore[return-value]


def test_known_blocks():
    image, mask, labels = scan()
    facts = scan_facts(image, mask, labels, [1, 2, 3])
    assert json.loads(json.dumps(facts)) == facts
    assert facts["BrainExtent"] == [12, 12, 4]
    one, two = facts["Structures"]["1"], facts["Structures"]["2"]
    assert list(facts["Structures"]) == ["1", "2"]
    assert one["Volume"] == two["Volume"] == 6 * 6 * 8 * 1.0
    side, lid, ends = 6 * 2 * 8 * 0.5, 6 * 1 * 8 * 0.5, 6 * 1 * 6 * 2  # mm² of the faces across x, y, z
    surface = 2 * (side + lid + ends)
    assert one["Cut"] == pytest.approx(side / surface, rel=1e-3)
    assert two["Cut"] == 0
    # The halves meet at one side, where the image shows nothing; elsewhere it shows all.
    assert two["Bare"] == pytest.approx(side / surface, rel=1e-3)
    assert two["Contrast"] == pytest.approx(1 - side / surface, abs=0.1)
    assert 0 <= facts["MutualInformation"] < 0.2
    assert facts["LabelEntropy"] == 1


def test_labels_on_another_grid_are_brought_to_the_image():
    image, mask, labels = scan()
    expected = scan_facts(image, mask, labels, [1, 2])
    assert scan_facts(image, mask, reorient(labels, "LPS"), [1, 2]) == expected
    assert scan_facts(image, reorient(mask, "LAS"), labels, [1, 2], threads=2) == expected
    assert scan_facts(image, None, labels, [1, 2]) == expected


def test_labels_elsewhere_are_refused():
    image, mask, labels = scan()
    far = AFFINE.copy()
    far[:3, 3] = 1000
    with pytest.raises(BadDataError, match="inside the image"):
        scan_facts(image, mask, Volume(array=labels.array, affine=far), [1, 2])


def test_what_is_labelled_outside_the_mask_is_told() -> None:
    labels = np.zeros((10, 10, 10), dtype=np.int32)
    labels[2:8, 2:8, 2:5], labels[2:8, 2:8, 5:8], labels[0, 0, 0] = 1, 2, 9
    inside = np.zeros_like(labels)
    inside[2:8, 2:8, 2:6] = 1
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    label_map, mask = (Volume(array=a, affine=affine) for a in (labels, inside))
    share, shares = outside_mask(label_map, mask, [1, 2, 3])
    assert (share, shares) == (pytest.approx(1 / 3), {1: 0.0, 2: pytest.approx(2 / 3)})
    assert outside_mask(reorient(label_map, "PSL"), mask, [1, 2]) == outside_mask(label_map, mask, [1, 2])


@pytest.mark.parametrize("axes", ["RAS", "LPI", "PSL"])
def test_where_a_brain_reaches_the_edge_is_told_by_anatomy(axes: str) -> None:
    grid = np.indices((24, 24, 24)) - np.array([12, 12, 4])[:, None, None, None]
    mask = Volume(array=((grid**2).sum(0) < 100).astype(np.uint8), affine=np.eye(4))
    assert brain_at_edge(reorient(mask, axes)) == {"I": 0.86}
    padded = Volume(array=np.pad(mask.array, 4), affine=mask.affine)
    assert brain_at_edge(reorient(padded, axes)) == {"I": 0.86}
    ball = (np.indices((30, 30, 30)) - 14.5) ** 2
    assert brain_at_edge(Volume(array=ball.sum(0) < 100, affine=mask.affine)) == {}


def test_a_brain_that_is_cut_between_two_sides_is_told_by_both() -> None:
    grid = np.indices((40, 40, 40)) - 19.5
    mask = Volume(array=((grid**2).sum(0) < 300) & (grid[1] - grid[2] < 10), affine=np.eye(4))
    ((sides, share),) = brain_at_edge(mask).items()
    assert set(sides) == {"A", "I"}
    assert share == pytest.approx(1 - 50 / 300, abs=0.05)
