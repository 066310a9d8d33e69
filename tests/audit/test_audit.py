"""Every rule of the audit: found where the condition is there, silent where it is not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lxml import html

from lumirage_bids.audit import (
    AUDIT,
    SEVERITIES,
    Conditions,
    Finding,
    ScanFacts,
    StructureFacts,
    audit,
    audit_table,
    few_classes,
    labels_from_intensities,
    name_unchecked,
    read_conditions,
)
from lumirage_bids.audit.common import common_means, different_subjects
from lumirage_bids.audit.literature import literature
from lumirage_bids.audit.networks import shared_scans
from lumirage_bids.labellers import labeller
from lumirage_bids.methods.base import OwnInput, Training
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import MadeBy
from lumirage_bids.report.audit_section import audit_section
from lumirage_bids.report.group_page import ReportContext, group_tables, write_group_report
from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.summaries import summarise
from tests.stats.made_up import score_table


def conditions(columns: dict[str, Any] | None = None, **kind: Any) -> Conditions:
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
    return Conditions(
        pairs=pairs,
        structures=structures,
        luts={"braincolor": {i: f"structure {i}" for i in facts}},
        scans={"braincolor": dict.fromkeys(names, scan)},
        preparations={v: {"spacing": None, "orientation": "RAS"} for v in pairs["variant"].unique()},
        sources={"braincolor": "existing maps by 'braincolor'"},
    )


def made_by(**labellers: str) -> dict[str, MadeBy]:
    """Each labelling by a labeller that makes its labels itself."""
    return {name: MadeBy(labeller=labeller, maker=labeller) for name, labeller in labellers.items()}


def found(c: Conditions, *, compared: bool = False) -> dict[str, Finding]:
    """Findings by their ids; where `compared`, of an audit that knows which order is certain."""
    return {finding.id: finding for finding in audit(c, compare(c.pairs) if compared else None)}


def changed(c: Conditions, rows: pd.Series, **values: Any) -> Conditions:
    pairs = c.pairs.copy()
    for column, value in values.items():
        pairs.loc[rows, column] = value
    return replace(c, pairs=pairs)


def with_facts(c: Conditions, **values: Any) -> Conditions:
    scans = {name: {s: replace(f, **values) for s, f in of.items()} for name, of in c.scans.items()}
    return replace(c, scans=scans)


def test_nothing_is_found_where_nothing_is_wrong():
    assert audit(conditions()) == []
    assert name_unchecked(conditions()) == []
    assert list(audit_table([]).columns) == list(AUDIT)


# Methods


def test_unimodal_similarity_on_pairs_of_two_sequences():
    c = conditions(kinds=("MPRAGE", "MP2RAGE"))
    finding = found(c)["unimodal-similarity"]
    assert finding.severity == "serious"
    # Two scans of each sequence: 8 of the 12 ordered pairs cross.
    assert "greedy (lncc): 8 of 12 pairs" in finding.evidence
    assert "unimodal-similarity" not in found(conditions({"similarity": "mind"}, kinds=("MPRAGE", "MP2RAGE")))


def test_a_sequence_that_is_not_known_is_not_another_sequence():
    assert "unimodal-similarity" not in found(conditions(kinds=("MPRAGE", "T1w")))


def test_unimodal_similarity_on_another_contrast_of_the_same_subject():
    c = conditions(rescanned=1)
    rescans = c.pairs["split"] == "same subject"
    other = c.pairs.loc[rescans, "moving"].str.replace("T1w", "T2w")
    assert "unimodal-similarity" not in found(c)
    assert "greedy (lncc): 2 of 20 pairs" in found(changed(c, rescans, moving=other))["unimodal-similarity"].evidence


def test_unequal_start():
    c = conditions()
    of_syn = c.pairs["method"] == "syn"
    finding = found(changed(c, of_syn, start="own"))["unequal-start"]
    assert "syn: own" in finding.evidence
    assert "greedy: aligned" in finding.evidence


def test_another_start_in_another_variant_is_meant():
    c = conditions(variants=("a", "b"))
    assert "unequal-start" not in found(changed(c, c.pairs["variant"] == "b", start="centre_of_mass"))


def test_what_a_run_noted_of_a_networks_grid_counts_before_words():
    c = replace(learned(seen="whatever"), scans=learned().scans)
    assert "off-training-grid" not in found(c)
    variant = str(c.pairs["variant"].iloc[0])
    other = OwnInput(words="whatever", shape=(96, 96, 96), spacing=(1.0, 1.0, 1.0), as_trained=False)
    told = found(replace(c, inputs={variant: {"lapirn": other}}))
    assert "Input: whatever" in told["off-training-grid"].evidence
    assert "exceeds whatever by" in told["brain-beyond-network-grid"].evidence


def test_unequal_input_but_for_the_floor():
    c = conditions()
    assert "syn: 1 mm" in found(changed(c, c.pairs["method"] == "syn", input="1 mm"))["unequal-input"].evidence
    assert "unequal-input" not in found(changed(c, c.pairs["method"] == "identity", input="1 mm"))


def test_registered_below_native():
    c = replace(conditions({"input": "1 mm"}), preparations={"default": {"spacing": 1.0}})
    fine = with_facts(c, spacing=(0.6, 0.6, 2.0))
    finding = found(fine)["registered-below-native"]
    assert "greedy: 1 mm, where 4 of 4 scans are finer, down to 0.6 mm" in finding.evidence
    assert "registered-below-native" not in found(c)


def test_a_networks_own_grid_below_native():
    c = conditions()
    c = with_facts(
        changed(c, c.pairs["method"] == "syn", input="160 × 192 × 144 voxels of 1 mm, RAS"), spacing=(0.6,) * 3
    )
    evidence = found(c)["registered-below-native"].evidence
    assert "syn: 1 mm" in evidence
    assert "greedy" not in evidence


def test_evaluated_below_native():
    c = replace(conditions(), preparations={"default": {"spacing": 1.0}})
    c = replace(c, pairs=c.pairs.assign(dice_prepared=c.pairs["dice_mean"] + 0.05))
    assert "+0.050" in found(with_facts(c, spacing=(0.6,) * 3))["evaluated-below-native"].evidence
    assert "evaluated-below-native" not in found(c)


def learned(suffix: str = "T1w", seen: str = "160 × 192 × 144 voxels of 1 mm, RAS") -> Conditions:
    c = conditions(gains={"identity": 0, "greedy": 0.2, "lapirn": 0.1})
    pairs = c.pairs.replace("T1w", suffix, regex=True)
    scans = {"braincolor": {s.replace("T1w", suffix): f for s, f in c.scans["braincolor"].items()}}
    c = replace(c, pairs=pairs, scans=scans)
    return changed(c, pairs["method"] == "lapirn", input=seen)


def test_off_training_contrast():
    finding = found(learned("T2w"))["off-training-contrast"]
    assert "12 of 12 pairs have T2w" in finding.evidence
    assert "off-training-contrast" not in found(learned())


def test_off_training_contrast_under_another_name():
    c = learned("FLAIR")
    c = replace(c, pairs=c.pairs.replace("lapirn", "mine"), methods={"mine": "lapirn"})
    assert "mine" in found(c)["off-training-contrast"].what


def test_off_training_grid():
    assert "off-training-grid" in found(learned(seen="as-given: as prepared, padded"))
    assert "off-training-grid" not in found(learned())


def test_trained_on_these_scans():
    c = replace(learned(), dataset="LUMirage evaluation of Skull-stripped OASIS T1w scans")
    assert "OASIS" in found(c)["training-data"].evidence
    # LUMirage is not LUMIR, in whose data VFA was trained.
    vfa = replace(c, pairs=c.pairs.replace("lapirn", "vfa"), dataset="LUMirage evaluation of scans")
    assert "training-data" not in found(vfa)
    ixi = found(replace(vfa, dataset="IXI"))["training-data"]
    assert "IXI is part of OpenBHB, from which LUMIR has scans." in ixi.evidence


@pytest.mark.parametrize(
    ("dataset", "trained_on", "told"),
    [
        ("IXI", "OpenBHB", "IXI is part of OpenBHB."),
        ("ABIDE II", "LUMIR", "ABIDE is part of OpenBHB, from which LUMIR has scans."),
        ("OpenBHB, quasi-raw", "LUMIR", "OpenBHB is part of LUMIR."),
        ("OpenBHB", "IXI", "IXI is part of OpenBHB."),
        ("Mindboggle-101", "OASIS", "OASIS is part of Mindboggle."),
        ("BrainCOLOR maps", "Mindboggle", "BrainCOLOR and Mindboggle both have scans of OASIS."),
        ("my own study", "my own study", "The name is that of my own study."),
        ("a pixie's brain", "OpenBHB", ""),
        ("binary scans", "LUMIR", ""),
        ("NIMH", "OASIS", ""),
    ],
)
def test_datasets_that_share_scans(dataset, trained_on, told):
    assert shared_scans(dataset, [trained_on]) == told


def test_unknown_training():
    """Of a program, a file of fields, a network: until it is declared, it is not known, and that is said."""
    for kind in ("torchscript", "command", "precomputed"):
        c = replace(conditions(gains={"identity": 0, "greedy": 0.1, "mine": 0.1}), methods={"mine": kind})
        finding = found(c)["training-unknown"]
        assert finding.severity == "note"
        assert "mine: whether it was trained, and on what" in finding.evidence
        assert "greedy" not in finding.evidence
        assert "training-unknown" not in found(replace(c, training={"mine": "none"}))
        some = replace(c, training={"mine": Training(contrasts=("T1w",), species=("human",), labels=("none",))})
        assert "mine: datasets of its training" in found(some)["training-unknown"].evidence
    assert "training-unknown" not in found(learned())


def declared(**facts: Any) -> Conditions:
    """A program of the user's, with a declared training."""
    c = replace(conditions(gains={"identity": 0, "greedy": 0.1, "mine": 0.1}), methods={"mine": "command"})
    whole = {"contrasts": ("T1w",), "species": ("human",), "datasets": ("elsewhere",), "labels": ("none",)}
    return replace(c, training={"mine": Training(**{**whole, **facts})})


