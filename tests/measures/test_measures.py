"""Measures by their names, and which are taken of a pair."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.base.errors import UsageError
from lumirage_bids.measures import have_values, measure, take
from lumirage_bids.measures.folding import Folding
from lumirage_bids.measures.pair import RegisteredPair


def test_a_measure_without_what_it_needs_is_left_out() -> None:
    assert take([Folding()], RegisteredPair(parts={})) == {}


def test_an_unknown_measure_or_parameter_is_refused_with_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"no measure 'folds'. Known: .*folding"):
        measure("folds")
    with pytest.raises(UsageError, match="limit"):
        measure("folding", limit=1)


def test_a_column_counts_where_a_table_has_any_value_in_it() -> None:
    table = pd.DataFrame({"dice_mean": [np.nan, 0.5], "sdlogj": [np.nan, np.nan]})
    assert have_values(["dice_mean", "sdlogj", "hd95_mm"], table) == ["dice_mean"]
