"""The parts of the group's page about conditions: audit, what the image tells of the labels, next to the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lumirage_bids.audit import SEVERITIES, AuditedRun, Finding, audit, mean_facts, name_unchecked
from lumirage_bids.audit.common import ALPHA
from lumirage_bids.audit.literature import literature
from lumirage_bids.audit.published import published_findings
from lumirage_bids.report.tables import ShownColumn, Table, make_table


@dataclass(frozen=True, kw_only=True)
class AuditSection:
    """What a page tells of a run's conditions.

    Attributes
    ----------
    findings : sequence of Finding
        Worst first.
    unchecked : sequence of str
        What could not be looked into.
    literature : sequence of str
        Paragraphs on what others found.
    contrasts : mapping
        Labelling → structure → mean contrast at its boundary; empty where it is not known.
    information : mapping
        Labelling → scan → mutual information of intensity and label, bits.
    """

    findings: Sequence[Finding]
    unchecked: Sequence[str] = ()
    literature: Sequence[str] = ()
    contrasts: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    information: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def doubtful(self) -> list[Finding]:
        """Findings that can reverse a conclusion, or forbid one."""
        return [finding for finding in self.findings if finding.severity in ("critical", "serious")]

    @property
    def severities(self) -> dict[str, str]:
        """Severities that occur → what they mean."""
        return {s: meaning for s, meaning in SEVERITIES.items() if any(f.severity == s for f in self.findings)}


def audit_section(
    audited: AuditedRun, comparisons: pd.DataFrame | None = None, *, alpha: float = ALPHA
) -> AuditSection:
    """Audit a run and gather what its page tells about it.

    Parameters
    ----------
    audited : AuditedRun
    comparisons : DataFrame, optional
        Rows of `lumirage_bids.stats.comparisons.compare` on the same pairs.
    alpha : float
        Corrected p-value below which a comparison is certain.
    """
    known = {name: {scan: f.mutual_information for scan, f in of.items()} for name, of in audited.scans.items()}
    contrasts = {name: {i: f.contrast for i, f in mean_facts(audited, name).items()} for name in audited.scans}
    return AuditSection(
        findings=audit(audited, comparisons, alpha=alpha),
        unchecked=name_unchecked(audited),
        literature=[*literature(audited), published_findings()],
        contrasts={name: of for name, of in contrasts.items() if of},
        information={n: {s: x for s, x in of.items() if np.isfinite(x)} for n, of in known.items()},
    )


def published_table(published: pd.DataFrame) -> Table:
    """Lay out a run's numbers beside the paper's; those of several runs have a column ``experiment``."""
    columns = [
        *_of_experiments(published),
        ShownColumn(key="source", title="Paper"),
        ShownColumn(key="pairs", title="Class of pairs", keep=True),
        ShownColumn(key="method", title="Method", keep=True),
        ShownColumn(key="variant", title="Variant"),
        ShownColumn(key="labelling", title="Labelling"),
        ShownColumn(key="evaluation", title="Labels on grid", keep=True),
        ShownColumn(key="quantity", title="Quantity", keep=True),
        ShownColumn(key="ours", title="Here", kind="dice", group="Dice"),
        ShownColumn(key="published", title="Paper", kind="dice", group="Dice"),
        ShownColumn(key="difference", title="Difference", kind="difference", group="Dice"),
        ShownColumn(key="n_pairs", title="Here", kind="count", group="Pairs"),
        ShownColumn(key="n_pairs_published", title="Paper", kind="count", group="Pairs"),
    ]
    return make_table("published-table", "This run beside the published values.", published, columns)


def differences_table(differences: pd.DataFrame) -> Table:
    """Lay out in which conditions a run differs from the paper, each once, with what it holds for.

    Those of several runs have a column ``experiment``.
    """
    own = [column.key for column in _of_experiments(differences)]
    what = [*own, "field", "ours", "published", "source"]
    told = differences.groupby(what, sort=False, dropna=False)
    rows = [
        {
            **dict(zip(what, key, strict=True)),
            "where": _where(of, differences),
            "ours": key[len(own) + 1] or "not known",
        }
        for key, of in told
    ]
    columns = [
        *_of_experiments(differences),
        ShownColumn(key="field", title="Condition", keep=True),
        ShownColumn(key="where", title="Of"),
        ShownColumn(key="source", title="By its", keep=True),
        ShownColumn(key="published", title="Paper", keep=True),
        ShownColumn(key="ours", title="Here", keep=True),
    ]
    caption = (
        "Conditions in which this run is not the paper's, by its text or its scripts, or of which that is unknown."
    )
    return make_table("published-differences", caption, pd.DataFrame(rows, columns=[c.key for c in columns]), columns)


def _of_experiments(table: pd.DataFrame) -> list[ShownColumn]:
    return [ShownColumn(key="experiment", title="Experiment", keep=True)] if "experiment" in table else []


def _where(rows: pd.DataFrame, differences: pd.DataFrame) -> str:
    """What a difference holds for, as far as it does not hold for all."""
    parts = []
    for column in ("method", "variant", "labelling", "evaluation"):
        here = list(dict.fromkeys(rows[column]))
        if len(here) < differences[column].nunique():
            parts.append(", ".join(map(str, here)))
    return "; ".join(parts) or "all"
