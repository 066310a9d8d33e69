"""Runs without fault, and ways to spoil them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from lumirage_bids.audit import AuditedRun, Finding, ScanFacts, StructureFacts, audit
from lumirage_bids.output.record import MadeBy
from lumirage_bids.stats.comparisons import compare
from tests.stats.made_up import score_table


def conditions(columns: dict[str, Any] | None = None, **kind: Any) -> AuditedRun:
    """A run without fault: one contrast, one start, one grid, all structures in all scans."""
    pairs, structures = score_table(**{"kinds": ("MPRAGE",), "subjects": 4, **kind})
    structures = {name: wide.drop(columns="labelling") for name, wide in structures.items()}  # as they are read
    fine = {"similarity": "lncc", "start": "aligned", "input": "native spacing", "evaluation": "native"}
    pairs = pairs.assign(**{**fine, **(columns or {})})
    names = sorted(set(pairs["moving"]))
    count = sum(c.startswith("dice_") for c in structures["braincolor"].columns)
    facts = {i: StructureFacts(volume=8000, contrast=0.9, bare=0.0, cut=0.0) for i in range(1, count + 1)}
    scan = ScanFacts(
        spacing=(1, 1, 1), brain_extent=(140, 170, 130), mutual_information=1, label_entropy=4, structures=facts
    )
    return AuditedRun(
        pairs=pairs,
        structures=structures,
        luts={"braincolor": {i: f"structure {i}" for i in facts}},
        scans={"braincolor": dict.fromkeys(names, scan)},
        preparations={v: {"spacing": None, "orientation": "RAS"} for v in pairs["variant"].unique()},
        sources={"braincolor": "existing maps by 'braincolor'"},
    )


def made_by(**labellers: str) -> dict[str, MadeBy]:
    """Each labelling by a labeller that makes its labels itself."""
    return {
        name: MadeBy(labeller=labeller, maker=labeller, from_intensities=labeller == "atropos")
        for name, labeller in labellers.items()
    }


def found(c: AuditedRun, *, compared: bool = False) -> dict[str, Finding]:
    """Findings by their ids; where `compared`, of an audit that knows which order is certain."""
    return {finding.id: finding for finding in audit(c, compare(c.pairs) if compared else None)}


def changed(c: AuditedRun, rows: pd.Series, **values: Any) -> AuditedRun:
    pairs = c.pairs.copy()
    for column, value in values.items():
        pairs.loc[rows, column] = value
    return replace(c, pairs=pairs)


def with_facts(c: AuditedRun, **values: Any) -> AuditedRun:
    scans = {name: {s: replace(f, **values) for s, f in of.items()} for name, of in c.scans.items()}
    return replace(c, scans=scans)


def learned(suffix: str = "T1w", seen: str = "160 × 192 × 144 voxels of 1 mm, RAS") -> AuditedRun:
    c = conditions(gains={"identity": 0, "greedy": 0.2, "lapirn": 0.1})
    pairs = c.pairs.replace("T1w", suffix, regex=True)
    scans = {"braincolor": {s.replace("T1w", suffix): f for s, f in c.scans["braincolor"].items()}}
    c = replace(c, pairs=pairs, scans=scans)
    return changed(c, pairs["method"] == "lapirn", input=seen)


def some_pairs(c: AuditedRun, n: int) -> pd.Series:
    """Rows of the first pairs."""
    keys = c.pairs["moving"] + c.pairs["fixed"]
    return keys.isin(sorted(keys.unique())[:n])
