"""How labels come to where they are compared."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from tests.audit.made_up import changed, conditions, found, with_facts


def test_nearest_transfer():
    c = conditions()
    assert (
        found(changed(c, c.pairs["method"] == "syn", evaluation="native, nearest"))["nearest-transfer"].severity
        == "serious"
    )
    assert found(conditions({"evaluation": "native, nearest"}))["nearest-transfer"].severity == "moderate"


def test_labels_on_the_references_grid():
    assert found(conditions({"evaluation": "reference, nearest"}))["reference-grid"].severity == "moderate"
    c = conditions(variants=("own", "lumir"))
    there = changed(c, c.pairs["variant"] == "lumir", evaluation="reference, nearest")
    finding = found(there)["reference-grid"]
    # All methods went both ways, so none has an advantage.
    assert finding.severity == found(there)["nearest-transfer"].severity == "moderate"
    apart = replace(there, pairs=there.pairs[(there.pairs["variant"] == "own") | (there.pairs["method"] == "syn")])
    assert found(apart)["reference-grid"].severity == found(apart)["nearest-transfer"].severity == "serious"
    assert found(there)["nearest-transfer"].evidence == "36 of 72 rows: identity (lumir), greedy (lumir), syn (lumir)."
    assert "on native grids" not in finding.evidence
    assert "reversed" not in finding.evidence
    of = conditions(variants=("own", "lumir"), subjects=12)
    there = changed(of, of.pairs["variant"] == "lumir", evaluation="reference, nearest")
    best = (of.pairs["variant"] == "lumir") & (of.pairs["method"] == "syn")
    lower = there.pairs.loc[best, "dice_mean"] - 0.2
    turned = found(changed(there, best, dice_mean=lower), compared=True)["reference-grid"]
    assert "The order of greedy and syn is reversed, both for certain." in turned.evidence
    assert turned.severity == "serious"
    assert "reference-grid" not in found(c)


def test_labels_carried_from_another_contrast():
    c = conditions(subjects=12)
    carried = with_facts(c, labeller="carried")
    assert "carried-labels" not in found(carried)  # T1w scans have their own
    scans = {"braincolor": {s.replace("T1w", "T2w"): f for s, f in carried.scans["braincolor"].items()}}
    c = replace(carried, pairs=c.pairs.replace("T1w", "T2w", regex=True), scans=scans)
    finding = found(c)["carried-labels"]
    assert finding.severity == "moderate"
    assert "T2w" in finding.what
    own = c.pairs.assign(labelling="own")
    own.loc[own["method"] == "syn", "dice_mean"] -= 0.2
    facts = {s: replace(f, labeller="existing") for s, f in scans["braincolor"].items()}
    both = replace(c, pairs=pd.concat([c.pairs, own], ignore_index=True), scans={**scans, "own": facts})
    assert found(both)["carried-labels"].severity == "moderate"
    finding = found(both, compared=True)["carried-labels"]
    assert finding.severity == "serious"
    assert "by own: " in finding.evidence
    assert "reversed, both for certain" in finding.evidence
