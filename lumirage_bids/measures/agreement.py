"""A labeller's own accuracy: its maps against a reference's maps of the same scans, without any registration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.measures.overlap import dice, volumes
from lumirage_bids.spatial.grids import same_grid
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import Transform

Names = Mapping[int, str]


def agreement(labels: Volume, reference: Volume, names: Names, its_names: Names, *, threads: int = 1) -> dict[str, Any]:
    """Dice of a label map with a reference's map of the same scan, per structure.

    Structures are matched by name, whatever their indices: letters' case, blanks, hyphens and underscores aside.
    Several indices of one name count as one structure.

    Parameters
    ----------
    labels, reference : Volume
        Label maps of one scan; `labels` are carried to the grid of `reference` through the headers where it is
        another one (see `transfer_labels`).
    names, its_names : mapping
        Index → name, of `labels` and of `reference`; what a table does not name is left out.
    threads : int
        Number of threads; no influence on the result.

    Returns
    -------
    dict
        To be written as JSON:

        ``Structures``
            Index in `labels` (as text; the lowest of several) → ``Name`` and ``Dice`` of what both maps have.
        ``Lacking``
            Names of structures that the reference's map has and `labels` have not.
        ``Unnamed``
            Index (as text) → voxels of what `labels` have and their table does not name.

    Raises
    ------
    BadDataError
        The maps have no structure in common.
    """
    indices, its_indices = _index_by_name(names), _index_by_name(its_names)
    shared = [name for name in indices if name in its_indices]
    carried = labels.array
    if not same_grid(labels, reference):
        carried = transfer_labels(labels, Transform(), reference.shape, reference.affine, threads=threads)
    ours = _code(carried, [indices[name] for name in shared])
    theirs = _code(np.asarray(reference.array), [its_indices[name] for name in shared])
    codes = np.arange(1, len(shared) + 1)
    here, there = volumes(ours, codes) > 0, volumes(theirs, codes) > 0
    if not (here & there).any():
        raise BadDataError(
            f"no structure is in both maps by name: the one has {_list_structures(labels, names)}, the reference "
            f"{_list_structures(reference, its_names)}. Give structures that are the same the same name in the protocol"
        )
    scores = dice(theirs, ours, codes)
    return {
        "Structures": {
            str(min(indices[name])): {"Name": its_names[min(its_indices[name])], "Dice": float(scores[n])}
            for n, name in enumerate(shared)
            if here[n] and there[n]
        },
        "Lacking": [its_names[min(its_indices[name])] for n, name in enumerate(shared) if there[n] and not here[n]],
        "Unnamed": {str(i): n for i, n in _voxels(labels).items() if i not in names},
    }


def _index_by_name(names: Names) -> dict[str, list[int]]:
    """Normalised name → its indices."""
    found: dict[str, list[int]] = {}
    for index, name in names.items():
        found.setdefault(re.sub(r"[\W_]+", " ", name).strip().casefold(), []).append(index)
    return found


def _code(labels: npt.NDArray[Any], structures: list[list[int]]) -> npt.NDArray[np.int32]:
    """Number the structures from 1; everything else is 0."""
    table = sorted((index, code) for code, indices in enumerate(structures, start=1) for index in indices)
    if not table:
        return np.zeros(labels.shape, np.int32)
    known, codes = np.array(table).T
    place = np.searchsorted(known, labels).clip(max=len(known) - 1)
    return np.where(known[place] == labels, codes[place], 0).astype(np.int32)


def _voxels(labels: Volume) -> dict[int, int]:
    """Index → voxels of what is in a map, without background."""
    found = zip(*np.unique(labels.array, return_counts=True), strict=True)
    return {int(index): int(n) for index, n in found if index}


def _list_structures(labels: Volume, names: Names, most: int = 10) -> str:
    there = [f"{i} ({names.get(i, 'not named')})" for i in _voxels(labels)]
    return ", ".join(there[:most]) + (", …" if len(there) > most else "") or "none"
