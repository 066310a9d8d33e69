"""Splits: the classes that pairs fall into, by the kinds of their two scans."""

from __future__ import annotations

from collections.abc import Mapping

SAME_SUBJECT = "same subject"
"""The split of rescans."""
TO = " to "

Ends = tuple[str, str]
"""What a split calls its moving and its fixed scans: ``("MPRAGE", "MP2RAGE")``."""
Splits = Mapping[str, Ends | None]
"""Names of splits, each with its ends; None for rescans, and for a name that somebody else gave."""


def split_of(moving: str, fixed: str) -> str:
    """Name the split of pairs whose moving and fixed scans are of these kinds.

    Examples
    --------
    >>> split_of("MPRAGE", "MP2RAGE")
    'MPRAGE to MP2RAGE'
    """
    return f"{moving}{TO}{fixed}"
