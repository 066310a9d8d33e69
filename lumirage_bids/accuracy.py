"""A labeller's own accuracy: its maps against a reference's maps of the same scans, without any registration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lumirage_bids import derivatives
from lumirage_bids.errors import BadDataError
from lumirage_bids.grids import same_grid
from lumirage_bids.images import Volume
from lumirage_bids.label_transfer import transfer_labels
from lumirage_bids.measures.overlap import dice, volumes
from lumirage_bids.scores import CONDITIONS
from lumirage_bids.transforms import Transform

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: dict[str, dict[str, str]] = {
    "labelling": {"Description": "Labelling whose maps are scored"},
    "reference": {"Description": "Labelling whose maps of the same scans they are scored against"},
    "scan": {"Description": "Scan that has both maps (file name without extension)"},
    "contrast": {"Description": "Contrast of the scan, as BIDS names it"},
    "sequence": {"Description": "Pulse sequence of the scan, from its sidecar; n/a where that names none"},
    "index": {"Description": "Label of the structure in the labelling's maps"},
    "name": {"Description": "Name of the structure; the two labellings' structures are matched by it"},
    "dice": {
        "Description": "Dice coefficient 2|A∩B|/(|A|+|B|) of the labelling's and the reference's map of the scan, on "
        "the reference's grid, without any registration; structures present in both maps",
        "Units": "1, higher is better",
        "Reference": "https://doi.org/10.2307/1932409",
    },
}
Names = Mapping[int, str]


def key(labelling: str, reference: str) -> str:
    """What a labelling and its reference are called together where conditions are noted."""
    return f"{labelling} against {reference}"


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
    indices, its_indices = _by_name(names), _by_name(its_names)
    shared = [name for name in indices if name in its_indices]
    carried = labels.array
    if not same_grid(labels, reference):
        carried = transfer_labels(labels, Transform(), reference.shape, reference.affine, threads=threads)
    ours = _coded(carried, [indices[name] for name in shared])
    theirs = _coded(np.asarray(reference.array), [its_indices[name] for name in shared])
    codes = np.arange(1, len(shared) + 1)
    here, there = volumes(ours, codes) > 0, volumes(theirs, codes) > 0
    if not (here & there).any():
        raise BadDataError(
            f"no structure is in both maps by name: the one has {_listed(labels, names)}, the reference "
            f"{_listed(reference, its_names)}. Give structures that are the same the same name in the protocol"
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


def _by_name(names: Names) -> dict[str, list[int]]:
    """Normalised name → its indices."""
    found: dict[str, list[int]] = {}
    for index, name in names.items():
        found.setdefault(re.sub(r"[\W_]+", " ", name).strip().casefold(), []).append(index)
    return found


def _coded(labels: npt.NDArray[Any], structures: list[list[int]]) -> npt.NDArray[np.int32]:
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


def _listed(labels: Volume, names: Names, most: int = 10) -> str:
    there = [f"{i} ({names.get(i, 'not named')})" for i in _voxels(labels)]
    return ", ".join(there[:most]) + (", …" if len(there) > most else "") or "none"


def collect(out_dir: Path) -> tuple[pd.DataFrame, list[str]]:
    """All agreements below an output folder that were taken under the latest conditions.

    Returns
    -------
    table : DataFrame
        `COLUMNS`; a row a labelling, reference, scan and structure. Empty where no labelling has a reference.
    notes : list of str
        What was left out, what was lacking, and where a comparison failed.
    """
    import pandas as pd

    wanted = derivatives.read_json(out_dir / CONDITIONS)
    rows, left_out = [], _LeftOut()
    for file in derivatives.files(out_dir, "sub-*/**/*_agreement.json"):
        if (out_dir / derivatives.failure(file.relative_to(out_dir))).exists():
            continue  # made before the latest attempt, which failed
        found = derivatives.read_json(file)
        pair = found.get("Labelling"), found.get("Reference")
        if wanted.get(key(*map(str, pair))) != found.get("Conditions"):
            continue
        left_out.add(found)
        about = dict(zip(("labelling", "reference"), pair, strict=True)) | {
            name: found[name.capitalize()] for name in ("scan", "contrast", "sequence")
        }
        rows += [
            {**about, "index": int(index), "name": values["Name"], "dice": values["Dice"]}
            for index, values in found["Structures"].items()
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS)), [*left_out.notes(), *_failed(out_dir)]


class _LeftOut:
    """What the comparisons lacked, summed up over scans."""

    def __init__(self) -> None:
        self.lacking: dict[tuple[str, str], set[str]] = {}
        self.unnamed: dict[str, dict[str, int]] = {}

    def add(self, found: Mapping[str, Any]) -> None:
        for name in found["Lacking"]:
            self.lacking.setdefault((found["Labelling"], name), set()).add(found["Scan"])
        voxels = self.unnamed.setdefault(found["Labelling"], {})
        for index, n in found["Unnamed"].items():
            voxels[index] = voxels.get(index, 0) + n

    def notes(self) -> list[str]:
        lacking = [
            f"Labelling {labelling} lacks {name} on {len(scans)} scan(s) on which its reference has it."
            for (labelling, name), scans in self.lacking.items()
        ]
        unnamed = [
            f"Labelling {labelling}: indices that the protocol does not name are left out: "
            + ", ".join(f"{index} ({n} voxels)" for index, n in sorted(voxels.items(), key=lambda item: int(item[0])))
            + "."
            for labelling, voxels in self.unnamed.items()
            if voxels
        ]
        return [*lacking, *unnamed]


def _failed(out_dir: Path) -> list[str]:
    reasons: dict[str, int] = {}
    for file in derivatives.files(out_dir, "logs/failures/*_agreement.json"):
        reason = derivatives.read_json(file).get("Reason", "no reason given")
        reasons[reason] = reasons.get(reason, 0) + 1
    return [f"On {n} scan(s) a labelling could not be scored against its reference: {r}" for r, n in reasons.items()]


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Sum agreements up: for each labelling and reference a row a structure, and one over all structures.

    Parameters
    ----------
    table : DataFrame
        As `collect` returns it.

    Returns
    -------
    DataFrame
        ``labelling``, ``reference``, ``index`` (NaN over all structures), ``name``, ``n`` (scans), ``mean`` and
        ``std`` over scans, the latter that of a sample; over all structures these are of the scans' means.
    """
    import pandas as pd

    pair = ["labelling", "reference"]
    per_scan = table.groupby([*pair, "scan"], sort=False)["dice"].mean().reset_index().assign(name="all structures")
    rows = pd.concat([table, per_scan], ignore_index=True)
    groups = rows.groupby([*pair, "index", "name"], sort=False, dropna=False)["dice"]
    return groups.agg(["count", "mean", "std"]).rename(columns={"count": "n"}).reset_index()
