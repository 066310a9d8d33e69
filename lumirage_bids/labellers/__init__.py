"""Labellers: one module each, found here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.base.parameters import discover, plug_in
from lumirage_bids.labellers._freesurfer import LABELLINGS as FREESURFERS
from lumirage_bids.labellers._freesurfer import contradicts, names_of, scored_of
from lumirage_bids.labellers.base import Labeller
from lumirage_bids.labellers.plausibility import absent_structures, check_labels, unnamed_structures

if TYPE_CHECKING:
    from lumirage_bids.bids.found_maps import Layout
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume

__all__ = [
    "FREESURFERS",
    "Labeller",
    "absent_structures",
    "contradicts",
    "labeller",
    "labellers",
    "labellings",
    "layouts",
    "named_structures",
    "names_of",
    "reader",
    "reads",
    "scored_of",
    "segment_checked",
    "without_name",
]

LISTED = 10
"""Most structures that a message lists."""


def labellers() -> dict[str, type[Labeller]]:
    """Every labeller of the package, by name; none of their libraries are loaded."""
    return discover(__name__, Labeller)  # type: ignore[type-abstract]


def labeller(name: str, **parameters: Any) -> Labeller:
    """Make a labeller from its name and the parameters that differ from its defaults.

    Raises
    ------
    UsageError
        The labeller or a parameter is unknown, or a value is not allowed.

    Examples
    --------
    >>> labeller("atropos", mrf=0.1).mrf
    0.1
    """
    return plug_in(labellers(), "labeller", name, parameters)


def labellings() -> dict[str, type[Labeller]]:
    """Labellings with a labeller of their own → that labeller."""
    return {cls.labelling: cls for cls in labellers().values() if cls.labelling is not None}


def layouts() -> dict[str, Layout]:
    """Layouts of folders that programs other than ours leave → by the name such a folder is given with."""
    return {cls.layout.name: cls.layout for cls in labellers().values() if cls.layout is not None}


def reader(labelling: str) -> Labeller:
    """Make the labeller that reads maps of a labelling that were found.

    Examples
    --------
    >>> reader("manual").name, reader("slant").name
    ('existing', 'slant')
    """
    own = labellings().get(labelling)
    return own() if own is not None and own.reads else labeller("existing")


def reads(name: str) -> bool:
    """Whether a labeller reads maps that were found for the scans, rather than making them; unknown ones do not."""
    return name in (known := labellers()) and known[name].reads


def segment_checked(
    made_by: Labeller, scan: Scan, image: Volume, mask: Volume, labelling: str, context: Context
) -> tuple[Volume, Mapping[int, str]]:
    """Label a scan and refuse what is implausible.

    Parameters
    ----------
    made_by : Labeller
    scan : Scan
    image, mask : Volume
        The scan's image and brain mask on one grid.
    labelling : str
    context : Context
        See `Labeller.segment`.

    Returns
    -------
    labels : Volume
        int32.
    structures : mapping
        Index → name, without background.

    Raises
    ------
    BadDataError
        The labels are implausible; the message lists every reason.
    """
    labels = made_by.segment(scan, image, mask, labelling, context)
    structures = made_by.structures(scan, labelling, labels)
    problems = check_labels(labels, structures, mask, made_by.bounds)
    if problems:
        raise BadDataError(
            f"{scan.name}: labels implausible: {'; '.join(problems)}. Give better ones with --derivatives, or leave "
            "the scan out with a filter."
        )
    return labels, structures


def find_unnamed(labels: Volume, structures: Mapping[int, str], scan: Scan, labelling: str) -> Mapping[int, int]:
    """Index → voxels of what a map has and its look-up table does not name.

    Raises
    ------
    BadDataError
        The map has nothing else.
    """
    unnamed = unnamed_structures(labels, structures)
    if len(absent_structures(labels, structures)) == len(structures):
        raise BadDataError(
            f"{scan.name}: the map of labelling '{labelling}' has none of the structures of its look-up table "
            f"({_list_some(structures)}), but {_list_some(unnamed)}. Give it the table that belongs to it."
        )
    return unnamed


def named_structures(
    labels: Volume, codings: Sequence[Mapping[int, str]], scan: Scan, labelling: str
) -> tuple[Volume, Mapping[int, str], Mapping[int, int]]:
    """Number a map by the structures that are scored of a labelling.

    Parameters
    ----------
    labels : Volume
        The map.
    codings : sequence of mapping
        Index → name, of the protocol or of those that are shipped; where there are several, the map is read by the one
        that leaves fewest of its voxels without a name.
    scan : Scan
    labelling : str

    Returns
    -------
    labels : Volume
        The map, numbered by the first coding.
    structures : mapping
        The first coding, whose structures alone are scored.
    unnamed : mapping
        Index → voxels of what the map has besides.

    Raises
    ------
    BadDataError
        The map has none of them; the message says which indices it has.
    """
    structures = min(codings, key=lambda coding: sum(unnamed_structures(labels, coding).values()))
    unnamed = unnamed_structures(labels, structures)
    if len(absent_structures(labels, structures)) == len(structures):
        raise BadDataError(
            f"{scan.name}: the map of labelling '{labelling}' has none of the structures that are scored "
            f"({_list_some(structures)}), but {_list_some(unnamed)}. Say in the protocol what these are, as "
            f'{next(iter(unnamed))} = "NAME" under [labellings.{labelling}.structures].'
        )
    numbered = labels if structures is codings[0] else _renumber(labels, structures, codings[0])
    return numbered, codings[0], unnamed


def _renumber(labels: Volume, coding: Mapping[int, str], wanted: Mapping[int, str]) -> Volume:
    """The same structures under the indices of another coding; what has no name is background."""
    index_of = {name: index for index, name in wanted.items()}
    array = np.zeros_like(labels.array)
    for index, name in coding.items():
        array[labels.array == index] = index_of[name]
    return replace(labels, array=array)


def _list_some(items: Iterable[object]) -> str:
    listed = [str(item) for item in items]
    return ", ".join(listed[:LISTED]) + (", …" if len(listed) > LISTED else "")
