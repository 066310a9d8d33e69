"""Means and slopes along ladders of perturbed variants."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.stats.ladders import LADDER_COLUMNS, SLOPE_COLUMNS, Rung, climb, slopes
from tests.report.situations import fail, of, table

SIZES = {"plain": 0.0, "low": 1.0, "high": 4.0}
RUNGS = {name: Rung(kind="noise", size=size, unit="mm", base="plain") for name, size in SIZES.items() if size}
FALL = {"identity": 0.0, "greedy": -0.02, "syn": -0.05}


def ladder(noise: float = 0.0, rescanned: int = 0) -> pd.DataFrame:
    """Scores of three methods that fall by so much a unit of size."""
    pairs = table(variants=tuple(SIZES), groups={"T1w": 5}, subject=0.0, noise=noise, rescanned=rescanned)
    down = pairs["method"].map(FALL) * pairs["variant"].map(SIZES)
    return pairs.assign(dice_mean=pairs["dice_mean"] + down, hd95_mm=2 - 10 * down)


def test_changes_and_slopes_are_those_that_were_put_in() -> None:
    found = climb(ladder(), RUNGS)
    assert list(found.columns) == LADDER_COLUMNS
    dice = found[found["measure"] == "dice_mean"].set_index(["method", "size"])
    for method, fall in FALL.items():
        for size in SIZES.values():
            assert dice.loc[(method, size), "change"] == pytest.approx(fall * size, abs=1e-12)
    assert set(found["n"]) == {20}
    assert set(climb(ladder(rescanned=1), RUNGS)["n"]) == {28}  # of 30, without the two of one subject
    steep = slopes(ladder(), RUNGS).set_index(["measure", "method"])
    assert steep.loc[("dice_mean", "syn"), "slope"] == pytest.approx(-0.05)
    assert steep.loc[("hd95_mm", "syn"), "slope"] == pytest.approx(0.5)
    assert steep.loc[("dice_mean", "syn"), "sizes"] == "0; 1; 4"
    assert {"dice_mean", "hd95_mm", "folding_percent"} == set(found["measure"])  # not where the headers place them


def test_intervals_hold_what_was_put_in_and_are_over_subjects() -> None:
    found = slopes(ladder(noise=0.02), RUNGS)
    dice = found[found["measure"] == "dice_mean"].set_index("method")
    for method in ("greedy", "syn"):
        assert dice.loc[method, "ci_low"] < FALL[method] < dice.loc[method, "ci_high"]
    assert set(dice["n_subjects"]) == {5}


def test_pairs_that_not_all_methods_were_run_on_at_all_sizes_are_left_out() -> None:
    pairs = ladder()
    first = (pairs["moving"] == pairs["moving"].iloc[0]) & of(pairs, "syn", variant="high")
    found = climb(pairs[~first], RUNGS)
    assert set(found["n"]) == {16}
    assert found[found["size"] == 0].groupby("measure")["mean"].count().eq(3).all()


def test_a_pair_that_fails_counts_nothing_in_dice_and_not_at_all_elsewhere() -> None:
    pairs = ladder()
    lost = of(pairs, "syn", variant="high") & (pairs["split"] != "same subject")
    found = climb(fail(pairs, lost).assign(hd95_mm=pairs["hd95_mm"].mask(lost)), RUNGS)
    row = found[(found["method"] == "syn") & (found["size"] == 4)].set_index("measure")
    assert row.loc["dice_mean", "mean"] == 0
    assert (row["n_failed"] == 20).all()
    assert np.isnan(row.loc["hd95_mm", "mean"])
    assert row.loc["hd95_mm", "n"] == 0


def test_without_the_unharmed_variant_there_is_no_change_but_a_slope() -> None:
    pairs = ladder()
    rungs = {name: Rung(kind="noise", size=rung.size, unit="mm", base="") for name, rung in RUNGS.items()}
    found = climb(pairs[pairs["variant"] != "plain"], rungs)
    assert found["change"].isna().all()
    assert set(found["size"]) == {1.0, 4.0}
    steep = slopes(pairs[pairs["variant"] != "plain"], rungs).set_index(["measure", "method"])
    assert steep.loc[("dice_mean", "greedy"), "slope"] == pytest.approx(-0.02)


def test_without_ladders_the_tables_are_empty() -> None:
    assert list(climb(ladder(), {}).columns) == LADDER_COLUMNS
    assert climb(ladder(), {}).empty
    assert list(slopes(ladder(), {}).columns) == SLOPE_COLUMNS
    assert slopes(ladder(), {}).empty
    assert slopes(ladder(), {"low": Rung(kind="noise", size=1.0, unit="mm", base="")}).empty


def test_ladders_that_differ_in_something_else_are_told_apart() -> None:
    pairs = ladder()
    rigid = pairs.assign(variant="rigid-" + pairs["variant"], dice_mean=pairs["dice_mean"] - 0.1)
    rungs = {
        f"{of}{name}": Rung(kind="noise", size=rung.size, unit="mm", base=f"{of}plain", ladder=of)
        for of in ("", "rigid-")
        for name, rung in RUNGS.items()
    }
    found = climb(pd.concat([pairs, rigid]), rungs)
    dice = found[found["measure"] == "dice_mean"].set_index(["variant", "method", "size"])
    for variant in ("plain", "rigid-plain"):
        assert dice.loc[(variant, "identity", 4), "change"] == pytest.approx(0, abs=1e-12)
        assert dice.loc[(variant, "syn", 4), "change"] == pytest.approx(-0.2)
    assert set(slopes(pd.concat([pairs, rigid]), rungs)["sizes"]) == {"0; 1; 4"}
