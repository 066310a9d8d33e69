"""Rules about brain masks: what is scored but was not seen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lumirage_bids.audit.audited_run import AuditedRun
from lumirage_bids.audit.finding import Finding, Severity
from lumirage_bids.measures.scan_facts import MUCH_OUTSIDE

FIFTH = 0.2
"""Share of a structure outside the mask from which it is named."""
LARGE = 0.3
"""Share of its largest section that a brain has on a face of the image where a part of it is certainly missing."""
NAMED = 8
"""Structures or scans that are named."""


def labels_outside_mask(c: AuditedRun) -> Iterator[Finding]:
    """Labelled tissue that the brain mask took away before registration."""
    for labelling, scans in c.scans.items():
        shares = {name: scan.outside for name, scan in scans.items()}
        much = [name for name, share in shares.items() if share > MUCH_OUTSIDE]
        worst: dict[int, float] = {}
        for scan in scans.values():
            for index, facts in scan.structures.items():
                if facts.outside > FIFTH:
                    worst[index] = max(facts.outside, worst.get(index, 0.0))
        if not much and not worst:
            continue
        names = c.luts.get(labelling, {})
        most = sorted(worst, key=lambda i: -worst[i])
        listed = ", ".join(f"{' '.join(names.get(i, str(i)).split())} ({worst[i]:.0%})" for i in most[:NAMED])
        severity: Severity = "serious" if worst else "moderate"
        largest = max((share for share in shares.values() if np.isfinite(share)), default=0.0)
        yield Finding(
            id="labels-outside-mask",
            severity=severity,
            what=f"Brain masks leave out tissue that {labelling} labels.",
            evidence=f"{len(much)} of {len(scans)} scans lose more than {MUCH_OUTSIDE:.0%} of what is labelled; the "
            f"most that one loses is {largest:.1%}. {len(most)} structures lose more than a fifth"
            f"{': ' + listed if listed else ''}{', …' if len(most) > NAMED else ''}.",
            remedy="Methods do not see what is outside, and their Dice there says nothing about them: look at the "
            "masks and give better ones with --derivatives.",
        )


def brains_at_edge(c: AuditedRun) -> Iterator[Finding]:
    """Brains that reach the edge of their images."""
    cut = {name: scan.at_edge for scans in c.scans.values() for name, scan in scans.items() if scan.at_edge}
    if not cut:
        return
    every = {name for scans in c.scans.values() for name in scans}
    largest = max(share for sides in cut.values() for share in sides.values())
    listed = "; ".join(
        f"{name} ({', '.join(f'{side} {share:.0%}' for side, share in sides.items())})"
        for name, sides in sorted(cut.items())[:NAMED]
    )
    yield Finding(
        id="brain-at-edge",
        severity="moderate" if largest >= LARGE else "note",
        what="Brains reach the edge of their images.",
        evidence=f"{len(cut)} of {len(every)} scans; area at the edge as a share of the largest section: {listed}"
        f"{'; …' if len(cut) > NAMED else ''}.",
        remedy="What one image shows and the other does not cannot be matched. The alignment leaves it out "
        f"where the share at the edge is {LARGE:.0%} or more, and takes it for background where it is less; a "
        "deformable method sees the end of the image as the end of the brain.",
    )


RULES = (labels_outside_mask, brains_at_edge)
