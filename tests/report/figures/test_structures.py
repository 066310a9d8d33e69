"""Dice of every structure."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from lumirage_bids.report.figures.structures import structure_dots
from lumirage_bids.report.figures.style import WIDTH
from lumirage_bids.stats.summaries import per_structure
from tests.report.figures.drawn import texts
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("structures", [3, 139])
def test_structure_dots_name_every_structure_without_overlap(structures: int):
    _, wide = score_table(subjects=3, structures=structures)
    names = {i: f"structure number {i}" for i in range(1, structures + 1)}
    figure = structure_dots(per_structure(wide, {"braincolor": names}), "braincolor")
    assert set(names.values()) <= set(texts(figure))
    for axes in figure.axes:
        boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
        assert all(upper.y0 >= lower.y1 - 0.5 for upper, lower in pairwise(boxes))
    assert figure.get_figwidth() == WIDTH
    assert figure.get_figheight() < 11


def test_structures_that_were_never_scored_are_left_out():
    _, wide = score_table(subjects=3)
    wide["braincolor"]["dice_2"] = np.nan
    shown = texts(structure_dots(per_structure(wide, {"braincolor": {1: "one", 2: "two"}}), "braincolor"))
    assert "one" in shown
    assert "two" not in shown
