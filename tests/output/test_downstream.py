"""What was found out of transforms, as the group level has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from lumirage_bids.output.downstream import CHAINS, DRAWN, FUSED, Downstream, collect
from lumirage_bids.output.folder import Output
from lumirage_bids.output.score_table import LATEST


def written(output: Output, name: str, row: dict[str, object], **more: str) -> None:
    file = Path(f"sub-1/anat/sub-1_{name}.tsv")
    with output.publishing(file, {"Hash": "h", "Arm": "greedy"}):
        output.write_table(file, pd.DataFrame([{**row, "conditions": "c", "drawn": "d", **more}]))


def test_rows_that_count_are_read_with_their_kinds(tmp_path: Path) -> None:
    output = Output(tmp_path)
    output.write_json(LATEST, {"greedy": "c", "greedy/manual": "c", DRAWN: "d"})
    chain = {**dict.fromkeys(CHAINS, "x"), "error_mm": 1.5}
    fused = {**dict.fromkeys(FUSED, "x"), "labelling": "manual", "n_structures": 3, "dice": np.nan, "dice_single": 0.5}
    written(output, "desc-greedy_consistency", chain)
    written(output, "desc-other_consistency", chain, drawn="before")
    written(output, "seg-manual_desc-greedy_fusion", fused)
    written(output, "seg-manual_desc-other_fusion", fused, conditions="before")
    found = collect(output)
    assert found.chains[["scan", "error_mm"]].to_dict("records") == [{"scan": "x", "error_mm": 1.5}]
    assert list(found.chains.columns) == list(CHAINS)
    assert found.fused["dice_single"].tolist() == [0.5]
    assert found.fused["dice"].isna().all()
    output.disown(Path("sub-1/anat/sub-1_desc-greedy_consistency.tsv"))
    assert collect(output).chains.empty


def test_an_error_of_going_there_and_back_goes_to_the_rows_of_its_pair_that_have_scores() -> None:
    of = {"variant": "default", "method": "greedy"}
    chains = [
        {**of, "scan": "a", "via": "b", "to": "a", "error_mm": 1.0},
        {**of, "scan": "b", "via": "a", "to": "b", "error_mm": 2.0},
        {**of, "scan": "a", "via": "b", "to": "c", "error_mm": 4.0},
    ]
    found = Downstream(chains=pd.DataFrame(chains), fused=pd.DataFrame(columns=list(FUSED)))
    assert found.triples["error_mm"].tolist() == [4.0]
    rows = pd.DataFrame(
        [
            {**of, "moving": "b", "fixed": "a", "status": "ok"},
            {**of, "moving": "a", "fixed": "b", "status": "failed"},
            {**of, "moving": "c", "fixed": "a", "status": "ok"},
        ]
    )
    np.testing.assert_array_equal(found.add_both_ways(rows)["both_ways_mm"], [1.0, np.nan, np.nan])
