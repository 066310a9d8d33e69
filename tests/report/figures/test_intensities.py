"""Histograms of prepared images."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.report.figures.intensities import ShownHistogram, intensity_histograms
from lumirage_bids.report.figures.style import WIDTH
from tests.report.figures.drawn import words

pytestmark = pytest.mark.filterwarnings("error")


def test_histograms_are_shares_of_each_brain_by_sequence_and_variant():
    counts = np.arange(64)
    histograms = {
        ShownHistogram("1mm", "MPRAGE", "sub-1"): counts,
        ShownHistogram("1mm", "MPRAGE", "sub-2"): 1000 * counts,
        ShownHistogram("2mm", "MPRAGE", "sub-1"): counts[::-1],
        ShownHistogram("1mm", "MP2RAGE", "sub-3"): np.full(64, 5),
        ShownHistogram("2mm", "MP2RAGE", "sub-3"): np.zeros(64),  # an empty brain has no shares
    }
    figure = intensity_histograms(histograms)
    assert figure.get_figwidth() == WIDTH
    first, second = [axes for axes in figure.axes if axes.axison]
    thick = [line for line in first.get_lines() if line.get_linewidth() > 1]
    np.testing.assert_allclose(thick[0].get_ydata(), 100 * counts / counts.sum())
    np.testing.assert_allclose(thick[0].get_xdata(), (np.arange(64) + 0.5) / 64)
    np.testing.assert_allclose(thick[1].get_ydata(), 100 * counts[::-1] / counts.sum())
    (flat,) = [line for line in second.get_lines() if line.get_linewidth() > 1]
    np.testing.assert_allclose(flat.get_ydata(), 100 / 64)
    # The axis holds the highest peak of all panels.
    assert first.get_ylim()[0] == 0
    assert first.get_ylim()[1] > 100 * 63 / counts.sum()
    shown = words(figure)
    for text in ("MPRAGE", "MP2RAGE", "n = 2", "n = 3 scans", "1mm", "2mm"):
        assert text in shown


def test_one_variant_needs_no_legend():
    figure = intensity_histograms({ShownHistogram("default", f"S{i}", "sub-1"): np.ones(64) for i in range(4)})
    assert not figure.legends
    assert sum(axes.axison for axes in figure.axes) == 4
