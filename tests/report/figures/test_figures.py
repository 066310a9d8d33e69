from __future__ import annotations

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from lumirage_bids.report.figures.differences import paired_differences
from lumirage_bids.report.figures.effect_sizes import band, effect_matrix
from lumirage_bids.report.figures.points import thin
from lumirage_bids.report.figures.structures import structure_dots
from lumirage_bids.report.figures.style import ABOVE, BELOW, WIDTH, arm_colours, arm_markers, journal_style, mark
from lumirage_bids.report.figures.violins import MAX_POINTS, dice_violins
from lumirage_bids.stats.classes import Arm
from lumirage_bids.stats.common import arms_aside
from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.summaries import per_structure, summarise
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def texts(figure: Figure) -> list[str]:
    with journal_style():
        figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


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


def test_violins_have_a_panel_per_split_and_count_scored_pairs():
    pairs, _ = score_table(rescanned=2, failing=0.2)
    figure = dice_violins(pairs, "braincolor")
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert sorted(titles) == sorted(pairs["split"].unique())
    assert figure.get_figwidth() == WIDTH
    panel = next(axes for axes in figure.axes if axes.get_title() == "same subject")
    n = pairs.query("split == 'same subject' and status == 'ok'").groupby("method").size()
    methods = ["identity", "greedy", "syn"]
    assert [t.get_text() for t in panel.get_xticklabels()] == methods
    (above,) = panel.child_axes
    assert [t.get_text() for t in above.get_xticklabels()] == [f"n = {n[m]}" for m in methods]


def test_violin_lines_lie_at_the_quartiles_and_the_initial_dice():
    pairs, _ = score_table(kinds=("T1w",), gains={"syn": 0.2})
    panel = dice_violins(pairs, "braincolor").axes[0]
    levels = {round(float(line.get_ydata()[0]), 9) for line in panel.lines if len(set(line.get_ydata())) == 1}
    expected = [*pairs["dice_mean"].quantile([0.25, 0.5, 0.75]), pairs["dice_initial"].mean()]
    assert levels == {round(x, 9) for x in expected}


@pytest.mark.parametrize("dice", [[0.5], [0.5] * 8, [0.1, 0.2, 0.3]])
def test_few_or_equal_pairs_are_drawn_as_points(dice: list[float]):
    pairs, _ = score_table(kinds=("T1w",), gains={"syn": 0.2})
    pairs = pairs.head(len(dice)).assign(dice_mean=dice)
    points = [line for line in dice_violins(pairs, "braincolor").axes[0].lines if line.get_marker() == "."]
    assert sorted(points[0].get_ydata()) == dice


def test_many_pairs_are_thinned_evenly_with_both_ends():
    values = np.sort(np.random.default_rng(0).normal(size=100_001))
    kept = thin(values, MAX_POINTS)
    assert len(kept) == MAX_POINTS
    assert (kept[0], kept[-1]) == (values[0], values[-1])
    assert np.median(kept) == pytest.approx(np.median(values), abs=0.02)


def test_names_with_dollar_signs_are_not_mathematics():
    pairs, _ = score_table(gains={"$x^2$_a": 0.2, "syn": 0.1})
    assert any(text.startswith("$x^2$_a") for text in texts(dice_violins(pairs, "braincolor")))


def test_effect_matrix_prints_every_comparison_with_its_sign():
    pairs, _ = score_table(gains={"identity": 0.0, "syn": 0.2, "greedy": 0.1})
    table = compare(pairs).query("split == 'all'")
    shown = texts(effect_matrix(table, "braincolor", "all"))
    for d in table["d_z"]:
        assert f"{d:+.2f}".replace("-", "−") in shown
    assert any(text.startswith("−") for text in shown)


def cells(figure: Figure) -> list[tuple[float, ...]]:
    """Colours of the cells of a matrix of effects."""
    return [patch.get_facecolor() for patch in figure.axes[0].patches]


def test_an_effect_without_an_interval_has_no_colour():
    pairs, _ = score_table(subjects=6, gains={"identity": 0.0, "syn": 0.2, "greedy": 0.1})
    figure = effect_matrix(compare(pairs), "braincolor", "all")
    assert set(cells(figure)) == {to_rgba("white")}
    assert texts(figure).count("no interval") == 3


def test_colours_go_by_the_end_of_the_interval_nearer_to_zero():
    pairs, _ = score_table(subjects=12, gains={"syn": 0.0, "greedy": 0.1})
    table = compare(pairs).assign(d_z=0.9, d_z_low=0.55, d_z_high=1.25)
    shades = {cells(effect_matrix(table.assign(d_z_low=low), "braincolor", "all"))[0] for low in (0.55, 0.79, 0.6)}
    assert len(shades) == 1
    assert cells(effect_matrix(table.assign(d_z_low=0.85), "braincolor", "all"))[0] not in shades
    grey = cells(effect_matrix(table.assign(d_z_low=-0.1), "braincolor", "all"))[0]
    assert len({round(x, 3) for x in grey[:3]}) == 1


