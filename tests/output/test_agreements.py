"""Agreements of label maps with a reference's, read from an output folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.output import agreements
from lumirage_bids.output.agreements import collect, summarise
from lumirage_bids.output.folder import Output


def written(out_dir: Path, subject: str, conditions: str = "c", **scored: float) -> None:
    found = {
        "Labelling": "auto", "Reference": "manual", "Scan": f"sub-{subject}_T1w", "Contrast": "T1w", "Sequence": None,
        "Structures": {str(i): {"Name": name, "Dice": d} for i, (name, d) in enumerate(scored.items(), 1)},
        "Lacking": ["d"], "Unnamed": {"77": 2}, "Conditions": conditions,
    }  # fmt: skip
    file = out_dir / f"sub-{subject}" / "anat" / f"sub-{subject}_space-T1w_seg-auto_desc-manual_agreement.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(found), "utf-8")


def test_agreements_under_the_latest_conditions_are_summed_up(tmp_path: Path) -> None:
    (tmp_path / ".lumirage").mkdir()
    latest = {agreements.key("auto", "manual"): "c", "greedy/auto": "other"}
    (tmp_path / ".lumirage" / "conditions.json").write_text(json.dumps(latest), "utf-8")
    (tmp_path / "logs" / "failures").mkdir(parents=True)
    failure = tmp_path / "logs" / "failures" / "sub-9_space-T1w_seg-auto_desc-manual_agreement.json"
    failure.write_text(json.dumps({"Reason": "bad data: empty"}), "utf-8")
    written(tmp_path, "1", a=0.8, b=0.6)
    written(tmp_path, "2", a=0.9, b=0.5)
    written(tmp_path, "3", conditions="before", a=0.1)
    table, notes = collect(Output(tmp_path))
    assert list(table.columns) == list(agreements.COLUMNS)
    assert sorted(set(table["scan"])) == ["sub-1_T1w", "sub-2_T1w"]
    assert notes == [
        "Labelling auto lacks d on 2 scan(s) on which its reference has it.",
        "Labelling auto: indices that the protocol does not name are left out: 77 (4 voxels).",
        "On 1 scan(s) a labelling could not be scored against its reference: bad data: empty",
    ]
    rows = summarise(table).set_index("name")
    assert rows.loc["a", ["n", "mean"]].tolist() == [2, pytest.approx(0.85)]
    assert rows.loc["b", "std"] == pytest.approx(np.std([0.6, 0.5], ddof=1))
    assert rows.loc["all structures", ["mean", "std"]].tolist() == [pytest.approx(0.7), pytest.approx(0)]
    assert rows["index"].isna().tolist() == [False, False, True]


def test_without_references_there_is_nothing(tmp_path: Path) -> None:
    table, notes = collect(Output(tmp_path))
    assert table.empty
    assert notes == []
    assert summarise(table).empty
    assert isinstance(summarise(table), pd.DataFrame)
