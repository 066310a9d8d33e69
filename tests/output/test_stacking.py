from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from pandas.testing import assert_frame_equal

from lumirage_bids.output.stacking import stack


def test_tables_come_one_below_the_other_as_pandas_would_put_them() -> None:
    random = np.random.default_rng(0)
    tables = [
        pd.DataFrame({"text": ["a", None], "whole": [1, 2], "late": [0.5, np.nan]}),
        pd.DataFrame({"text": pd.Series(dtype=object), "whole": pd.Series(dtype=object)}),
        pd.DataFrame({"whole": [3.5], "new": ["x"], "text": ["b"]}),
        *(pd.DataFrame({"whole": random.normal(size=n), "text": ["c"] * n}) for n in (1, 7, 100)),
    ]
    expected = pd.concat([table for table in tables if len(table)], ignore_index=True)
    assert_frame_equal(pd.DataFrame(stack(tables)), expected, check_dtype=False)
    assert stack(tables)["whole"].dtype == float


def test_text_and_numbers_stay_what_they_are() -> None:
    found = stack([pd.DataFrame({"a": [1.5], "b": [True]}), pd.DataFrame({"a": ["x"], "b": [0.5]})])
    assert found["a"].tolist() == [1.5, "x"]
    assert [type(value) for value in found["b"]] == [bool, float]


def test_each_table_is_let_go_when_the_next_is_there() -> None:
    held: list[int] = []

    class Table(pd.DataFrame):
        def __del__(self) -> None:
            held.append(-1)

    def tables() -> Iterator[pd.DataFrame]:
        for _ in range(6):
            held.append(1)
            assert sum(held) <= 2
            yield Table({"a": np.zeros(4)})

    assert len(stack(tables())["a"]) == 24
