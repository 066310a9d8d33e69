"""Rules about lesions: whether methods were drawn to what has no counterpart, and all alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lumirage_bids.audit.audited_run import AuditedRun
from lumirage_bids.audit.finding import Finding
from lumirage_bids.stats.classes import FLOOR

if TYPE_CHECKING:
    import pandas as pd

SEEN = "none"
"""What column ``lesion_masked`` says where a method saw lesions as they are."""


def unequal_lesions(c: AuditedRun) -> Iterator[Finding]:
    """Methods of one variant of which some left lesions out and others did not."""
    for variant, rows in _keep_with_lesions(c):
        masked = _shares(rows)
        ways: dict[str, set[bool]] = {c.methods.get(m, m): set() for m in masked}
        for method, share in masked.items():
            ways[c.methods.get(method, method)].add(share > 0)
        # Two settings of one method are compared on purpose, and so are those of several; one without the other is not.
        if len(set(map(frozenset, ways.values()))) > 1:
            yield Finding(
                id="unequal-lesions",
                severity="serious",
                what=f"Lesions were left out for some methods of variant {variant}, and not for others.",
                evidence=f"{_tell_masked(masked, rows)}.",
                remedy="A method that is not drawn to a lesion is ahead around it, whatever else it does: compare "
                "those that were given the masks, or give them to none. Where a method cannot take them, say so beside "
                "its scores, and read dice_away_from_lesion.",
            )


def lesions_seen(c: AuditedRun) -> Iterator[Finding]:
    """Lesions that no method left out."""
    for variant, rows in _keep_with_lesions(c):
        masked = _shares(rows)
        if not any(masked.values()):
            yield Finding(
                id="lesions-seen",
                severity="moderate",
                what=f"Methods of variant {variant} saw lesions as they are.",
                evidence=f"{_tell_masked(masked, rows)}.",
                remedy="What has no counterpart draws tissue to where none belongs (Brett 2001, "
                "doi:10.1006/nimg.2001.0845). Read dice_near_lesion and lesion_volume_change; mask_lesions = true "
                "gives the masks to the methods that can take them.",
            )


def _keep_with_lesions(c: AuditedRun) -> Iterator[tuple[str, pd.DataFrame]]:
    """Registrations of each variant that have a lesion in either scan; the floor sees nothing."""
    rows = c.registrations
    if "lesion_masked" not in rows:
        return
    rows = rows[(rows["method"] != FLOOR) & rows["lesion_masked"].notna()]
    yield from ((str(variant), of) for variant, of in rows.groupby("variant", sort=False))


def _shares(rows: pd.DataFrame) -> dict[str, float]:
    """Method → share of its pairs of which it left lesions out."""
    left_out = (rows["lesion_masked"] != SEEN).groupby(rows["method"], sort=False).mean()
    return {str(method): float(share) for method, share in left_out.items()}


def _tell_masked(masked: dict[str, float], rows: pd.DataFrame) -> str:
    n = len(rows.drop_duplicates(["moving", "fixed"]))
    each = "; ".join(f"{method}: {'left out' if share else 'seen'}" for method, share in masked.items())
    return f"{n} pairs have a lesion in one scan or both. {each}"


RULES = (unequal_lesions, lesions_seen)
