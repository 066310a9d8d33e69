"""What the group level reads of a run."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from lumirage_bids.audit import AuditedRun
from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.read_run import RunRead, find_rungs, tell_lacking
from lumirage_bids.stats.landmarks import LandmarkScores
from tests.report.situations import table
from tests.stats.made_up import downstream_scores, score_table


def test_a_rung_begins_with_the_variant_that_is_the_same_in_all_else():
    worse = {"kind": "noise", "size": 0.2, "seed": 0}
    preparations = {
        "plain": {"spacing": 2.0},
        "noisy": {"spacing": 2.0, "perturbation": worse},
        "rigid-noisy": {"spacing": 2.0, "perturbation": worse},
        "other-seed": {"spacing": 2.0, "perturbation": {**worse, "seed": 1}},
        "coarse-noisy": {"spacing": 3.0, "perturbation": worse},
        "reference-noisy": {"spacing": 2.0, "perturbation": worse},
    }
    parameters = {name: {"alignment transform": "affine"} for name in preparations}
    parameters["rigid-noisy"] = {"alignment transform": "rigid"}
    pairs = table(variants=tuple(preparations), groups={"T1w": 3})
    pairs.loc[pairs["variant"] == "reference-noisy", "evaluation"] = "reference"
    found = find_rungs(AuditedRun(pairs=pairs, preparations=preparations, parameters=parameters))
    assert {name: rung.base for name, rung in found.items()} == {
        **{"noisy": "plain", "rigid-noisy": "", "other-seed": "plain", "coarse-noisy": "", "reference-noisy": ""}
    }
    assert len({rung.ladder for rung in found.values()}) == len(found)
    assert {(rung.kind, rung.size, rung.unit) for rung in found.values()} == {
        ("noise", 0.2, "of the brain's intensity range")
    }


@pytest.mark.parametrize("variants", [("plain", "noisy"), ("noisy",)])
def test_what_is_perturbed_is_compared_only_where_there_is_nothing_else(variants):
    worse = {"kind": "noise", "size": 0.2, "seed": 0}
    known = {"plain": {"spacing": 2.0}, "noisy": {"spacing": 2.0, "perturbation": worse}}
    pairs = table(variants=variants, groups={"T1w": 3})
    run = RunRead(
        every=AuditedRun(pairs=pairs, preparations={name: known[name] for name in variants}),
        notes=[],
        first_score="",
        followed=None,
        landmarks=LandmarkScores(errors=pd.DataFrame(), placements=pd.DataFrame()),
        surfaces={"braincolor": pairs},
    )
    scores = run.scores(Criteria())
    assert set(scores.pairs["variant"]) == set(scores.surfaces["braincolor"]["variant"]) == {variants[0]}
    assert set(run.perturbed_pairs["variant"]) == set(variants[1:])
    assert scores.every_pair is pairs
    assert set(scores.rungs) == {"noisy"}


def test_it_is_told_where_transforms_wait_to_be_composed():
    pairs, _ = score_table(variants=("base",))
    found = downstream_scores(5, ("identity", "syn"))
    drawn = sorted(found.chains["scan"].unique())
    every = AuditedRun(pairs=pairs)
    arms = set(pairs["method"])
    assert {"identity", "syn"} < arms
    notes = list(tell_lacking(every, found, drawn))
    assert len(notes) == len(arms) - 2
    assert all("for 0 of 5 drawn scans" in note for note in notes)
    some = replace(found, chains=found.chains[found.chains["scan"] != drawn[0]])
    assert "transforms of syn were composed for 4 of 5 drawn scans" in " ".join(tell_lacking(every, some, drawn))
    assert not list(tell_lacking(every, found, ()))
    control = pairs[pairs["method"] == "syn"].assign(method="curt")
    given = control.assign(method="theirs", transfer="given")
    more = AuditedRun(pairs=pd.concat([pairs, control, given], ignore_index=True))
    assert list(tell_lacking(more, found, drawn)) == notes
