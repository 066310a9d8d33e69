"""Unequal effort, pairs and failures; folds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lumirage_bids.audit import AuditedRun, audit, name_unchecked
from lumirage_bids.audit.audited_run import Started
from tests.audit.made_up import changed, conditions, found, some_pairs

FULL, QUICK = ((8, 200), (4, 100), (2, 50), (1, 20)), ((4, 40), (2, 20), (1, 0))


def at_work(similarity: str = "lncc", effort: tuple[tuple[int, int], ...] = FULL) -> AuditedRun:
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
        ("mi", FULL, "different similarities on pairs of equal contrast"),
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


def test_an_optimisation_of_what_another_method_found_has_had_the_work_of_both():
    onward = {"default": {"syn": (Started(name="net", method="lapirn"),)}}
    finding = found(replace(at_work(), started=onward))["unequal-effort"]
    assert "syn optimises on from the result of net" in finding.what
    assert "syn: after net, lncc, iterations 200 at 1/8" in finding.evidence
    assert "has had the work of both" in finding.remedy
    # Of one method with and without, which is compared on purpose, it is said all the same.
    of_one = replace(at_work(), started=onward, methods={"greedy": "syn", "syn": "syn"})
    assert "optimises on" in found(of_one)["unequal-effort"].what
    alone = replace(of_one, pairs=of_one.pairs[of_one.pairs["method"] != "greedy"])
    assert "unequal-effort" not in found(alone)


def test_another_similarity_across_contrasts_is_no_unequal_effort():
    c = conditions({"similarity": "mind"}, kinds=("MPRAGE", "MP2RAGE"))
    across = c.pairs["split"].isin(["MPRAGE to MP2RAGE", "MP2RAGE to MPRAGE"])
    c = changed(c, ~across, similarity="lncc")
    assert "unequal-effort" not in found(changed(c, across & (c.pairs["method"] == "syn"), similarity="mi"))


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
    words = [f"out of memory: {n} bytes" for n in range(half.sum())]
    finding = found(changed(c, half, status="failed", dice_mean=np.nan, reason=words))["unequal-failures"]
    assert "syn: 6 of 12 (out of memory: 0 bytes, and the like: 6)" in finding.evidence
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
