"""Rows of dots: where their axis ends."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lumirage_bids.report.figures.rows import dots, ends_of
from lumirage_bids.stats.classes import FLOOR, Arm

ARMS = [Arm("default", FLOOR), Arm("default", "greedy"), Arm("default", "syn")]


def means(*rows: tuple[float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=pd.Index(ARMS, tupleize_cols=False))


def test_the_floor_sets_no_end_and_nothing_is_an_interval_all_the_same() -> None:
    low, high = ends_of(ARMS, means((0.1, 0.6, 0.7), (0.2, 0.5, np.nan)))
    assert 0.48 < low < 0.5
    assert 0.7 < high < 0.72
    assert ends_of(ARMS, means((0.1, np.nan, np.nan))) == (-0.04, 1.04)
    low, high = ends_of(ARMS, means((0.1, 0.5, 0.5)))
    assert low < 0.5 < high


def test_a_floor_beyond_the_axis_is_an_arrow_at_its_end() -> None:
    table = means((0.1, 0.6, 0.7), (0.55, 0.5, 0.6))
    axes = Figure().add_subplot()
    dots(axes, ARMS, table, table - 0.01, table + 0.01, ends=ends_of(ARMS, table))
    assert axes.get_xlim() == ends_of(ARMS, table)
    arrows = [line for line in axes.lines if line.get_marker() in ("<", ">")]
    assert [(line.get_marker(), list(line.get_ydata())) for line in arrows] == [("<", [0])]
