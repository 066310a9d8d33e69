"""The matrix of effect sizes."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_rgba

from lumirage_bids.report.figures.effect_sizes import band, effect_matrix
from lumirage_bids.stats.comparisons import compare
from tests.report.figures.drawn import cells, texts
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def test_effect_matrix_prints_every_comparison_with_its_sign():
    pairs, _ = score_table(gains={"identity": 0.0, "syn": 0.2, "greedy": 0.1})
    table = compare(pairs).query("split == 'all'")
    shown = texts(effect_matrix(table, "braincolor", "all"))
    for d in table["d_z"]:
        assert f"{d:+.2f}".replace("-", "−") in shown
    assert any(text.startswith("−") for text in shown)


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


def test_effect_matrix_of_one_method_says_so():
    pairs, _ = score_table(gains={"syn": 0.2})
    assert "Only one method: nothing to compare" in texts(effect_matrix(compare(pairs), "braincolor", "all"))


def test_effect_without_spread_is_a_dash():
    pairs, _ = score_table(gains={"identity": 0.0, "syn": 0.1})
    pairs["dice_mean"] = pairs["method"].map({"identity": 0.4, "syn": 0.5})
    assert "–" in texts(effect_matrix(compare(pairs), "braincolor", "all"))


def test_bands_change_at_their_bounds():
    assert [band(d) for d in (0.19, 0.2, -0.5, 0.8)] == ["negligible", "small", "medium", "large"]
