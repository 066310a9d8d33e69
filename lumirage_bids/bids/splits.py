"""Splits: the classes that pairs fall into, by the kinds of their two scans. Made and taken apart here alone."""

from __future__ import annotations

SAME_SUBJECT = "same subject"
"""The split of rescans."""
_TO = " to "


def split_of(moving: str, fixed: str) -> str:
    """Name the split of pairs whose moving and fixed scans are of these kinds.

    Examples
    --------
    >>> split_of("MPRAGE", "MP2RAGE")
    'MPRAGE to MP2RAGE'
    """
    return f"{moving}{_TO}{fixed}"


def ends_of(split: str) -> tuple[str, str] | None:
    """Kinds of the moving and the fixed scan; None for rescans, and for a name that somebody else gave.

    Examples
    --------
    >>> ends_of("MPRAGE to MP2RAGE"), ends_of("same subject")
    (('MPRAGE', 'MP2RAGE'), None)
    """
    moving, found, fixed = split.partition(_TO)
    return (moving, fixed) if found else None
