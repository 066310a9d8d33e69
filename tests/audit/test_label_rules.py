"""Labels that favour a method or tell little of the anatomy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.audit import StructureFacts, audit, few_classes, labels_from_intensities
from tests.audit.made_up import changed, conditions, found, made_by, with_facts


@pytest.mark.parametrize(
    ("labellers", "critical"),
    [
        ({"tissue": "atropos"}, True),
        ({"tissue": "atropos", "manual": "existing"}, False),
        ({"tissue": "existing"}, False),
        ({}, False),
    ],
)
def test_labels_from_intensities(labellers, critical):
    assert bool(labels_from_intensities(made_by(**labellers))) is critical


def test_labels_from_intensities_beside_others_are_noted():
    beside = replace(
        conditions(labellings=("braincolor", "tissue")), labellers=made_by(braincolor="existing", tissue="atropos")
    )
    finding = found(beside)["labels-from-intensities"]
    assert (finding.severity, finding.what) == (
        "note",
        "Labels of tissue are made from the intensities that are registered: their overlap does not show which "
        "method is better.",
    )
    assert finding.evidence.startswith("The labels (tissue) are classes")


def test_labels_from_intensities_come_first():
    c = replace(conditions(), labellers=made_by(braincolor="atropos", unused="existing"))
    findings = audit(replace(c, tuned={"greedy": "yes"}))
    assert (findings[0].id, findings[0].severity) == ("labels-from-intensities", "critical")


def test_a_few_classes_all_over_the_brain():
    """Three tissues or four halves of the brain; but neither six small nuclei, nor many parcels."""
    spread = {i: StructureFacts(volume=200_000, contrast=0.9, bare=0.0, cut=0.0) for i in range(1, 5)}
    c = with_facts(conditions(), structures=spread)
    finding = found(c)["few-classes"]
    assert finding.severity == "serious"
    assert "4 classes" in few_classes(c)["braincolor"]
    assert "10.1109/TMI.2011.2163944" in finding.evidence
    assert few_classes(conditions()) == {}  # four small ones
    assert few_classes(with_facts(conditions(structures=20), structures={})) == {}
    # Beside labels of the whole brain, what nuclei alone cover is not its size.
    nuclei = with_facts(conditions(), brain_extent=(34, 23, 29))
    assert "braincolor" in few_classes(nuclei)
    whole = conditions().scans["braincolor"]
    assert few_classes(replace(nuclei, scans={**nuclei.scans, "tissue": whole})) == {}
    # Without facts, three classes are taken for tissues.
    assert "3 classes" in few_classes(with_facts(conditions(structures=3), structures={}))["braincolor"]
    # There is a verdict: manual labels are not made from the intensities.
    assert labels_from_intensities(made_by(braincolor="existing")) == ""


def test_structures_without_a_boundary():
    c = conditions()
    scan = next(iter(c.scans["braincolor"].values()))
    bare = {**scan.structures, 2: StructureFacts(volume=100, contrast=0.2, bare=0.8, cut=0)}
    finding = found(with_facts(c, structures=bare), compared=True)["no-intensity-boundary"]
    assert "reversed" not in finding.evidence
    assert finding.what.startswith("1 of 4 structures")
    assert "structure 2 (80 %)" in finding.evidence
    assert "25 % of the mean" in finding.evidence
    rows = c.structures["braincolor"]
    rest = rows.loc[rows["method"] == "greedy", ["dice_1", "dice_3", "dice_4"]].mean(axis=1).mean()
    assert f"without them {rest:.3f}" in finding.evidence


def test_absent_structures_under_the_other_rules():
    c = conditions()
    names = {**c.luts["braincolor"], 5: "nowhere"}
    finding = found(replace(c, luts={"braincolor": names}))["absent-structures"]
    rows = c.structures["braincolor"]
    here = rows.loc[rows["method"] == "greedy", [f"dice_{i}" for i in range(1, 5)]].mean(axis=1).mean()
    assert f"greedy {here:.3f}, scored as 0 {here * 4 / 5:.3f}, as 1 {(here * 4 + 1) / 5:.3f}" in finding.evidence
    assert "1.0 of 5 per pair" in finding.evidence
    assert "1 in every pair" in finding.evidence
    assert finding.severity == "moderate"


def test_a_general_look_up_table_does_not_tell_what_is_absent():
    c = conditions()
    names = {**c.luts["braincolor"], **{i: f"elsewhere {i}" for i in range(100, 200)}}
    assert "absent-structures" not in found(replace(c, luts={"braincolor": names}))


def test_cut_labels():
    c = conditions()
    scan = next(iter(c.scans["braincolor"].values()))
    cut = {**scan.structures, 3: StructureFacts(volume=100, contrast=0.9, bare=0, cut=0.12)}
    finding = found(with_facts(c, structures=cut))["labels-cut"]
    assert "4 of 4 scans, 1 structures: structure 3" in finding.evidence
    assert "12 % of the surface" in finding.evidence


def test_trimming():
    """Greedy fails on two pairs, SyN on two others: trimmed, each is judged without what it found hard."""
    c = conditions(subjects=7, gains={"identity": 0, "greedy": 0.2, "syn": 0.21})
    pairs = sorted(set(zip(c.pairs["moving"], c.pairs["fixed"], strict=True)))
    for method, bad, lost in (("greedy", pairs[:2], 0.1), ("syn", pairs[2:4], 0.6)):
        chosen = np.array([p in bad for p in zip(c.pairs["moving"], c.pairs["fixed"], strict=True)])
        rows = (c.pairs["method"] == method) & chosen
        c = changed(c, rows, dice_mean=c.pairs.loc[rows, "dice_mean"] - lost)
    finding = found(c, compared=True)["trimming"]
    assert finding.severity == "moderate"
    assert "0 % of the dropped pairs are dropped for all" in finding.evidence
    assert "reversed" not in finding.evidence


def test_trimming_that_drops_the_same_pairs_breaks_nothing():
    c = conditions(subjects=7, gains={"identity": 0, "greedy": 0.2})
    greedy = c.pairs[c.pairs["method"] == "greedy"]
    same = greedy.assign(method="syn", dice_mean=greedy["dice_mean"] + 0.1)
    assert "trimming" not in found(replace(c, pairs=pd.concat([c.pairs, same], ignore_index=True)))
