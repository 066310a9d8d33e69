"""What differences vary with."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lumirage_bids.stats.comparisons import compare
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
