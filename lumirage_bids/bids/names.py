"""BIDS file names: entities, their long names, and natural order."""

from __future__ import annotations

import re
from types import MappingProxyType

# Short → long names as PyBIDS spells them (it keeps mt, inv, proc, res, den, hemi and desc short).
ENTITIES = MappingProxyType(
    {
        "sub": "subject",
        "ses": "session",
        "sample": "sample",
        "task": "task",
        "tracksys": "tracksys",
        "acq": "acquisition",
        "nuc": "nucleus",
        "voi": "volume",
        "ce": "ceagent",
        "stain": "staining",
        "trc": "tracer",
        "rec": "reconstruction",
        "dir": "direction",
        "run": "run",
        "proc": "proc",
        "mod": "modality",
        "echo": "echo",
        "flip": "flip",
        "inv": "inv",
        "mt": "mt",
        "part": "part",
        "recording": "recording",
        "split": "split",
        "space": "space",
        "chunk": "chunk",
        "atlas": "atlas",
        "seg": "segmentation",
        "roi": "roi",
        "label": "label",
        "hemi": "hemi",
        "res": "res",
        "den": "den",
        "desc": "desc",
    }
)
# Value of an entity.
LABEL = re.compile(r"[0-9A-Za-z+]+")
# Entities whose value is a number: run-1 and run-01 are the same.
INDICES = frozenset({"run", "echo", "flip", "inv", "split", "chunk"})
# Suffixes of the anat folder, BIDS 1.10.
# fmt: off
ANAT_SUFFIXES = (
    "T1w", "T2w", "PDw", "T2starw", "FLAIR", "UNIT1", "inplaneT1", "inplaneT2", "angio", "T1map", "T2map",
    "T2starmap", "R1map", "R2map", "R2starmap", "PDmap", "MTRmap", "MTsat", "MTVmap", "MWFmap", "Chimap", "S0map",
    "M0map", "T1rho", "PDT2", "MP2RAGE", "MPM", "MTS", "MTR", "MESE", "MEGRE", "VFA", "IRT1", "T2star", "FLASH", "PD",
)
# fmt: on


def parse_name(name: str) -> tuple[dict[str, str], str] | None:
    """Entities (short names, in order) and suffix of a BIDS file name; None where it is not one.

    Examples
    --------
    >>> parse_name("sub-1_ses-2_T1w.nii.gz")
    ({'sub': '1', 'ses': '2'}, 'T1w')
    >>> parse_name("sub-1_copy_T1w.nii.gz") is None
    True
    """
    *parts, suffix = name.split(".", 1)[0].split("_")
    pairs = [re.fullmatch(r"([0-9A-Za-z]+)-([0-9A-Za-z+]+)", part) for part in parts]
    entities = {pair[1]: pair[2] for pair in pairs if pair}
    if len(entities) != len(parts) or not re.fullmatch(r"[0-9A-Za-z]+", suffix):
        return None
    return entities, suffix


def parse_lesion_name(name: str) -> tuple[dict[str, str], str] | None:
    """Entities and suffix of a lesion mask as BIDS names it, ``label-lesion_mask``; None for any other file.

    Older names say the same: suffix ``roi``, the scan's own suffix in the middle, which is ``space-`` now,
    ``desc-lesion`` for ``label-lesion``; and nothing but the scan's name with ``roi`` behind it.

    Examples
    --------
    >>> parse_lesion_name("sub-1_T1w_label-lesion_roi.nii.gz")
    ({'sub': '1', 'space': 'T1w', 'label': 'lesion'}, 'mask')
    >>> parse_lesion_name("sub-1_FLAIR_roi.nii.gz")
    ({'sub': '1', 'space': 'FLAIR', 'label': 'lesion'}, 'mask')
    >>> parse_lesion_name("sub-1_desc-brain_mask.nii.gz") is None
    True
    """
    parts = name.split(".", 1)[0].split("_")
    own = next((part for part in parts[:-1] if part in ANAT_SUFFIXES), None)
    parsed = parse_name("_".join(f"space-{part}" if part == own else part for part in parts))
    if parsed is None or parsed[1] not in {"mask", "roi"}:
        return None
    entities = dict(parsed[0])
    said = entities.pop("label", None) or entities.pop("desc", None)
    if said == "lesion" or (said is None and own and parsed[1] == "roi"):
        return {**entities, "label": "lesion"}, "mask"
    return None


def long_name(entity: str) -> str:
    """Long name of an entity given by its short or long name.

    Examples
    --------
    >>> long_name("acq"), long_name("acquisition")
    ('acquisition', 'acquisition')
    """
    return ENTITIES.get(entity, entity)


def same_value(entity: str, a: str, b: str) -> bool:
    """Whether two values of an entity are the same.

    Examples
    --------
    >>> same_value("run", "1", "01"), same_value("session", "1", "01")
    (True, False)
    """
    if entity in INDICES and a.isdecimal() and b.isdecimal():
        return int(a) == int(b)
    return a == b


def natural_key(text: str) -> tuple[tuple[str | int, ...], str]:
    """Sort key in which numbers count by value; a total order.

    Examples
    --------
    >>> sorted(["run-10", "run-9", "run-09"], key=natural_key)
    ['run-09', 'run-9', 'run-10']
    """
    parts = re.split(r"([0-9]+)", text)
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), text
