"""Brain masks that labels contradict."""

from __future__ import annotations

from lumirage_bids.audit import StructureFacts
from tests.audit.made_up import conditions, found, with_facts


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
    assert "4 of 4 scans lose more than 2% of what is labelled; the most that one loses is 8.2%" in finding.evidence
    assert "1 structures lose more than a fifth: structure 3 (67%)" in finding.evidence
    assert found(with_facts(c, outside=0.03))["labels-outside-mask"].severity == "moderate"
    # A small structure that is cut off is told, though it is little of the whole.
    small = found(with_facts(c, structures=lost, outside=0.019))["labels-outside-mask"]
    assert "0 of 4 scans lose more than 2% of what is labelled; the most that one loses is 1.9%" in small.evidence
    assert small.severity == "serious"
    for outside in (0.019, float("nan")):
        assert "labels-outside-mask" not in found(with_facts(c, outside=outside))


def test_brains_at_the_edge():
    c = conditions()
    finding = found(with_facts(c, at_edge={"I": 0.83, "S": 0.07}))["brain-at-edge"]
    assert finding.severity == "moderate"
    assert "4 of 4 scans" in finding.evidence
    assert "(I 83%, S 7%)" in finding.evidence
    assert found(with_facts(c, at_edge={"S": 0.07}))["brain-at-edge"].severity == "note"
    assert "brain-at-edge" not in found(c)