def test_a_declared_training_is_judged_like_that_of_a_method_of_the_package():
    assert audit(declared()) == []
    assert "12 of 12 pairs have T1w" in found(declared(contrasts=("T2w",)))["off-training-contrast"].evidence
    assert "off-training-contrast" not in found(declared(contrasts=("any",)))
    assert found(declared(labels=("BrainColor",)))["training-labels"].severity == "serious"
    assert "training-data" in found(replace(declared(datasets=("OpenBHB",)), dataset="IXI"))


def test_a_network_for_humans_on_macaques():
    small = with_facts(declared(), brain_extent=(62, 76, 55))
    assert "at most 76 mm long" in found(small)["off-training-species"].evidence
    assert "off-training-species" not in found(declared())
    assert "off-training-species" not in found(with_facts(declared(species=("macaque",)), brain_extent=(62, 76, 55)))


# Effort, pairs, failures, folds

FULL, QUICK = ((8, 200), (4, 100), (2, 50), (1, 20)), ((4, 40), (2, 20), (1, 0))


def at_work(similarity: str = "lncc", effort: tuple[tuple[int, int], ...] = FULL) -> Conditions:
    """Greedy as it is, syn with another similarity or schedule."""
    c = replace(conditions(), effort={"default": {"greedy": FULL, "syn": effort}})
    return changed(c, c.pairs["method"] == "syn", similarity=similarity)


