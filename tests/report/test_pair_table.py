"""Every pair with its Dice in every arm, as the page's script reads it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from lumirage_bids.report import pair_table
from lumirage_bids.report.pair_table import FAILED, pair_tables
from tests.stats.made_up import score_table


def test_the_numbers_are_those_of_the_rows() -> None:
    pairs, _ = score_table(failing=0.2, labellings=("manual", "auto"))
    gone = pairs["method"].eq("syn") & (pairs.groupby("method").cumcount() < 3)
    scans = sorted(set(pairs["moving"]))[::-1]
    tables = pair_tables(pairs[~gone].sample(frac=1, random_state=0), scans)
    assert {table.labelling for table in tables} == {"manual", "auto"}
    assert len({table.name for table in tables}) == 2
    for table in tables:
        data = json.loads(table.data)
        rows = pairs[~gone & (pairs["labelling"] == table.labelling)]
        shown = {}
        for arm, dice in zip(table.arms, data["dice"], strict=True):
            for moving, fixed, split, value in zip(data["moving"], data["fixed"], data["split"], dice, strict=True):
                if value is not None:
                    shown[arm, scans[moving], scans[fixed], data["splits"][split]] = value
        told = zip(rows["status"], rows["dice_mean"], strict=True)
        expected = [FAILED if status != "ok" else round(1000 * dice) for status, dice in told]
        keys = rows[["method", "moving", "fixed", "split"]].itertuples(index=False, name=None)
        assert shown == dict(zip(keys, expected, strict=True))
        assert FAILED in shown.values()
        assert table.n == len(data["moving"]) == rows.groupby(["moving", "fixed"]).ngroups


def test_too_many_pairs_are_left_to_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, _ = score_table(labellings=("manual", "auto"))
    few = pairs[(pairs["labelling"] == "manual") | pairs["moving"].eq(pairs["moving"].iloc[0])]
    monkeypatch.setattr(pair_table, "MOST_PAIRS", len(few[few["labelling"] == "auto"]))
    assert [table.labelling for table in pair_tables(few, sorted(set(pairs["moving"])))] == ["auto"]
    assert pair_tables(pd.DataFrame(columns=pairs.columns), []) == []
