"""The figure of Dice against what the image tells."""

from __future__ import annotations

import numpy as np

from lumirage_bids.report.figures.information import dice_against_information, dice_against_volume
from lumirage_bids.stats.summaries import per_structure
from tests.stats.made_up import score_table


def test_points_are_the_tables_and_the_legend_their_correlation():
    pairs, structures = score_table(structures=10, subjects=4)
    table = per_structure(structures, {})
    contrasts = {i: i / 10 for i in range(1, 10)}  # the tenth is not known
    figure = dice_against_information(table, pairs, contrasts, {pairs["fixed"].iloc[0]: 1.5}, "braincolor")
    left, right = figure.axes
    # Made-up Dice rises with the index; one scan has no correlation.
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == [f"{m} (ρ +1.00, –)" for m in ("identity", "greedy", "syn")]
    greedy = table[table["method"] == "greedy"].sort_values("index")
    np.testing.assert_allclose(left.get_lines()[1].get_ydata(), greedy["mean"].to_numpy()[:9])
    np.testing.assert_allclose(left.get_lines()[1].get_xdata(), np.arange(1, 10) / 10)
    assert [len(line.get_xdata()) for line in right.get_lines()] == [1, 1, 1]


def test_marks_of_fixed_scans_are_means_without_rescans():
    pairs, structures = score_table(structures=10, subjects=4, rescanned=2)
    information = {name: float(i) for i, name in enumerate(pairs["fixed"].unique())}
    figure = dice_against_information(per_structure(structures, {}), pairs, {}, information, "braincolor")
    greedy = pairs[(pairs["method"] == "greedy") & (pairs["split"] != "same subject")]
    means = greedy.groupby("fixed")["dice_mean"].mean()
    line = figure.axes[1].get_lines()[1]
    drawn = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
    assert drawn == {information[name]: mean for name, mean in means.items()}


def test_volumes_are_logarithmic_and_the_trend_goes_through_the_medians_of_neighbours():
    _, structures = score_table(structures=40, subjects=3, gains={"identity": 0.0, "syn": 0.2})
    volumes = {i: 10.0**i for i in range(1, 40)}  # the fortieth is not known
    table = per_structure(structures, {}, {"braincolor": volumes})
    assert table[table["index"] == 40]["volume_mm3"].isna().all()
    figure = dice_against_volume(table, "braincolor")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    cloud, *_, trend = axes.get_lines()
    np.testing.assert_allclose(cloud.get_xdata(), [10.0 ** (i - 3) for i in range(1, 40)])
    syn = table[(table["method"] == "syn") & (table["index"] < 40)]["mean"].to_numpy()
    np.testing.assert_allclose(trend.get_ydata()[0], np.median(syn[:6]))  # 39 structures in 7 groups
    assert len(trend.get_xdata()) == 7