def test_equal_effort_is_no_finding():
    assert audit(at_work()) == []
    assert audit(at_work("cc")) == []  # the same by another name
    assert audit(at_work("n/a")) == []  # not known
    assert audit(at_work(effort=((8, 100), (4, 70), (2, 50), (1, 20)))) == []


@pytest.mark.parametrize(
    ("similarity", "effort", "told"),
    [
        ("mi", FULL, "another similarity on pairs of equal contrast"),
        ("lncc", QUICK, "no iteration at full resolution by syn"),
        ("lncc", ((8, 200), (4, 100), (2, 50)), "no iteration at full resolution by syn"),
        ("lncc", ((8, 20), (4, 10), (2, 5), (1, 2)), "far fewer iterations by syn"),
    ],
)
def test_unequal_effort(similarity, effort, told):
    finding = found(at_work(similarity, effort))["unequal-effort"]
    assert finding.severity == "serious"
    assert told in finding.what
    assert "greedy: lncc, iterations 200 at 1/8" in finding.evidence


def test_effort_that_nobody_told_is_said_to_be_unknown():
    c = replace(at_work("n/a"), effort={"default": {"greedy": FULL}}, methods={"syn": "command"})
    assert "Whether syn had the same effort is not known" in name_unchecked(c)[0]
    assert "unequal-effort" not in found(c)


