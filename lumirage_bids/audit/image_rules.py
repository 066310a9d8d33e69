"""Rules about the images that methods see: their intensities."""

from __future__ import annotations

from collections.abc import Iterator

from lumirage_bids.audit.audited_run import AuditedRun
from lumirage_bids.audit.finding import Finding
from lumirage_bids.stats.classes import FLOOR

LNCC = {"lncc", "mind-lncc"}
MUCH = 0.01
"""Share of a brain from which its loss can turn an order."""


def not_normalised(c: AuditedRun) -> Iterator[Finding]:
    """Images registered with the intensities of their files, as some published scripts do."""
    rows = c.registrations
    for variant, given in c.preparations.items():
        of = rows[(rows["variant"] == variant) & (rows["method"] != FLOOR)]
        if given.get("normalisation") != "none" or of.empty:
            continue
        told = [f"{m} ({' and '.join(sorted(set(x['similarity'])))})" for m, x in of.groupby("method", sort=False)]
        constant = (
            " Local cross-correlation holds a constant, 1e-5, beside variances and their product: much for intensities "
            "up to 1, nothing for those in the hundreds."
        )
        yield Finding(
            id="not-normalised",
            severity="moderate",
            what=f"Variant {variant} registered images with the intensities of their files, so a factor or an offset "
            "that a scanner or a program gave a file counts.",
            evidence=f"{'; '.join(told)}.{constant if LNCC & set(of['similarity']) else ''}",
            remedy="Judge by a variant with normalisation = 'percentile'; read this one as what a published script "
            "does, and compare it with that one.",
        )


def brain_cut_off(c: AuditedRun) -> Iterator[Finding]:
    """Brains that a shape cuts."""
    for variant, of in c.cut_off.items():
        worst = max(of, key=lambda scan: of[scan])
        yield Finding(
            id="brain-cut-off",
            severity="serious" if of[worst] >= MUCH else "moderate",
            what=f"The shape that images of variant {variant} are cut to does not hold all brains.",
            evidence=f"{len(of)} scans; most is lost of {worst}, {of[worst]:.1%}.",
            remedy="What is cut off is scored and was not seen: give a larger shape, or check in which order the axes "
            "of a published one are meant.",
        )


RULES = (not_normalised, brain_cut_off)
