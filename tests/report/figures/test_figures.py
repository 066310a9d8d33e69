"""What holds for several figures at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from lumirage_bids.report.figures.differences import paired_differences
from lumirage_bids.report.figures.effect_sizes import COLUMN_BETTER, ROW_BETTER, effect_matrix
from lumirage_bids.report.figures.structures import structure_dots
from lumirage_bids.report.figures.style import COLUMN, WIDTH
from lumirage_bids.report.figures.violins import dice_violins
from lumirage_bids.stats.classes import Arm
from lumirage_bids.stats.common import find_aside
from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.summaries import per_structure, summarise
from tests.report.figures.drawn import cells, texts
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def test_blue_is_better_also_where_lower_scores_are():
    pairs, _ = score_table(subjects=12, gains={"syn": 0.0, "greedy": 0.1})
    table = compare(pairs)
    higher, lower = (effect_matrix(table, "braincolor", "all", higher_is_better=better) for better in (True, False))
    assert cells(higher) == [to_rgba(ROW_BETTER[-1])]
    assert cells(lower) == [to_rgba(COLUMN_BETTER[-1])]
    left, right = (
        paired_differences(pairs, table, "braincolor", "all", higher_is_better=better, width=width).axes[0].get_xlabel()
        for better, width in ((True, WIDTH), (False, COLUMN))
    )
    assert left.startswith("← second-named better")
    assert right.endswith("← first better · second better →")


def test_methods_that_are_set_aside_say_so_and_have_no_colour():
    pairs, wide = score_table(subjects=12, gains={"syn": 0.0, "ants": 0.2, "greedy": 0.1})
    failed = (pairs["method"] == "greedy") & (np.arange(len(pairs)) % 2 == 0)
    pairs = pairs.assign(status=np.where(failed, "failed", "ok"), dice_mean=pairs["dice_mean"].mask(failed))
    aside = find_aside(summarise(pairs), "braincolor")
    assert aside == {Arm("default", "greedy")}
    table = compare(pairs)
    matrix = effect_matrix(table, "braincolor", "all", aside=aside)
    assert "greedy\n(set aside)" in texts(matrix)
    assert sorted(color == to_rgba("white") for color in cells(matrix)) == [False, True, True]
    assert any(
        "greedy set aside" in text for text in texts(paired_differences(pairs, table, "braincolor", "all", aside=aside))
    )
    assert any("set aside" in text for text in texts(dice_violins(pairs, "braincolor", aside=aside)))
    dots = structure_dots(per_structure(wide, {}), "braincolor", aside=aside)
    assert "greedy (set aside)" in [text.get_text() for text in dots.legends[0].get_texts()]


def test_failed_only_tables_say_so():
    pairs, wide = score_table(gains={"syn": 0.2}, failing=1.0)
    assert any("no pair was scored" in text for text in texts(dice_violins(pairs, "braincolor")))
    assert "No structure was scored" in texts(structure_dots(per_structure(wide, {}), "braincolor"))
    assert isinstance(dice_violins(pairs.head(0), "braincolor"), Figure)


def test_tables_are_left_as_they_were():
    pairs, _ = score_table()
    before = pairs.copy()
    dice_violins(pairs, "braincolor")
    compare(pairs)
    pd.testing.assert_frame_equal(pairs, before)