def test_two_settings_of_one_method_are_compared_on_purpose():
    c = replace(at_work("mi", QUICK), methods={"greedy": "syn", "syn": "syn"})
    assert "unequal-effort" not in found(c)


def test_another_similarity_across_contrasts_is_no_unequal_effort():
    c = conditions({"similarity": "mind"}, kinds=("MPRAGE", "MP2RAGE"))
    across = c.pairs["split"].isin(["MPRAGE to MP2RAGE", "MP2RAGE to MPRAGE"])
    c = changed(c, ~across, similarity="lncc")
    assert "unequal-effort" not in found(changed(c, across & (c.pairs["method"] == "syn"), similarity="mi"))


def some_pairs(c: Conditions, n: int) -> pd.Series:
    """Rows of the first pairs."""
    keys = c.pairs["moving"] + c.pairs["fixed"]
    return keys.isin(sorted(keys.unique())[:n])


def test_an_unfinished_arm():
    """The real run that was stopped with 4 of 42 pairs of one arm done, two of them rescans."""
    c = conditions(rescanned=1)
    assert "unequal-pairs" not in found(c)
    kept = (c.pairs["method"] != "syn") | some_pairs(c, 4)
    finding = found(replace(c, pairs=c.pairs[kept]))["unequal-pairs"]
    assert finding.severity == "serious"
    n = len(c.pairs[(c.pairs["method"] == "syn") & some_pairs(c, 4) & (c.pairs["split"] != "same subject")])
    assert f"syn has {n}; greedy all" in finding.evidence
    # The floor is no competitor.
    floor = c.pairs[(c.pairs["method"] != "identity") | some_pairs(c, 4)]
    assert "unequal-pairs" not in found(replace(c, pairs=floor))


def test_no_finding_sets_means_over_different_pairs_beside_each_other():
    """An arm of easy pairs alone: no mean of it stands beside those of the others, nor do rescans count."""
    c = conditions(rescanned=2, gains={"identity": 0, "greedy": 0.2, "syn": 0.2})
    names = {**c.luts["braincolor"], 5: "nowhere"}
    easy = (c.pairs["method"] != "syn") | some_pairs(c, 3)
    part = {"braincolor": c.structures["braincolor"][easy.to_numpy()]}
    for finding in audit(replace(c, pairs=c.pairs[easy], structures=part, luts={"braincolor": names})):
        if finding.id == "absent-structures":
            told = finding.evidence
    assert "greedy" in told
    assert "syn" not in told
    rows = c.structures["braincolor"]
    different = rows[(rows["method"] == "greedy") & (rows["split"] != "same subject")]
    assert f"greedy {different[[f'dice_{i}' for i in range(1, 5)]].mean(axis=1).mean():.3f}" in told


