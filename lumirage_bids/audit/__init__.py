"""The audit: from a run's conditions to findings of instrumentation bias; see docs/concepts/audit.md.

A rule is a pure function from `AuditedRun` to findings. The group level reads conditions from derivatives alone.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from lumirage_bids.audit.audited_run import AuditedRun, ScanFacts, StructureFacts, read_audited_run
from lumirage_bids.audit.common import ALPHA, Orders
from lumirage_bids.audit.finding import AUDIT, SEVERITIES, Finding, audit_table, rank
from lumirage_bids.audit.label_rules import (
    few_classes,
    find_withheld,
    labels_from_intensities,
    mean_facts,
    mean_volumes,
)
from lumirage_bids.methods.base import Training
from lumirage_bids.stats.classes import FLOOR, select

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "AUDIT",
    "SEVERITIES",
    "AuditedRun",
    "Finding",
    "ScanFacts",
    "StructureFacts",
    "audit",
    "audit_table",
    "few_classes",
    "find_withheld",
    "labels_from_intensities",
    "mean_facts",
    "mean_volumes",
    "name_unchecked",
    "read_audited_run",
    "rules",
]


def audit(audited: AuditedRun, comparisons: pd.DataFrame | None = None, *, alpha: float = ALPHA) -> list[Finding]:
    """Apply every rule; the worst findings come first.

    Of controls nothing is told: they are no methods that a comparison could be unfair to.

    Parameters
    ----------
    audited : AuditedRun
        What is known of the run.
    comparisons : DataFrame, optional
        Rows of `lumirage_bids.stats.comparisons.compare` on the same pairs. Without them no finding speaks of the order
        of two methods.
    alpha : float
        Corrected p-value below which a comparison is certain.

    Returns
    -------
    list of Finding
        Empty where no rule found anything.
    """
    controls = audited.controls
    audited = audited.leave_out(controls)
    if comparisons is not None:
        comparisons = comparisons[~comparisons[["method_a", "method_b"]].isin(controls).any(axis=1)]
    orders = Orders(comparisons=comparisons, alpha=alpha)
    found = [finding for rule in rules("RULES") for finding in rule(audited)]
    return rank(found + [finding for rule in rules("COMPARING") for finding in rule(audited, orders)])


def rules(kind: Literal["RULES", "COMPARING"]) -> Iterator[Callable[..., Iterator[Finding]]]:
    """Rules of all modules ``*_rules.py`` of this package: those on conditions alone, or on comparisons too."""
    for module in pkgutil.iter_modules(__path__):
        if module.name.endswith("_rules"):
            yield from getattr(importlib.import_module(f"{__name__}.{module.name}"), kind, ())


def name_unchecked(audited: AuditedRun) -> list[str]:
    """Say what could not be looked into, for lack of facts that participant runs note down."""
    audited = audited.leave_out(audited.controls)
    told = list(_effort_unknown(audited))
    for labelling in audited.pairs["labelling"].unique():
        rows = select(audited.pairs, audited.pairs["labelling"] == labelling)
        names = set(rows["moving"].unique()) | set(rows["fixed"].unique())
        known = audited.scans.get(labelling, {})
        lacking = [n for n in names if n not in known or not known[n].structures]
        if lacking:
            told.append(
                f"Boundaries in the image and cut labels of {labelling} are not known for {len(lacking)} of "
                f"{len(names)} scans: their label maps have no facts in their sidecars."
            )
    return told


def _effort_unknown(c: AuditedRun) -> Iterator[str]:
    """Methods whose similarity and iterations nobody has told, where there are others to be compared with."""
    rows = c.registrations
    rows = rows[rows["method"] != FLOOR]
    known = {m for of in c.effort.values() for m in of} | set(rows.loc[rows["similarity"] != "n/a", "method"].unique())
    silent = [m for m in rows["method"].unique() if m not in known and not isinstance(c.training_of(m), Training)]
    if silent and rows["method"].nunique() > 1:
        yield (
            f"Whether {', '.join(silent)} had the same effort is not known: similarity and iterations are not on "
            "record."
        )
