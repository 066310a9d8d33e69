"""FreeSurfer's numbering of structures: names for maps that come without a table, and which of them are scored."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

CORTEX = (3, 42)
"""Left and right cerebral cortex, which are divided into regions in a parcellation."""
FIRST_REGION = 1000
"""Regions of the cortex have indices from here."""
LABELLINGS = ("aseg", "aparcaseg", "aparc+aseg")
"""Labellings that are FreeSurfer's by their names, as FreeSurfer, fMRIPrep and sMRIPrep call them."""


def names_of(labelling: str) -> dict[int, str]:
    """Names of everything that a labelling of FreeSurfer's may hold, bookkeeping too; empty for another's."""
    return {i: name for i, (name, _) in _table().items()} if labelling in LABELLINGS else {}


def scored_of(labelling: str) -> dict[int, str]:
    """Names of the structures of a labelling of FreeSurfer's that are scored; empty for another's.

    Left out is what is no structure with a boundary of its own: what FreeSurfer could not tell (unknown,
    undetermined), vessels, choroid plexus, hypointensities, lesions, the slits of the inferior lateral ventricles, CSF
    outside the ventricles, the fifth ventricle, the optic chiasm; and the rest of cortex in a parcellation.
    """
    regions = labelling != "aseg"
    scored = {i: name for i, (name, counts) in _table().items() if counts and labelling in LABELLINGS}
    return {i: name for i, name in scored.items() if (i not in CORTEX if regions else i < FIRST_REGION)}


def contradicts(table: Mapping[int, str]) -> bool:
    """Whether a look-up table means other structures than FreeSurfer's: most of the indices that both name differ."""
    ours = names_of("aparcaseg")
    common = [i for i in table if i in ours]
    return 2 * sum(_modernise(table[i]) == _modernise(ours[i]) for i in common) < len(common) or not common


def _modernise(name: str) -> str:
    """Older versions say Left-Thalamus-Proper."""
    return re.sub(r"[^0-9a-z]", "", name.lower()).removesuffix("proper")


@cache
def _table() -> Mapping[int, tuple[str, bool]]:
    """Index → name, and whether it is scored."""
    with (Path(__file__).parent / "luts" / "aparcaseg.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {int(row["index"]): (row["name"], row["scored"] == "yes") for row in rows if row["index"] != "0"}