def test_pairs_that_failed_for_all_leave_the_others_beside_each_other():
    c = replace(conditions(), luts={"braincolor": {i: str(i) for i in range(1, 6)}})
    wide = c.structures["braincolor"].copy()
    wide.loc[some_pairs(c, 3).to_numpy(), "status"] = "failed"
    c = changed(replace(c, structures={"braincolor": wide}), some_pairs(c, 3), status="failed", dice_mean=np.nan)
    told = found(c)["absent-structures"].evidence
    assert "greedy 0." in told
    assert "syn 0." in told


def test_unequal_failures():
    c = conditions()
    half = (c.pairs["method"] == "syn") & some_pairs(c, 6)
    finding = found(changed(c, half, status="failed", dice_mean=np.nan, reason="out of memory"))["unequal-failures"]
    assert finding.severity == "serious"
    assert "greedy: 0 of 12; syn: 6 of 12 (out of memory: 6)" in finding.evidence
    every = (c.pairs["method"] != "identity") & some_pairs(c, 6)
    assert "unequal-failures" not in found(changed(c, every, status="failed", dice_mean=np.nan))
    assert "unequal-failures" not in found(c)
    other = changed(c, half, status="failed", dice_mean=np.nan)
    assert "trimming" not in found(other)


def test_folding():
    c = conditions()
    finding = found(changed(c, c.pairs["method"] == "syn", folding_percent=6.0))["folding"]
    assert finding.severity == "serious"
    assert finding.what.startswith("syn: more than 1 % of the brain is folded")
    assert "greedy 0.1 %, syn 6 %" in finding.evidence
    assert found(changed(c, c.pairs["method"] != "identity", folding_percent=6.0))["folding"].severity == "moderate"
    assert "folding" not in found(c)


def test_brain_beyond_the_networks_grid():
    finding = found(with_facts(learned(), brain_extent=(150, 205, 140)))["brain-beyond-network-grid"]
    assert "13 mm" in finding.evidence
    # Turned axes fit too.
    assert "brain-beyond-network-grid" not in found(with_facts(learned(), brain_extent=(190, 140, 155)))


def test_tuned_on_the_same_pairs():
    c = replace(conditions(), tuned={"greedy": "window chosen on these subjects", "vfa": "not run"})
    assert [f.what for f in audit(c) if f.id == "tuned-on-pairs"] == [
        "Parameters of greedy were chosen by its scores on the pairs that are scored here."
    ]


# Labels and scores


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
        "Labels of tissue are made from the intensities that are registered.",
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


def turning(subjects: int, *, lift: float = 0.3, noise: float = 0.0) -> Conditions:
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


def test_absent_structures_under_the_other_rules():
    c = conditions()
    names = {**c.luts["braincolor"], 5: "nowhere"}
    finding = found(replace(c, luts={"braincolor": names}))["absent-structures"]
    rows = c.structures["braincolor"]
    here = rows.loc[rows["method"] == "greedy", [f"dice_{i}" for i in range(1, 5)]].mean(axis=1).mean()
    assert f"greedy {here:.3f}, scored as 0 {here * 4 / 5:.3f}, as 1 {(here * 4 + 1) / 5:.3f}" in finding.evidence
    assert "1.0 of 5 a pair" in finding.evidence
    assert "1 in every pair" in finding.evidence
    assert finding.severity == "moderate"


def test_a_general_look_up_table_does_not_tell_what_is_absent():
    c = conditions()
    names = {**c.luts["braincolor"], **{i: f"elsewhere {i}" for i in range(100, 200)}}
    assert "absent-structures" not in found(replace(c, luts={"braincolor": names}))


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


def test_cut_labels():
    c = conditions()
    scan = next(iter(c.scans["braincolor"].values()))
    cut = {**scan.structures, 3: StructureFacts(volume=100, contrast=0.9, bare=0, cut=0.12)}
    finding = found(with_facts(c, structures=cut))["labels-cut"]
    assert "4 of 4 scans, 1 structures: structure 3" in finding.evidence
    assert "12 % of the surface" in finding.evidence


