"""What a page lays out of a pair's pictures."""

from __future__ import annotations

import base64

import pytest

from lumirage_bids.output import pair_pictures as kept
from lumirage_bids.report.viewer import Viewer, view_pair
from tests.report.made_scans import pictures, shown_pair


def names(viewer: Viewer) -> tuple[list[str], list[str], list[str]]:
    return [of.name for of in viewer.layers], [of.name for of in viewer.choices], [name for name, _ in viewer.switches]


def test_a_pair_is_shown_in_all_ways_with_its_method_in_the_title():
    viewer = view_pair(shown_pair(), arm="syn, 1mm", facts=["Dice 0.5"])
    assert viewer.title == "syn, 1mm: sub-1_T1w onto sub-2_T1w"
    layers, choices, switches = names(viewer)
    # The moved image lies on the others, and what can be switched off on top of all.
    assert layers == ["fixed", "start", "moved", "jacobian", "over-0", "over-grid"]
    assert choices == ["fixed", "start", "difference", "jacobian"]
    assert switches == ["over-0", "over-grid"]
    assert dict(viewer.switches)["over-0"] == "Outlines of mine"
    content = pictures().layers
    for layer, name in zip(viewer.layers, (kept.FIXED, kept.START, kept.MOVED, kept.JACOBIAN), strict=False):
        kind, _, data = layer.source.partition(",")
        assert base64.b64decode(data) == content[name]
        assert kind == f"data:image/{name.rpartition('.')[2]};base64"
    assert "sub-1_T1w" in viewer.layers[2].alt


def test_sides_are_marked_once_for_each_plane():
    marks = view_pair(shown_pair(), arm="syn", facts=[]).marks
    # Of a sheet of 14 rows and 8 columns.
    assert [(mark.text, mark.left, round(mark.top)) for mark in marks] == [
        *(("L", 0.0, 0), ("R", 100.0, 0), ("L", 0.0, 43), ("R", 50.0, 43), ("P", 0.0, 71), ("A", 75.0, 71)),
    ]


def test_no_difference_of_two_contrasts_is_shown():
    pair = shown_pair(fixed="sub-2_T2w", fixed_contrast="T2w")
    assert names(view_pair(pair, arm="syn", facts=[]))[1] == ["fixed", "start", "jacobian"]


def test_without_a_transform_there_is_no_moved_image_and_it_is_said():
    without = (kept.MOVED, kept.JACOBIAN, kept.GRID)
    viewer = view_pair(shown_pair("sub-1_T1w", *without), arm="given", facts=[])
    assert names(viewer) == (["fixed", "start", "over-0"], ["before"], ["over-0"])
    assert "There is no moved image" in viewer.choices[0].said


@pytest.mark.parametrize("dice", [0.1234567])
def test_a_place_on_the_page_is_the_pairs_own(dice: float):
    one, other = shown_pair(dice=dice), shown_pair(fixed="sub-3_T1w", dice=dice)
    assert one.anchor == "pair-syn-sub-1-T1w-sub-2-T1w"
    assert one.anchor != other.anchor
    assert one.page == "sub-1.html"
    assert one.title == "worst of 3 pairs: sub-1_T1w onto sub-2_T1w, Dice 0.123"
