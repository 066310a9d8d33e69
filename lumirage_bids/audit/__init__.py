"""The audit: from a run's conditions to findings of instrumentation bias; see docs/audit.md.

A rule is a pure function from `Conditions` to findings. The group level reads conditions from derivatives alone.
"""

from __future__ import annotations

from lumirage_bids.audit import label_rules, mask_rules, method_rules, transfer_rules
from lumirage_bids.audit.conditions import Conditions, ScanFacts, StructureFacts, read_conditions
from lumirage_bids.audit.finding import AUDIT, SEVERITIES, Finding, audit_table, ranked
from lumirage_bids.audit.label_rules import labels_from_intensities, mean_facts, mean_volumes

__all__ = [
    "AUDIT",
    "SEVERITIES",
    "Conditions",
    "Finding",
    "ScanFacts",
    "StructureFacts",
    "audit",
    "audit_table",
    "labels_from_intensities",
    "mean_facts",
    "mean_volumes",
    "read_conditions",
    "unchecked",
]


def audit(conditions: Conditions) -> list[Finding]:
    """Apply every rule; the worst findings come first.

    Parameters
    ----------
    conditions : Conditions
        What is known of the run.

    Returns
    -------
    list of Finding
        Empty where no rule found anything.
    """
    rules = (*label_rules.RULES, *mask_rules.RULES, *transfer_rules.RULES, *method_rules.RULES)
    return ranked([finding for rule in rules for finding in rule(conditions)])


def unchecked(conditions: Conditions) -> list[str]:
    """Say what could not be looked into, for lack of facts that participant runs note down."""
    told = []
    for labelling in conditions.pairs["labelling"].unique():
        rows = conditions.pairs[conditions.pairs["labelling"] == labelling]
        names = set(rows["moving"]) | set(rows["fixed"])
        known = conditions.scans.get(labelling, {})
        lacking = [n for n in names if n not in known or not known[n].structures]
        if lacking:
            told.append(
                f"Boundaries in the image and cut labels of {labelling} are not known for {len(lacking)} of "
                f"{len(names)} scans: their label maps have no facts in their sidecars."
            )
    return told
