"""Pairs of one contrast and of two."""

from __future__ import annotations

from pathlib import Path

from lumirage_bids.bids.scans import Pair, Scan


def scan(subject: str, sequence: str | None, suffix: str = "T1w") -> Scan:
    path = Path(f"/data/sub-{subject}_{suffix}.nii.gz")
    return Scan(
        path=path, dataset=path.parent, subject=subject, session=None, suffix=suffix, entities={}, sequence=sequence
    )


def pair(one: str | None, other: str | None) -> Pair:
    return Pair(moving=scan("1", one), fixed=scan("2", other))
