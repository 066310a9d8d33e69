"""What differences vary with."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.shares import Shares, subjects_needed
from tests.stats.made_up import many

pytestmark = pytest.mark.filterwarnings("error")


def test_variance_is_shared_out_to_the_side_that_makes_it():
    pairs = many(subjects=30)
    random = np.random.default_rng(0)
    names = sorted(set(pairs["moving"]))
    effect = dict(zip(names, random.normal(0, 0.05, len(names)), strict=True))
    noise = random.normal(0, 0.05, len(pairs))
    for side in ("moving", "fixed"):
        moved = pairs["dice_mean"] + (pairs["method"] == "syn") * (pairs[side].map(effect) + noise)
        row = compare(pairs.assign(dice_mean=moved)).iloc[0]
        assert row[f"{side}_percent"] == pytest.approx(50, abs=15)
        assert row["pair_percent"] == pytest.approx(50, abs=15)
        # n subjects' effects: the usual formula of a one-sample t-test with 80 % power.
        needed = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) ** 2 * (0.05 / 0.01) ** 2
        assert row["n_for_margin"] == pytest.approx(needed, rel=0.35)


def test_smaller_margins_and_more_variance_take_more_subjects():
    shares = Shares(moving=1e-4, fixed=1e-4, pair=4e-4, both=0.0)
    needed = [subjects_needed(shares, margin, 0.05) for margin in (0.05, 0.02, 0.01)]
    assert needed == sorted(set(needed))
    assert subjects_needed(shares._replace(moving=4e-4), 0.01, 0.05) > needed[-1]
    assert subjects_needed(shares, 1e-7, 0.05) == np.inf
    assert np.isnan(subjects_needed(Shares(*[np.nan] * 4), 0.01, 0.05))


def test_single_pairs_average_out_over_all_pairs_and_subjects_do_not():
    """With the variance of subjects alone it is the plain formula for a mean of n; pairs are n (n - 1)."""
    alone = subjects_needed(Shares(moving=0.01, fixed=0.0, pair=0.0, both=0.0), 0.01, 0.05)
    z = special.ndtri(0.975) + special.ndtri(0.8)
    assert alone == pytest.approx(z**2 * 0.01 / 0.01**2, rel=0.01)
    pairs = subjects_needed(Shares(moving=0.0, fixed=0.0, pair=0.01, both=0.0), 0.01, 0.05)
    assert pairs * (pairs - 1) == pytest.approx(alone, rel=0.2)


def test_percentages_add_up_unless_nothing_varies():
    assert Shares(moving=1.0, fixed=2.0, pair=1.0, both=0.0).percent == (25, 50, 25)
    assert np.isnan(Shares(moving=0.0, fixed=0.0, pair=0.0, both=0.0).percent).all()


def test_subjects_needed_are_those_of_as_many_tests_as_the_table_has():
    """What is told of any two methods must be seen after Holm's correction over all of them."""
    two = many(gains={"greedy": 0.2, "syn": 0.2})
    more = [two[two["method"] == "syn"].assign(method=f"m{i}", dice_mean=two["dice_mean"] + 0.1 * i) for i in range(4)]
    alone, among = (
        compare(pairs).query("method_a == 'greedy' and method_b == 'syn'").iloc[0]
        for pairs in (two, pd.concat([two, *more]))
    )
    assert among["p"] == alone["p"]
    assert among["n_for_margin"] > alone["n_for_margin"]
    z = [special.ndtri(1 - 0.05 / 2 / tests) + special.ndtri(0.8) for tests in (1, 15)]
    assert among["n_for_margin"] / alone["n_for_margin"] == pytest.approx((z[1] / z[0]) ** 2, rel=0.5)
