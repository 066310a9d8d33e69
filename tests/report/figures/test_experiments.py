"""The forest plot of several experiments."""

from __future__ import annotations

import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.figures.experiments import MOST, forest

ARMS = {"variant_a": "v", "method_a": "a", "variant_b": "v"}
NAMES = {("v", "a"): "a", **{("v", f"b{i}"): f"b{i}" for i in range(MOST + 2)}}


def couples(n, **more):
    rows = [{**ARMS, "method_b": f"b{i}", "experiment": e} for i in range(n) for e in (0, 1, 2)]
    values = {"mean_difference": 0.02, "ci_low": 0.01, "ci_high": 0.03, "counted": True}
    return pd.DataFrame(rows).assign(**{**values, **more})


def together(n, mean=0.02):
    rows = [{**ARMS, "method_b": f"b{i}", "n_datasets": 3} for i in range(n)]
    ends = {"ci_low": 0.01, "ci_high": 0.03, "further_low": float("nan"), "further_high": float("nan")}
    return pd.DataFrame(rows).assign(mean_difference=mean, **ends)


def drawn(n, mean=0.02, **more):
    titles = {0: "A (1)", 1: "B (2)", 2: "C (3)"}
    return forest(
        couples(n, **more), together(n, mean), experiments=titles, names=NAMES, group="manual", criteria=Criteria()
    )


def labels(figure):
    return [tick.get_text() for tick in figure.axes[0].get_yticklabels()]


def test_each_experiment_has_a_line_and_their_mean_one_below():
    assert labels(drawn(1)) == ["b0 − a", "A (1)", "B (2)", "C (3)", "mean over 3 datasets"]
    assert labels(drawn(1, mean=float("nan"))) == ["b0 − a", "A (1)", "B (2)", "C (3)"]


def test_an_experiment_that_does_not_count_is_hollow():
    points = [line for line in drawn(1, counted=[True, False, True]).axes[0].lines if line.get_marker() == "o"]
    assert [point.get_markerfacecolor() == "white" for point in points] == [False, True, False]


def test_of_many_only_the_first_are_drawn():
    assert sum("−" in label for label in labels(drawn(MOST + 2))) == MOST


def test_without_intervals_there_are_no_bars():
    with_bars, without = drawn(1), drawn(1, mean=float("nan"), ci_low=float("nan"), ci_high=float("nan"))
    assert len(without.axes[0].collections) < len(with_bars.axes[0].collections)


def test_a_long_name_leaves_room_and_keeps_its_number():
    long = "Skull-stripped scans of a challenge on labelling with many atlases (subset)"
    titles = {0: f"{long} (1)", 1: "B (2)", 2: "C (3)"}
    figure = forest(couples(1), together(1), experiments=titles, names=NAMES, group="manual", criteria=Criteria())
    (shown,) = (label for label in labels(figure) if label.endswith("(1)"))
    assert len(shown) <= 40
    assert shown.startswith("Skull-stripped scans")
