"""Scores of two arms side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.pairing import side_by_side
from tests.stats.made_up import many, two_arms

pytestmark = pytest.mark.filterwarnings("error")


def test_two_rows_for_one_pair_are_refused():
    pairs = two_arms(np.array([0.5, 0.6]), np.array([0.5, 0.6]))
    with pytest.raises(BadDataError, match=r"method 'syn'.*moving 'm1'"):
        compare(pd.concat([pairs, pairs.tail(1)]))


def test_subjects_are_those_of_the_columns_of_a_run_before_names():
    pairs = many()
    known = pairs.assign(**{f"{side}_subject": pairs[side].str[4:6] + "x" for side in ("moving", "fixed")})
    assert side_by_side(known).crossing.subjects == [f"{name}x" for name in side_by_side(pairs).crossing.subjects]


def test_columns_of_subjects_are_taken_before_names():
    pairs = many()
    renamed = pairs.assign(
        subject_moving=pairs["moving"].str[:6],
        subject_fixed=pairs["fixed"].str[:6],
        moving="image of " + pairs["moving"],
        fixed="image of " + pairs["fixed"],
    )
    assert compare(renamed).iloc[0]["p"] == pytest.approx(compare(pairs).iloc[0]["p"])
