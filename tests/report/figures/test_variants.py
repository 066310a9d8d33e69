"""What a variant changes."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.report.figures.variants import variant_effect
from lumirage_bids.stats.classes import ALL
from lumirage_bids.stats.variants import variant_effects
from tests.report.figures.drawn import LONG, words
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("ladder", [True, False])
def test_variants_say_whether_they_are_a_ladder(ladder: bool):
    pairs, _ = score_table(subjects=3, variants=("1mm", "2mm"), kinds=("T1w",), gains=LONG)
    other = {"spacing": 2.0, "crop": "brain" if ladder else "none"}
    preparations = {"1mm": {"spacing": 1.0, "crop": "brain"}, "2mm": other}
    effects = variant_effects(pairs, ["1mm", "2mm"])
    figure = variant_effect(effects, preparations, "braincolor", ALL)
    shown = words(figure)
    assert ("Resolution ladder: braincolor, all" in shown) == ladder
    for text in ("1mm base", "2mm spacing 2 mm", "Difference from 1mm", "n = 6 pairs", *LONG):
        assert text in shown
    left = figure.axes[0]
    points = [c.lines[0] for c in left.containers]
    assert [line.get_linestyle() for line in points] == ["-" if ladder else "None"] * 3
    for line, (_, of) in zip(points, effects.groupby("method", sort=False), strict=True):
        np.testing.assert_allclose(line.get_ydata(), of["mean"])
