"""Figures that put arms, costs and variants side by side."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from lumirage_bids.report.figures.cost import costs, dice_against_cost
from lumirage_bids.report.figures.differences import MAX_ROWS, differing_in_one, paired_differences
from lumirage_bids.report.figures.intensities import Seen, intensity_histograms
from lumirage_bids.report.figures.style import WIDTH, journal_style
from lumirage_bids.report.figures.variants import variant_effect
from lumirage_bids.stats.classes import ALL, DIFFERENT_SUBJECTS, Arm
from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.variants import variant_effects
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")
LONG = {"identity": 0.0, "a_method_with_a_name_as_long_as_names_of_methods_get": 0.2, "syn": 0.1}


def words(figure: Figure) -> str:
    """All texts, laid out; nothing lies beyond the figure's sides."""
    with journal_style():
        figure.canvas.draw()
    boxes = [axes.get_tightbbox() for axes in figure.axes if axes.axison]
    boxes += [part.get_window_extent() for part in (*figure.legends, *figure.texts, *figure.artists)]
    assert min(box.x0 for box in boxes) >= -1
    assert max(box.x1 for box in boxes) <= figure.bbox.x1 + 1
    texts = [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_visible()]
    return "|".join(" ".join(text.split()) for text in texts)


# Paired differences


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
    pairs, _ = score_table(subjects=3, variants=("1mm", "2mm"), kinds=("T1w",))
    table = compare(pairs).query("split == 'all'")
    kept = differing_in_one(table)
    assert len(table) == 15
    assert len(kept) == 2 * 3 + 3
    names = [t.get_text() for t in paired_differences(pairs, table, "braincolor", ALL).axes[0].get_yticklabels()]
    assert names[:3] == ["greedy − identity (1mm)", "syn − identity (1mm)", "syn − greedy (1mm)"]
    assert names[6:] == ["identity: 2mm − 1mm", "greedy: 2mm − 1mm", "syn: 2mm − 1mm"]


def test_of_very_many_comparisons_the_largest_effects_are_drawn():
    pairs, _ = score_table(subjects=3, kinds=("T1w",), gains={f"m{i}": i / 50 for i in range(11)})
    figure = paired_differences(pairs, compare(pairs), "braincolor", ALL)
    assert len(figure.axes[0].get_yticks()) == MAX_ROWS
    assert f"The {MAX_ROWS} of 55" in words(figure)


# Cost


def with_costs(**kind: object) -> pd.DataFrame:
    pairs, _ = score_table(**kind)  # type: ignore[arg-type]
    random = np.random.default_rng(0)
    factor = pairs["method"].map({m: 10.0**i for i, m in enumerate(pairs["method"].unique())})
    return pairs.assign(
        runtime_s=pairs["runtime_s"] * factor * random.lognormal(0, 0.1, len(pairs)),
        memory_gb=pairs["memory_gb"] * factor,
    )


def test_costs_are_quartiles_over_the_scored_pairs_of_the_class():
    pairs = with_costs(subjects=4, rescanned=2, failing=0.3)
    found = costs(pairs, "braincolor", DIFFERENT_SUBJECTS)
    syn = pairs.query("method == 'syn' and status == 'ok' and split != 'same subject'")
    cost = found[Arm("default", "syn")]
    assert cost.n == len(syn)
    for measure, column in (("dice", "dice_mean"), ("runtime_s", "runtime_s"), ("memory_gb", "memory_gb")):
        np.testing.assert_allclose(getattr(cost, measure), syn[column].quantile([0.25, 0.5, 0.75]))


def test_cost_has_logarithmic_axes_and_the_floor_as_a_line():
    figure = dice_against_cost(costs(with_costs(gains=LONG), "braincolor", ALL), "braincolor", ALL)
    assert [axes.get_xscale() for axes in figure.axes] == ["log", "log"]
    shown = words(figure)
    for text in (*list(LONG)[1:], "identity, median", "n = 30 pairs", "Run time of a registration, s"):
        assert text in shown
    assert "mathdefault" not in shown


def test_an_arm_without_any_cost_is_left_out():
    pairs = with_costs(subjects=3).assign(runtime_s=0.0)
    assert list(costs(pairs, "braincolor", ALL)) == [Arm("default", "identity")]


# Variants


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


# Intensities


def test_histograms_are_shares_of_each_brain_by_sequence_and_variant():
    counts = np.arange(64)
    histograms = {
        Seen("1mm", "MPRAGE", "sub-1"): counts,
        Seen("1mm", "MPRAGE", "sub-2"): 1000 * counts,
        Seen("2mm", "MPRAGE", "sub-1"): counts[::-1],
        Seen("1mm", "MP2RAGE", "sub-3"): np.full(64, 5),
        Seen("2mm", "MP2RAGE", "sub-3"): np.zeros(64),  # an empty brain has no shares
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
    figure = intensity_histograms({Seen("default", f"S{i}", "sub-1"): np.ones(64) for i in range(4)})
    assert not figure.legends
    assert sum(axes.axison for axes in figure.axes) == 4
