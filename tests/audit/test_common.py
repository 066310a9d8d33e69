"""What several rules ask: pairs in common, and orders that turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lumirage_bids.audit import AuditedRun, StructureFacts
from lumirage_bids.audit.common import common_means, different_subjects
from lumirage_bids.stats.summaries import summarise
from tests.audit.made_up import changed, conditions, found, some_pairs, with_facts
from tests.stats.made_up import score_table


def turning(subjects: int, *, lift: float = 0.3, noise: float = 0.0) -> AuditedRun:
    """Greedy is above syn by a structure without boundary alone, below it by the others."""
    c = conditions(subjects=subjects, gains={"identity": 0, "greedy": 0.2, "syn": 0.23})
    wide = c.structures["braincolor"].copy()
    greedy = (wide["method"] == "greedy").to_numpy()
    more = np.random.default_rng(1).normal(0, noise, len(wide)) if noise else 0.0
    wide.loc[greedy, "dice_2"] += (lift + more * np.ones(len(wide)))[greedy]
    pairs = c.pairs.copy()
    pairs["dice_mean"] = wide[[f"dice_{i}" for i in range(1, 5)]].mean(axis=1).to_numpy()
    scan = next(iter(c.scans["braincolor"].values()))
    bare = {**scan.structures, 2: StructureFacts(volume=100, contrast=0.05, bare=0.4, cut=0)}
    return with_facts(replace(c, pairs=pairs, structures={"braincolor": wide}), structures=bare)


def test_a_reversal_by_structures_without_a_boundary_is_serious_where_it_is_certain():
    finding = found(turning(12), compared=True)["no-intensity-boundary"]
    assert finding.severity == "serious"
    assert "The order of greedy and syn is reversed, both for certain." in finding.evidence


@pytest.mark.parametrize(
    "c",
    [
        pytest.param(turning(2), id="too few subjects"),
        pytest.param(turning(12, lift=0.13, noise=0.4), id="not certain before"),
        pytest.param(turning(12, lift=0.0), id="the same order"),
    ],
)
def test_no_reversal_is_told_that_is_not_certain(c):
    finding = found(c, compared=True)["no-intensity-boundary"]
    assert finding.severity == "moderate"
    assert "reversed" not in finding.evidence
    assert "reversed" not in found(turning(12))["no-intensity-boundary"].evidence  # nothing is known to be certain


def test_arms_of_two_evaluations_have_no_order_to_reverse():
    c = turning(12)
    other = {"evaluation": "reference, nearest"}
    wide = c.structures["braincolor"].copy()
    wide.loc[wide["method"] == "greedy", "evaluation"] = other["evaluation"]
    c = changed(replace(c, structures={"braincolor": wide}), c.pairs["method"] == "greedy", **other)
    assert "reversed" not in found(c, compared=True)["no-intensity-boundary"].evidence


def test_noise_makes_no_sentence_of_order():
    """Two equal methods on two sequences: trimming, bare and absent structures are told, an order never is."""
    said, seen = [], set()
    for seed in range(12):
        kind = {"kinds": ("A", "B", "B", "B"), "subjects": 12, "gains": {"identity": 0, "a": 0.2, "b": 0.2}}
        c = conditions(**kind, seed=seed)
        noisy = np.random.default_rng(seed).normal(0, 0.02, (len(c.pairs), 4))
        wide = c.structures["braincolor"].copy()
        wide[[f"dice_{i}" for i in range(1, 5)]] += noisy
        wide.loc[some_pairs(c, 9).to_numpy(), "dice_3"] = np.nan
        scan = next(iter(c.scans["braincolor"].values()))
        bare = {**scan.structures, 2: StructureFacts(volume=100, contrast=0.05, bare=0.4, cut=0)}
        mean = wide[[f"dice_{i}" for i in range(1, 5)]].mean(axis=1).to_numpy()
        c = with_facts(
            replace(c, pairs=c.pairs.assign(dice_mean=mean), structures={"braincolor": wide}), structures=bare
        )
        findings = found(replace(c, training={"a": "none", "b": "none"}, luts={"braincolor": {}}), compared=True)
        seen |= set(findings)
        said.append(any("reversed" in f.evidence for f in findings.values()))
    assert {"trimming", "no-intensity-boundary", "absent-structures"} <= seen
    assert not any(said)  # by the means alone, three of them turn


def test_pairs_in_common_are_those_of_the_verdict():
    pairs, _ = score_table(subjects=8, kinds=("T1w",), gains={"identity": 0.0, "a": 0.1, "b": 0.2, "c": 0.3}, seed=4)
    draw = np.random.default_rng(0).random(len(pairs))
    failed = ((pairs["method"] == "c") & (draw < 0.3)) | ((pairs["method"] == "b") & (draw < 0.03))
    pairs = pairs.assign(status=np.where(failed, "failed", "ok"), dice_mean=pairs["dice_mean"].mask(failed))
    assert 0 < (failed & (pairs["method"] == "b")).sum() < 3
    rows = summarise(pairs).query("split == 'all'").set_index("method")
    means = common_means(different_subjects(pairs))
    assert set(means) == {"identity", "a", "b"}
    assert means == pytest.approx(rows.loc[list(means), "mean_common"].to_dict())
