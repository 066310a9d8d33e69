"""Lesions that methods saw, or were given masks of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lumirage_bids.audit import AuditedRun
from tests.audit.made_up import changed, conditions, found


def run(**masked: str) -> AuditedRun:
    """Methods by what their rows say of lesions; `identity` sees them."""
    c = conditions({"lesion_masked": "none"}, gains={"identity": 0, **dict.fromkeys(masked, 0.1)})
    for method, told in masked.items():
        c = changed(c, c.pairs["method"] == method, lesion_masked=told)
    return c


def ids(c: AuditedRun) -> set[str]:
    return {"unequal-lesions", "lesions-seen"} & found(c).keys()


def test_lesions_that_some_methods_left_out():
    finding = found(run(greedy="both", lapirn="none"))["unequal-lesions"]
    assert finding.severity == "serious"
    assert finding.evidence.startswith("12 pairs have a lesion in one scan or both. ")
    assert "greedy: left out" in finding.evidence
    assert "lapirn: seen" in finding.evidence
    assert ids(run(greedy="both", lapirn="fixed")) == set()


def test_two_settings_of_one_method_are_compared_on_purpose():
    c = replace(run(greedy="none", mine="moving"), methods={"mine": "greedy"})
    assert ids(c) == set()
    beside = replace(run(greedy="none", mine="moving", syn="none"), methods={"mine": "greedy"})
    assert ids(beside) == {"unequal-lesions"}
    both = run(greedy="none", mine="moving", syn="none", yours="both")
    assert ids(replace(both, methods={"mine": "greedy", "yours": "syn"})) == set()


def test_lesions_that_no_method_left_out():
    assert found(run(greedy="none", syn="none"))["lesions-seen"].severity == "moderate"
    assert ids(run(greedy="none", syn="none")) == {"lesions-seen"}


def test_without_lesions_there_is_nothing_to_tell():
    assert ids(conditions()) == set()
    assert ids(run(greedy=np.nan, syn=np.nan)) == set()
