"""How far a run's labellings agree with a reference's maps: read from the output folder, and summed up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output
from lumirage_bids.output.score_table import LATEST

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


def key(labelling: str, reference: str) -> str:
    """What a labelling and its reference are called together where conditions are noted."""
    return f"{labelling} against {reference}"


def collect(output: Output) -> tuple[pd.DataFrame, list[str]]:
    """All agreements below an output folder that were taken under the latest conditions.

    Returns
    -------
    table : DataFrame
        `COLUMNS`; a row a labelling, reference, scan and structure. Empty where no labelling has a reference.
    notes : list of str
        What was left out, what was lacking, and where a comparison failed.
    """
    wanted = output.read_json(LATEST)
    rows, left_out = [], _LeftOut()
    for file in output.find("sub-*/**/*_agreement.json"):
        if output.is_there(paths.failure(file)):
            continue  # made before the latest attempt, which failed
        found = output.read_json(file)
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
    return pd.DataFrame(rows, columns=list(COLUMNS)), [*left_out.notes(), *_find_failed(output)]


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


def _find_failed(output: Output) -> list[str]:
    reasons: dict[str, int] = {}
    for file in output.find("logs/failures/*_agreement.json"):
        reason = output.read_json(file).get("Reason", "no reason given")
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
    pair = ["labelling", "reference"]
    per_scan = table.groupby([*pair, "scan"], sort=False)["dice"].mean().reset_index().assign(name="all structures")
    rows = pd.concat([table, per_scan], ignore_index=True)
    groups = rows.groupby([*pair, "index", "name"], sort=False, dropna=False)["dice"]
    return groups.agg(["count", "mean", "std"]).rename(columns={"count": "n"}).reset_index()
