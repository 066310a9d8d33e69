"""What was found out of transforms after scoring: read from the output folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lumirage_bids.output.folder import Output
from lumirage_bids.output.score_table import COLUMNS as SCORES
from lumirage_bids.output.score_table import LATEST

DRAWN = "downstream: scans"
"""What the draw is called where conditions are noted."""

_ARM = {"variant": SCORES["variant"], "method": SCORES["method"]}
_INTERNAL: dict[str, dict[str, Any]] = {
    "conditions": {"Description": "Digest of what rows must share to be summed up: parameters, reference, labeller"},
    "drawn": {"Description": "Digest of the scans that were drawn"},
}
CHAINS: dict[str, dict[str, Any]] = {
    **_ARM,
    "scan": {"Description": "Scan whose brain's points are carried"},
    "via": {"Description": "Scan that they are carried to first, by the transform with scan fixed and via moving"},
    "to": {"Description": "Scan that they are carried to then, by the transform with via fixed and to moving"},
    "error_mm": {
        "Description": "Mean distance in the world of to, over scan's brain mask, between where points end and where "
        "the transform with scan fixed and to moving takes them; where to is scan itself, from where they began. n/a "
        "where one of these registrations failed",
        "Units": "mm, lower is better",
    },
}
FUSED: dict[str, dict[str, Any]] = {
    **_ARM,
    "labelling": SCORES["labelling"],
    "fusion": {"Description": "How the atlases' labels were made one: majority (vote) or staple"},
    "scan": {"Description": "Scan whose labels were made of the atlases'"},
    "atlases": {"Description": "Scans whose labels were carried to it, none of the same subject; separated by blanks"},
    "n_structures": {"Description": "Structures that are scored: those present in the scan's map and in all atlases'"},
    "dice": {
        "Description": "Mean Dice over these of the fused and the scan's own labels, on the scan's native grid; n/a "
        "where the registration of an atlas failed",
        "Units": "1, higher is better",
        "Reference": "https://doi.org/10.2307/1932409",
    },
    "dice_single": {
        "Description": "Mean Dice over these structures of the atlases' labels one by one, mean over the atlases",
        "Units": "1, higher is better",
    },
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Downstream:
    """What counts of it.

    Attributes
    ----------
    chains : DataFrame
        `CHAINS`; a row an arm and chain of two transforms.
    fused : DataFrame
        `FUSED`; a row an arm, labelling, way of fusion and scan.
    """

    chains: pd.DataFrame
    fused: pd.DataFrame

    def add_both_ways(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rows of scores with the error of going there and back, where it is known: column ``both_ways_mm``."""
        back = self.chains[self.chains["scan"] == self.chains["to"]]
        if back.empty:
            return table
        key = ["variant", "method", "moving", "fixed"]
        errors = back.rename(columns={"via": "moving", "scan": "fixed"}).set_index(key)["error_mm"]
        rows = pd.MultiIndex.from_frame(table[key])
        return table.assign(both_ways_mm=errors.reindex(rows).where(np.asarray(table["status"] == "ok")).to_numpy())

    @property
    def triples(self) -> pd.DataFrame:
        """Chains over three scans."""
        return self.chains[self.chains["scan"] != self.chains["to"]]


def nothing() -> Downstream:
    """Where a protocol asks for none of it."""
    return Downstream(chains=pd.DataFrame(columns=list(CHAINS)), fused=pd.DataFrame(columns=list(FUSED)))


def dictionary(columns: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Columns of a scan's own table."""
    return {**columns, **_INTERNAL}


def collect(output: Output) -> Downstream:
    """All that was found out under the latest conditions, of the scans that the latest run drew."""
    wanted = output.read_json(LATEST)
    if DRAWN not in wanted:
        return nothing()

    def read(pattern: str, columns: dict[str, dict[str, Any]]) -> pd.DataFrame:
        tables = [_keep_current(output, file, wanted) for file in output.find(f"sub-*/**/{pattern}")]
        whole = pd.concat([t for t in tables if len(t)], ignore_index=True) if any(map(len, tables)) else pd.DataFrame()
        whole = whole.reindex(columns=list(columns))
        numbers = [name for name, entry in columns.items() if "Units" in entry or name.startswith("n_")]
        return whole.astype(dict.fromkeys(numbers, float))

    return Downstream(chains=read("*_consistency.tsv", CHAINS), fused=read("*_fusion.tsv", FUSED))


def _keep_current(output: Output, file: Path, wanted: dict[str, Any]) -> pd.DataFrame:
    """Rows of a file that count; none of one whose sidecar is gone, since it is being replaced."""
    table = output.read_table(file)
    if table.empty or output.hash_of(file) is None:
        return pd.DataFrame()
    key = str(output.read_sidecar(file).get("Arm"))
    key += f"/{table['labelling'].iloc[0]}" if "labelling" in table else ""
    return table[(table["conditions"] == wanted.get(key)) & (table["drawn"] == wanted.get(DRAWN))]