def test_labels_outside_the_mask():
    c = conditions()
    scan = next(iter(c.scans["braincolor"].values()))
    lost = {
        **scan.structures,
        3: StructureFacts(volume=100, contrast=0.9, bare=0, cut=0, outside=0.67),
        4: StructureFacts(volume=100, contrast=0.9, bare=0, cut=0, outside=0.19),
    }
    finding = found(with_facts(c, structures=lost, outside=0.082))["labels-outside-mask"]
    assert finding.severity == "serious"
    assert "4 of 4 scans lose more than 2% of what is labelled, at most 8.2%" in finding.evidence
    assert "1 structures lose more than a fifth: structure 3 (67%)" in finding.evidence
    assert found(with_facts(c, outside=0.03))["labels-outside-mask"].severity == "moderate"
    for outside in (0.019, float("nan")):
        assert "labels-outside-mask" not in found(with_facts(c, structures=lost, outside=outside))


def test_brains_at_the_edge():
    c = conditions()
    finding = found(with_facts(c, at_edge={"I": 0.83, "S": 0.07}))["brain-at-edge"]
    assert finding.severity == "moderate"
    assert "4 of 4 scans" in finding.evidence
    assert "(I 83%, S 7%)" in finding.evidence
    assert found(with_facts(c, at_edge={"S": 0.07}))["brain-at-edge"].severity == "note"
    assert "brain-at-edge" not in found(c)


def test_network_labels_beside_a_network():
    both = replace(learned(), labellers=made_by(braincolor="slant"))
    assert "slant" in found(both)["network-labels"].evidence
    assert "both were trained on T1w" in found(both)["network-labels"].what
    carried = replace(
        both, labellers={"braincolor": MadeBy(labeller="carried", maker=labeller("carried", of="slant").maker)}
    )
    assert "Labels: slant" in found(carried)["network-labels"].evidence
    assert "network-labels" not in found(
        replace(
            both, labellers={"braincolor": MadeBy(labeller="carried", maker=labeller("carried", of="manual").maker)}
        )
    )
    assert "network-labels" not in found(learned())
    assert "network-labels" not in found(replace(conditions(), labellers=made_by(braincolor="slant")))


def test_synthseg_and_a_network_for_t1w_were_not_trained_on_the_same_contrast():
    both = replace(learned(), labellers=made_by(braincolor="synthseg"))
    finding = found(both)["network-labels"]
    assert finding.severity == "note"
    assert "both were trained" not in finding.what
    assert "network-labels" not in found(replace(learned("T2w"), labellers=made_by(braincolor="synthseg")))


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


# The whole


def test_every_finding_can_be_written_and_says_what_to_do():
    c = replace(learned("T2w"), tuned={"greedy": "yes"}, labellers=made_by(braincolor="slant"))
    findings = audit(with_facts(c, spacing=(0.5,) * 3, brain_extent=(300,) * 3))
    assert len(findings) >= 5
    order = [list(SEVERITIES).index(f.severity) for f in findings]
    assert order == sorted(order)
    table = audit_table(findings)
    assert list(table.columns) == list(AUDIT)
    assert table.map(len).to_numpy().min() > 3
    assert not table.map(lambda text: "\t" in text or "nan" in text).to_numpy().any()


