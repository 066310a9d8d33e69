"""Differences of pairs beside their means."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from lumirage_bids.report.figures.differences import MAX_ROWS, keep_differing_in_one, paired_differences
from lumirage_bids.report.text import fixed
from lumirage_bids.stats.classes import ALL, DIFFERENT_SUBJECTS
from lumirage_bids.stats.comparisons import compare
from tests.report.figures.drawn import words
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def test_differences_are_those_of_the_pairs_and_their_means_those_of_the_table():
    pairs, _ = score_table(subjects=5, kinds=("T1w",), gains={"identity": 0.0, "syn": 0.2}, rescanned=1, failing=0.2)
    table = compare(pairs)
    figure = paired_differences(pairs, table, "braincolor", DIFFERENT_SUBJECTS)
    axes = figure.axes[0]
    between = pairs[(pairs["split"] != "same subject") & (pairs["status"] == "ok")]
    wide = between.pivot(index=["moving", "fixed"], columns="method", values="dice_mean").dropna()
    points = np.concatenate([line.get_xdata() for line in axes.get_lines() if line.get_marker() == "."])
    np.testing.assert_allclose(np.sort(points), np.sort(wide["syn"] - wide["identity"]))
    (diamond,) = [line for line in axes.get_lines() if line.get_marker() == "D"]
    assert diamond.get_xdata()[0] == pytest.approx((wide["syn"] - wide["identity"]).mean())
    shown = words(figure)
    assert f"n = {len(wide)}" in shown
    assert "Bars: 95 % intervals over subjects." in shown


def test_intervals_are_drawn_where_there_are_subjects_enough():
    pairs, _ = score_table(subjects=11, gains={"identity": 0.0, "syn": 0.2}, kinds=("T1w",))
    table = compare(pairs)
    figure = paired_differences(pairs, table, "braincolor", ALL)
    ends = [c.get_segments()[0][:, 0] for c in figure.axes[0].findobj(mpl.collections.LineCollection)]
    assert ends[0] == pytest.approx(table.loc[0, ["ci_low", "ci_high"]].to_numpy(dtype=float))
    assert "Bars: 95 % intervals" in words(figure)


def test_only_arms_that_differ_in_one_thing_are_put_against_each_other():
    gains = {"identity": 0.0, "demons": 0.1, "greedy": 0.2, "syn": 0.22}
    pairs, _ = score_table(subjects=3, variants=("1mm", "2mm"), kinds=("T1w",), gains=gains)
    table = compare(pairs).query("split == 'all'")
    kept = keep_differing_in_one(table)
    assert len(table) == 28
    assert len(kept) == 2 * 3 + 3
    names = [t.get_text() for t in paired_differences(pairs, table, "braincolor", ALL).axes[0].get_yticklabels()]
    assert names[:3] == ["greedy − demons (1mm)", "syn − demons (1mm)", "syn − greedy (1mm)"]
    assert names[6:] == ["demons: 2mm − 1mm", "greedy: 2mm − 1mm", "syn: 2mm − 1mm"]


def test_a_method_alone_is_put_against_the_floor():
    pairs, _ = score_table(subjects=3, kinds=("T1w",), gains={"identity": 0.0, "syn": 0.2})
    (name,) = paired_differences(pairs, compare(pairs), "braincolor", ALL).axes[0].get_yticklabels()
    assert name.get_text() == "syn − identity"


def test_every_mark_knows_its_pair():
    pairs, _ = score_table(subjects=4, kinds=("T1w",), gains={"greedy": 0.2, "syn": 0.21})
    figure = paired_differences(pairs, compare(pairs), "braincolor", ALL)
    wide = pairs.pivot(index=["moving", "fixed"], columns="method", values="dice_mean")
    wanted = wide["syn"] - wide["greedy"]
    lines = {line.get_gid(): line for line in figure.axes[0].get_lines() if line.get_gid()}
    told = {}
    for name, points in figure.points.items():
        for point, value in zip(points, lines[name].get_xdata(), strict=True):
            told[point.moving, point.fixed] = value
            assert point.told == fixed(value, sign=True)
    assert told == pytest.approx(wanted.to_dict())


def test_of_very_many_comparisons_the_largest_effects_are_drawn():
    pairs, _ = score_table(subjects=3, kinds=("T1w",), gains={f"m{i}": i / 50 for i in range(11)})
    figure = paired_differences(pairs, compare(pairs), "braincolor", ALL)
    assert len(figure.axes[0].get_yticks()) == MAX_ROWS
    assert f"The {MAX_ROWS} of 55" in words(figure)
