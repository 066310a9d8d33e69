"""Images that are registered with the intensities of their files."""

from __future__ import annotations

from dataclasses import replace

from tests.audit.made_up import conditions, found


def test_images_that_are_not_normalised():
    c = conditions(gains={"identity": 0, "greedy": 0.2, "syn": 0.1})
    assert "not-normalised" not in found(c)
    raw = replace(c, preparations={v: {**p, "normalisation": "none"} for v, p in c.preparations.items()})
    finding = found(raw)["not-normalised"]
    assert finding.severity == "moderate"
    assert "greedy (lncc); syn (lncc)" in finding.evidence
    assert "1e-5" in finding.evidence
    assert "identity" not in finding.evidence
    other = replace(raw, pairs=raw.pairs.assign(similarity="mi"))
    assert "1e-5" not in found(other)["not-normalised"].evidence


def test_brains_that_a_shape_cuts():
    c = conditions()
    assert "brain-cut-off" not in found(c)
    cut = found(replace(c, cut_off={"published": {"sub-1_T1w": 0.002, "sub-2_T1w": 0.031}}))["brain-cut-off"]
    assert cut.severity == "serious"
    assert "2 scans; most is lost of sub-2_T1w, 3.1%" in cut.evidence
    assert found(replace(c, cut_off={"default": {"sub-1_T1w": 0.002}}))["brain-cut-off"].severity == "moderate"
