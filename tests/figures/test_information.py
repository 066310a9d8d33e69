"""The figure of Dice against what the image tells."""

from __future__ import annotations

import numpy as np
from stats.made_up import score_table

from lumirage_bids.figures.information import dice_against_information
from lumirage_bids.stats.summaries import per_structure


def test_points_are_the_tables_and_the_legend_their_correlation():
    pairs, structures = score_table(structures=10, subjects=4)
    table = per_structure(structures, {})
    contrasts = {i: i / 10 for i in range(1, 10)}  # the tenth is not known
    figure = dice_against_information(table, pairs, contrasts, {pairs["fixed"].iloc[0]: 1.5}, "braincolor")
    left, right = figure.axes
    by_label = {line.get_label(): line for line in left.get_lines()}
    # Made-up Dice rises with the index.
    name = next(label for label in by_label if label.startswith("greedy"))
    assert name == "greedy (ρ = +1.00)"
    greedy = table[table["method"] == "greedy"].sort_values("index")
    np.testing.assert_allclose(by_label[name].get_ydata(), greedy["mean"].to_numpy()[:9])
    np.testing.assert_allclose(by_label[name].get_xdata(), np.arange(1, 10) / 10)
    assert [len(line.get_xdata()) for line in right.get_lines()] == [1, 1, 1]
    assert right.get_lines()[0].get_label() == "identity"
