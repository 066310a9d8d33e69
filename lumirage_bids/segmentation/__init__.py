"""Labellers: one module each, found here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lumirage_bids.errors import UsageError
from lumirage_bids.parameters import discover, from_table
from lumirage_bids.segmentation.base import Labeller

if TYPE_CHECKING:
    from lumirage_bids.images import Volume
    from lumirage_bids.scans import Scan


def labellers() -> dict[str, type[Labeller]]:
    """Every labeller of the package, by name; none of their libraries are loaded."""
    return discover(__name__, Labeller)


def labeller(name: str, **parameters: Any) -> Labeller:
    """Make a labeller from its name and the parameters that differ from its defaults.

    Raises
    ------
    UsageError
        The labeller or a parameter is unknown, or a value is not allowed.
    """
    known = labellers()
    if name not in known:
        raise UsageError(f"There is no labeller '{name}'. Known: {', '.join(known)}.")
    return from_table(known[name], parameters, f"labeller {name}")


def labellings() -> dict[str, type[Labeller]]:
    """Labellings that can be made here → the labeller that makes them."""
    return {cls.labelling: cls for cls in labellers().values() if cls.labelling is not None}


def segment_checked(
    made_by: Labeller, scan: Scan, image: Volume, mask: Volume, labelling: str
) -> tuple[Volume, Mapping[int, str]]:
    """Label a scan and refuse what is implausible."""
    labels = made_by.segment(scan, image, mask, labelling)
    return labels, made_by.structures(scan, labelling, labels)
