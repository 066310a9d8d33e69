"""Colours, marks and settings of all figures."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from lumirage_bids.report.figures.style import arm_colours, arm_markers, mark
from lumirage_bids.report.figures.violins import dice_violins
from lumirage_bids.stats.classes import Arm
from tests.report.figures.drawn import texts
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def test_making_a_figure_leaves_the_readers_settings_alone():
    before = dict(mpl.rcParams)
    texts(dice_violins(score_table()[0], "braincolor"))
    assert dict(mpl.rcParams) == before


def test_colours_are_far_apart_in_grey_too():
    arms = [Arm("default", method) for method in ("identity", "greedy", "syn")]
    rgb = np.array([mpl.colors.to_rgb(colour) for colour in arm_colours(arms).values()])
    # Relative luminance, ITU-R BT.709.
    luminance = np.sort(rgb**2.2 @ [0.2126, 0.7152, 0.0722])
    assert np.diff(luminance).min() > 0.08
    assert len(set(arm_markers(arms).values())) == 3


def test_the_mark_stays_clear_of_the_panels():
    figure = dice_violins(score_table()[0], "braincolor")
    mark(figure, "SLOPPY")
    assert "SLOPPY" in texts(figure)
    box = figure.texts[-1].get_window_extent()
    assert box.x1 <= figure.bbox.x1
    assert all(axes.get_tightbbox().x1 <= box.x0 for axes in figure.axes if axes.axison)


def test_a_mark_does_not_take_the_readers_settings():
    figure = dice_violins(score_table()[0], "braincolor")
    with mpl.rc_context({"text.usetex": True, "font.family": "monospace"}):
        mark(figure, "SLOPPY")
    (text,) = (t for t in figure.texts if t.get_text() == "SLOPPY")
    assert not text.get_usetex()
    assert text.get_fontfamily() == ["sans-serif"]