def test_conditions_are_read_from_derivatives(tmp_path: Path):
    c = conditions()
    scan = "sub-00_ses-1"
    folder = tmp_path / "sub-00" / "ses-1" / "anat"
    folder.mkdir(parents=True)
    affine = np.diag([0.6, 0.6, 2.0, 1])
    facts = {
        "BrainExtent": [150.0, 160.0, 170.0],
        "MutualInformation": 1.1,
        "LabelEntropy": None,
        "Structures": {"1": {"Volume": 5.0, "Contrast": None, "Bare": 0.5, "Cut": 0.0}},
    }
    meta = {"Labeller": "atropos", "NativeAffine": affine.tolist(), "Facts": facts}
    (folder / f"{scan}_space-T1w_seg-braincolor_dseg.json").write_text(json.dumps(meta))
    moved = {k: v for k, v in meta.items() if k != "Labeller"}
    (folder / f"{scan}_space-01+1+T1w_seg-braincolor_desc-greedy_dseg.json").write_text(json.dumps(moved))
    (tmp_path / "config").mkdir()
    record = '[training.mine]\ncontrasts = ["T2w"]\nlater = 1\n[effort]\n"native" = [[2, 5], [1, 0]]\n'
    record += '[labellings]\nbraincolor = "atropos: y"\n[methods]\nmine = "vfa"\n[tuned]\nmine = "said so"\n'
    record += '[inputs.native]\nwords = "w"\nshape = [2, 3, 4]\nspacing = [1.0, 1.0, 2.0]\nas_trained = false\n'
    arm = '[arms.{0}]\nname = "vfa"\nvariant = "{0}"\n[arms.{0}.preparation]\norientation = "LPS"\n{1}'
    (tmp_path / "config" / "1.toml").write_text(
        record + arm.format("native", "") + arm.format("fine", "spacing = 0.6\n")
    )
    read = read_conditions(Output(tmp_path), c.pairs, c.structures, c.luts)
    assert list(read.scans["braincolor"]) == [f"{scan}_T1w"]
    one = read.scans["braincolor"][f"{scan}_T1w"]
    assert one.spacing == pytest.approx((0.6, 0.6, 2))
    assert one.structures[1].bare == 0.5
    assert np.isnan([one.structures[1].contrast, one.label_entropy]).all()
    native = {"spacing": None, "orientation": "LPS"}
    assert read.preparations == {"native": native, "fine": {**native, "spacing": 0.6}}
    assert (read.sources, read.methods) == ({"braincolor": "atropos: y"}, {"mine": "vfa"})
    assert read.tuned == {"mine": "said so"}
    seen = read.inputs["native"]["vfa"]
    assert (seen.words, seen.extent, seen.as_trained) == ("w", (2, 3, 8), False)
    assert read.training == {"mine": Training(contrasts=("T2w",))}
    assert "3 of 4 scans" in name_unchecked(read)[0]


@pytest.mark.parametrize("there", [True, False])
def test_the_page_shows_findings_or_says_that_there_are_none(tmp_path, there):
    c = conditions({"evaluation": "native, nearest"} if there else {}, gains={"identity": 0, "<b>evil": 0.1})
    tables = group_tables(c.pairs, c.structures, c.luts)
    created = datetime(2026, 1, 2, tzinfo=UTC)
    c = replace(c, training={"<b>evil": "none"})
    about = {"dataset": "D", "protocol": "default", "command": "x", "created": created, "versions": {}}
    page = write_group_report(tmp_path, tables, ReportContext(**about, audit=audit_section(c)))
    section = html.document_fromstring(page.read_bytes()).get_element_by_id("audit")
    text = section.text_content()
    assert ("No findings" in text) is not there
    assert ("nearest neighbour" in text) is there
    assert len(section.findall(".//li/h3")) == there
    assert section.find(".//b") is None
    assert section.find(".//figure//svg") is not None


def test_the_literature_is_cited_and_no_advice_is_given():
    assert "1.00 bits, 25 % of what there is to know" in literature(conditions())[0]
    assert "Here" not in literature(replace(conditions(), scans={}))[0]
    told = audit_section(conditions()).literature
    assert all(any(source in p for source in ("doi:", "arXiv:", "PMLR")) for p in told)
    assert not any(word in " ".join(told) for word in ("choose", "safer", "should", "best"))
    assert "by DeepAtropos vfa 0.876" in told[-1]


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
