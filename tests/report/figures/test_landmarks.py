"""Errors of landmarks drawn, and told in words."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.report.figures.landmarks import landmark_dots, raters_words, worst_words
from lumirage_bids.stats.landmarks import ALL_LANDMARKS, LandmarkScores, per_landmark
from tests.stats.made_up import landmark_scores, score_table


def scores() -> LandmarkScores:
    pairs, _ = score_table(subjects=6, kinds=("T1w",))
    return landmark_scores(pairs)


def test_the_worst_stands_on_top_and_what_raters_leave_below_the_marks() -> None:
    table = per_landmark(scores())
    axes = landmark_dots(table).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["3 point 3", "2 point 2", "1 point 1"]
    floors = [bar.get_width() for bar in axes.patches]
    single = table[table["landmark"] != ALL_LANDMARKS].drop_duplicates("landmark")
    np.testing.assert_allclose(floors, single["floor_mm"])
    assert axes.get_xlim()[0] == 0


def test_the_worst_of_each_method_is_told_with_its_interval() -> None:
    table = per_landmark(scores())
    row = table[(table["landmark"] == "3") & (table["method"] == "syn")].iloc[0]
    words = worst_words(table)
    assert f"syn: 3 point 3, {row['mean']:.2f} mm ({row['ci_low']:.2f} to {row['ci_high']:.2f})" in words
    assert "identity" not in words  # no competitor


def test_what_raters_leave_is_told_where_it_is_known() -> None:
    known = scores()
    table = per_landmark(known)
    assert f"leaves an error of {table['floor_mm'].iloc[0]:.2f} mm after a perfect registration" in raters_words(table)
    nobody = known.placements[known.placements["rater"] == ""]
    alone = per_landmark(LandmarkScores(errors=known.errors, placements=nobody))
    assert raters_words(alone) == ""
    assert not np.nansum([bar.get_width() for bar in landmark_dots(alone).axes[0].patches])


@pytest.mark.parametrize("n", [1, 41])
def test_one_landmark_and_many(n: int) -> None:
    pairs, _ = score_table(subjects=3, kinds=("T1w",))
    assert len(landmark_dots(per_landmark(landmark_scores(pairs, landmarks=n))).axes) == 1 + (n > 40)
