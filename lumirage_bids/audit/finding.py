"""What the audit finds, how it is ranked and written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Literal

import pandas as pd

Severity = Literal["critical", "serious", "moderate", "note"]

SEVERITIES: dict[str, str] = {
    "critical": "no conclusion about methods can be drawn",
    "serious": "can reverse or make up a difference between methods",
    "moderate": "can change the size of differences, or of all numbers against other studies",
    "note": "worth knowing; the conclusions here do not depend on it",
}
"""Severity → what it means, worst first."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One source of instrumentation bias.

    Attributes
    ----------
    id : str
        Short name of the rule, the same in all runs.
    severity : str
        A key of `SEVERITIES`.
    what : str
        What was found, one sentence.
    evidence : str
        The numbers that show it.
    remedy : str
        What to do, or how to read the results.
    """

    id: str
    severity: Severity
    what: str
    evidence: str
    remedy: str


AUDIT: dict[str, dict[str, object]] = {
    "id": {"Description": "Rule of the audit (docs/reference/audit-rules.md)"},
    "severity": {"Description": "How much it matters", "Levels": SEVERITIES},
    "what": {"Description": "What was found"},
    "evidence": {"Description": "The numbers that show it"},
    "remedy": {"Description": "What to do about it, or how to read the results"},
}
"""Data dictionary of ``group/audit.tsv``."""


def write_signed(value: float) -> str:
    """Write a difference with its sign.

    Examples
    --------
    >>> write_signed(0.0541), write_signed(-0.081)
    ('+0.054', '−0.081')
    """
    return f"{value:+.3f}".replace("-", "−")


def rank(findings: Sequence[Finding]) -> list[Finding]:
    """Sort by severity, worst first; equal ones stay in their order."""
    order = list(SEVERITIES)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def audit_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """Findings as ``group/audit.tsv`` has them; a table without rows says that nothing was found."""
    return pd.DataFrame([astuple(f) for f in findings], columns=[f.name for f in fields(Finding)])
