"""What is known of networks: their grids, and which datasets share scans."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lumirage_bids.methods.base import OwnInput

GRID = re.compile(r"(\d+) × (\d+) × (\d+) voxels of ([\d.]+)(?: × ([\d.]+) × ([\d.]+))? mm(?:, ([A-Z]{3}))?")

PARTS: dict[str, tuple[str, ...]] = {
    "LUMIR": ("OpenBHB",),
    "OpenBHB": ("ABIDE", "CoRR", "GSP", "IXI", "Localizer", "MPI-Leipzig", "NAR", "NPC", "RBP"),
    "Mindboggle": ("OASIS", "NKI", "MMRR"),
    "BrainCOLOR": ("OASIS",),
    "MICCAI 2012": ("OASIS",),
}
"""Dataset → datasets whose scans it is made of, or took some from.

OpenBHB: Dufumier et al. 2022, doi:10.1016/j.neuroimage.2022.119637. LUMIR: Chen et al., arXiv:2505.24160. Mindboggle:
Klein and Tourville 2012, doi:10.3389/fnins.2012.00171. BrainCOLOR's maps of the MICCAI 2012 challenge are of OASIS
scans.
"""

NAMES: dict[str, str] = {
    "ABIDE": r"ABIDE( ?I{1,2}|[ _-]?[12])?",
    "GSP": r"GSP|Brain Genomics Superstruct\w*",
    "MPI-Leipzig": r"MPI[ -]Leipzig|LEMON|Mind[ -]Brain[ -]Body",
    "NAR": r"NAR|Narratives",
    "NPC": r"NPC|Neuroimaging predictors of creativity.*",
    "RBP": r"RBP|Reading Brain.*",
    "Localizer": r"Brainomics|Localizer",
    "Mindboggle": r"Mindboggle([ -]?101)?",
    "BrainCOLOR": r"BrainCOLOR",
    "OASIS": r"OASIS([ -]?TRT)?([ -]?[1-4])?",
    "HCP": r"HCP|Human Connectome Project",
    "UK Biobank": r"UK ?Biobank|UKB",
    "CamCAN": r"Cam-?CAN",
}
"""Dataset → how its name is written, a regular expression; the name itself where it is not here."""


def shared_scans(dataset: str, trained_on: Iterable[str]) -> str:
    """Say what a dataset shares with those that a network was trained on; empty where that is not known of any.

    Parameters
    ----------
    dataset : str
        Name of the dataset at hand, in which names of known datasets are looked for.
    trained_on : iterable of str
        Names of datasets.

    Examples
    --------
    >>> shared_scans("IXI, T1w scans", ["LUMIR"])
    'IXI is part of OpenBHB, from which LUMIR has scans.'
    >>> shared_scans("Skull-stripped OASIS T1w scans", ["OASIS"]), shared_scans("LUMirage of mine", ["LUMIR"])
    ('The name is that of OASIS.', '')
    """
    for name in trained_on:
        known = next((k for k in {*PARTS, *NAMES, *_all_parts()} if _is_named(name, k)), name)
        if _is_named(dataset, known):
            return f"The name is that of {name}."
        for here in sorted({*PARTS, *_all_parts()}):
            if not _is_named(dataset, here):
                continue
            if here in _list_parts(known):
                return f"{here} is part of {_chain(here, known)}."
            if known in _list_parts(here):
                return f"{known} is part of {_chain(known, here)}."
            if both := sorted(_list_parts(here) & _list_parts(known)):
                return f"{here} and {name} both have scans of {', '.join(both)}."
    return ""


def _all_parts() -> set[str]:
    return {part for parts in PARTS.values() for part in parts}


def _list_parts(dataset: str) -> set[str]:
    """Datasets that a dataset is made of, and those that they are made of."""
    own = set(PARTS.get(dataset, ()))
    return own.union(*(_list_parts(part) for part in own))


def _chain(part: str, whole: str) -> str:
    """Name what a dataset is part of, and how the whole comes to it."""
    between = next((p for p in PARTS.get(whole, ()) if part in _list_parts(p)), None)
    return whole if part in PARTS.get(whole, ()) or between is None else f"{between}, from which {whole} has scans"


def _is_named(text: str, dataset: str) -> bool:
    """Whether a text names a dataset; short names only where they are written as they are."""
    pattern = NAMES.get(dataset, re.escape(dataset))
    flags = re.IGNORECASE if len(dataset) > 3 else 0
    return re.search(rf"(?<![A-Za-z])(?:{pattern})(?![A-Za-z])", text, flags) is not None


def input_by_words(text: str) -> OwnInput:
    """What a method saw, by column ``input``: all that versions before 0.2.0 noted.

    Examples
    --------
    >>> input_by_words("160 × 192 × 144 voxels of 1 mm, RAS").extent, input_by_words("native spacing").shape
    ((160.0, 192.0, 144.0), ())
    """
    match = GRID.search(text)
    shape = tuple(int(match[i]) for i in (1, 2, 3)) if match else ()
    spacing = tuple(float(match[i] or match[4]) for i in (4, 5, 6)) if match else ()
    return OwnInput(words=text, shape=shape, spacing=spacing, as_trained=not text.startswith("as-given"))
