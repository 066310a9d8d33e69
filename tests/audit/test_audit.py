"""The audit as a whole: silent where nothing is wrong, and every finding complete."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

import lumirage_bids.audit
from lumirage_bids.audit import AUDIT, SEVERITIES, audit, audit_table, name_unchecked
from tests.audit.made_up import conditions, found, learned, made_by, some_pairs, with_facts


def test_nothing_is_found_where_nothing_is_wrong():
    assert audit(conditions()) == []
    assert name_unchecked(conditions()) == []
    assert list(audit_table([]).columns) == list(AUDIT)


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


def test_the_docs_have_a_row_for_each_rule_and_none_besides() -> None:
    package = Path(lumirage_bids.audit.__file__).parent
    code = "".join(file.read_text("utf-8") for file in package.glob("*_rules.py"))
    page = (package.parents[1] / "docs" / "reference" / "audit-rules.md").read_text("utf-8")
    rules = page.split("## Rules")[1].split("\n## ")[0]
    told = re.findall(r"^\| `([a-z-]+)` \|", rules, re.M)
    assert len(told) == len(set(told))
    assert set(told) == set(re.findall(r'\bid="([a-z-]+)"', code))


def test_of_controls_nothing_is_told() -> None:
    fine = conditions()
    rows = fine.pairs[fine.pairs["method"] == fine.pairs["method"].iloc[-1]]
    control = rows.assign(method="shuffled", folding_percent=50.0, similarity="n/a", start="none", input="other images")
    told = {"pairs": pd.concat([fine.pairs, control], ignore_index=True)}
    assert found(replace(fine, **told))
    assert found(replace(fine, **told, methods={"shuffled": "curt"})) == found(fine)
