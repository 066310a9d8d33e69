"""Runs of protocols of the paper, to be set beside its numbers."""

from __future__ import annotations

from functools import cache
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd

from lumirage_bids.audit.published import RunFacts, published_differences
from lumirage_bids.execution.batch_files import start_name
from lumirage_bids.experiment import protocol as protocols
from lumirage_bids.experiment.arms import choose_arms
from lumirage_bids.experiment.descriptions import arm_tables
from lumirage_bids.experiment.settings import Settings

KINDS = {
    "nimh-t1w": [("T1w", "MPRAGE")],
    "nimh-ood": [("T2w", "TSE"), ("T2starw", "GRE"), ("FLAIR", "TSE")],
    "prime-de": [("T1w", "T1w")],
    "ultracortex": [("T1w", "MPRAGE"), ("T1w", "MP2RAGE")],
}


@cache
def run_of(name: str, *variants: str) -> tuple[pd.DataFrame, RunFacts]:
    """What a run of a protocol leaves behind: score rows of all its arms, and the paper's network; and its facts.

    Of the variants that a plain run has, or of those that are asked for.
    """
    protocol = protocols.load(name)
    methods = (*protocol.default_methods, "vfa")
    settings = Settings(
        bids_dir=Path("b"), out_dir=Path("o"), level="participant", methods=methods, variants=variants, dry_run=True
    )
    scans = [(str(i), suffix, kind) for suffix, kind in KINDS[name] for i in range(3)]
    scans = [(f"{place}{kind}" if name == "ultracortex" else place, suffix, kind) for place, suffix, kind in scans]
    tables, preparations, parameters = [], {}, {}
    for arm in choose_arms(protocol, settings):
        of = arm_tables(arm)
        preparations[arm.variant] = of["preparation"]
        named = {
            f"{table} {k}": v
            for table, x in (("alignment", of["alignment"]), (arm.name, of["method"]))
            for k, v in x.items()
        }
        parameters.setdefault(arm.variant, {}).update(named)
        for labelling in protocol.labellings:
            rows = pairs(scans, {arm.name: 0.7}, variant=arm.variant, labelling=labelling, start=start_name(arm))
            across = rows["split"].map(lambda split: len(set(split.split(" to "))) > 1)
            similarity = [arm.method.similarity_for(multimodal=bool(x)) for x in across]
            more = {"dice_prepared": rows["dice_mean"] + 0.05} if arm.evaluation.grid == "prepared" else {}
            seen = str(arm.method.own_input or "as prepared")
            tables.append(rows.assign(similarity=similarity, input=seen, evaluation=arm.evaluation.words, **more))
    sources = dict.fromkeys(protocol.labellings, "existing maps")
    return pd.concat(tables, ignore_index=True), RunFacts(
        preparations=preparations, parameters=parameters, sources=sources
    )


@cache
def differences_of(name: str, *variants: str) -> pd.DataFrame:
    table, facts = run_of(name, *variants)
    return published_differences(table, name, facts)


def pairs(scans: list[tuple[str, str, str]], methods: dict[str, float], **columns: object) -> pd.DataFrame:
    """All ordered pairs of (subject, suffix, sequence) within a suffix."""
    random = np.random.default_rng(0)
    rows = [
        {
            **{"variant": "default", "method": method, "labelling": "synthseg", "split": f"{m[2]} to {f[2]}"},
            **{"moving": f"sub-{m[0]}_{m[1]}", "fixed": f"sub-{f[0]}_{f[1]}", "status": "ok", "similarity": "lncc"},
            **{"dice_mean": dice + random.normal(0, 0.02), "start": "centre_of_mass", "evaluation": "native"},
        }
        for m, f in permutations(scans, 2)
        if m[1] == f[1]
        for method, dice in methods.items()
    ]
    return pd.DataFrame(rows).assign(**columns)