def test_blue_is_better_also_where_lower_scores_are():
    pairs, _ = score_table(subjects=12, gains={"syn": 0.0, "greedy": 0.1})
    table = compare(pairs)
    higher, lower = (effect_matrix(table, "braincolor", "all", higher_is_better=better) for better in (True, False))
    assert cells(higher) == [to_rgba(ABOVE)]
    assert cells(lower) == [to_rgba(BELOW)]
    left, right = (
        paired_differences(pairs, table, "braincolor", "all", higher_is_better=better).axes[0].get_xlabel()
        for better in (True, False)
    )
    assert left.startswith("← second-named better")
    assert right.startswith("← first-named better")


def test_methods_that_are_set_aside_say_so_and_have_no_colour():
    pairs, wide = score_table(subjects=12, gains={"identity": 0.0, "syn": 0.2, "greedy": 0.1})
    failed = (pairs["method"] == "greedy") & (np.arange(len(pairs)) % 2 == 0)
    pairs = pairs.assign(status=np.where(failed, "failed", "ok"), dice_mean=pairs["dice_mean"].mask(failed))
    aside = arms_aside(summarise(pairs), "braincolor")
    assert aside == {Arm("default", "greedy")}
    table = compare(pairs)
    matrix = effect_matrix(table, "braincolor", "all", aside=aside)
    assert "greedy (set aside)" in texts(matrix)
    assert sorted(color == to_rgba("white") for color in cells(matrix)) == [False, True, True]
    assert any(
        "greedy set aside" in text for text in texts(paired_differences(pairs, table, "braincolor", "all", aside=aside))
    )
    assert any("set aside" in text for text in texts(dice_violins(pairs, "braincolor", aside=aside)))
    dots = structure_dots(per_structure(wide, {}), "braincolor", aside=aside)
    assert "greedy (set aside)" in [text.get_text() for text in dots.legends[0].get_texts()]


def test_effect_matrix_of_one_method_says_so():
    pairs, _ = score_table(gains={"syn": 0.2})
    assert "Only one method: nothing to compare" in texts(effect_matrix(compare(pairs), "braincolor", "all"))


def test_effect_without_spread_is_a_dash():
    pairs, _ = score_table(gains={"identity": 0.0, "syn": 0.1})
    pairs["dice_mean"] = pairs["method"].map({"identity": 0.4, "syn": 0.5})
    assert "–" in texts(effect_matrix(compare(pairs), "braincolor", "all"))


def test_bands_change_at_their_bounds():
    assert [band(d) for d in (0.19, 0.2, -0.5, 0.8)] == ["negligible", "small", "medium", "large"]


@pytest.mark.parametrize("structures", [3, 139])
def test_structure_dots_name_every_structure_without_overlap(structures: int):
    _, wide = score_table(subjects=3, structures=structures)
    names = {i: f"structure number {i}" for i in range(1, structures + 1)}
    figure = structure_dots(per_structure(wide, {"braincolor": names}), "braincolor")
    assert set(names.values()) <= set(texts(figure))
    for axes in figure.axes:
        boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
        assert all(upper.y0 >= lower.y1 - 0.5 for upper, lower in pairwise(boxes))
    assert figure.get_figwidth() == WIDTH
    assert figure.get_figheight() < 11


def test_structures_that_were_never_scored_are_left_out():
    _, wide = score_table(subjects=3)
    wide["braincolor"]["dice_2"] = np.nan
    shown = texts(structure_dots(per_structure(wide, {"braincolor": {1: "one", 2: "two"}}), "braincolor"))
    assert "one" in shown
    assert "two" not in shown


def test_failed_only_tables_say_so():
    pairs, wide = score_table(gains={"syn": 0.2}, failing=1.0)
    assert any("no pair was scored" in text for text in texts(dice_violins(pairs, "braincolor")))
    assert "No structure was scored" in texts(structure_dots(per_structure(wide, {}), "braincolor"))
    assert isinstance(dice_violins(pairs.head(0), "braincolor"), Figure)


def test_the_mark_stays_clear_of_the_panels():
    figure = dice_violins(score_table()[0], "braincolor")
    mark(figure, "SLOPPY")
    assert "SLOPPY" in texts(figure)
    box = figure.texts[-1].get_window_extent()
    assert box.x1 <= figure.bbox.x1
    assert all(axes.get_tightbbox().x1 <= box.x0 for axes in figure.axes if axes.axison)


def test_tables_are_left_as_they_were():
    pairs, _ = score_table()
    before = pairs.copy()
    dice_violins(pairs, "braincolor")
    compare(pairs)
    pd.testing.assert_frame_equal(pairs, before)


def test_a_mark_does_not_take_the_readers_settings():
    figure = dice_violins(score_table()[0], "braincolor")
    with mpl.rc_context({"text.usetex": True, "font.family": "monospace"}):
        mark(figure, "SLOPPY")
    (text,) = (t for t in figure.texts if t.get_text() == "SLOPPY")
    assert not text.get_usetex()
    assert text.get_fontfamily() == ["sans-serif"]
