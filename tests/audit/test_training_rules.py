"""Networks on other scans than those they were trained on, and on those they were."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lumirage_bids.audit import AuditedRun, audit
from lumirage_bids.audit.audited_run import Started
from lumirage_bids.labellers import labeller
from lumirage_bids.methods.base import OwnInput, Training
from lumirage_bids.output.record import MadeBy
from tests.audit.made_up import conditions, found, learned, made_by, with_facts


def test_what_a_run_noted_of_a_networks_grid_counts_before_words():
    c = replace(learned(seen="whatever"), scans=learned().scans)
    assert "off-training-grid" not in found(c)
    variant = str(c.pairs["variant"].iloc[0])
    other = OwnInput(words="whatever", shape=(96, 96, 96), spacing=(1.0, 1.0, 1.0), as_trained=False)
    told = found(replace(c, inputs={variant: {"lapirn": other}}))
    assert "Input: whatever" in told["off-training-grid"].evidence
    assert "exceeds whatever by" in told["brain-beyond-network-grid"].evidence


def test_the_training_of_a_network_is_that_of_what_goes_on_from_it():
    c = learned("T2w")
    variant = str(c.pairs["variant"].iloc[0])
    seen = OwnInput(words="as-given", shape=(96, 96, 96), spacing=(1.0, 1.0, 1.0), as_trained=False)
    onward = replace(
        c,
        pairs=c.pairs.replace("lapirn", "onward").assign(input="native spacing"),
        methods={"onward": "greedy"},
        training={"onward": c.training_of("lapirn")},
        started={variant: {"onward": (Started(name="lapirn", method="lapirn", input=seen),)}},
    )
    told = found(onward)
    assert told["off-training-contrast"].what.startswith("onward was run on contrasts")
    assert "Input: as-given" in told["off-training-grid"].evidence
    assert told["brain-beyond-network-grid"].what == "The grid of onward does not hold all brains."


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


def declared(**facts: Any) -> AuditedRun:
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


def test_brain_beyond_the_networks_grid():
    finding = found(with_facts(learned(), brain_extent=(150, 205, 140)))["brain-beyond-network-grid"]
    assert "13 mm" in finding.evidence
    # Turned axes fit too.
    assert "brain-beyond-network-grid" not in found(with_facts(learned(), brain_extent=(190, 140, 155)))


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
