"""Which subject a scan is of, read from its name: by BIDS, and where names are not BIDS's, as far as they tell it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: What follows the subject in a name and is no part of it: an entity of BIDS, or what kind of image it is.
_ENTITY = re.compile(r"[A-Za-z]+-[0-9A-Za-z+.]+")
_KIND = re.compile(
    r"(inplane)?T[12](w|star|starw|starmap|map|rho)?|FLAIR|PD(w|T2|map)?|UNIT1|M[0T]\w{0,3}|R[12]\w*map|Chimap|FLASH|CT|PET|"
    r"MP2?RAGE|MEMPRAGE|SPGR|ToF|angio|SWI|bold|dwi|"
    r"brain|head|mask|seg|dseg|aseg|aparc|labels?|probseg|warped|reg(istered)?|preproc|orig|raw|image|img|scan|anat",
    re.IGNORECASE,
)
_EXTENSION = re.compile(r"\.(nii|nii\.gz|mgz|mgh|nrrd|mha|mhd|img|hdr|tsv|json|npz|npy)$", re.IGNORECASE)
_PARTS = re.compile(r"[_.-]")


class AmbiguousError(ValueError):
    """Names that may be read in two ways: two scans of them may be of one subject or of two."""


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """Subjects read from names.

    Attributes
    ----------
    of : mapping of str to str
        Name → subject; a name without ``sub-…`` is missing.
    unlike_bids : str
        One of the names whose subject is more than what BIDS has for it; empty where there is none.
    """

    of: Mapping[str, str]
    unlike_bids: str = ""


def subjects_in(names: Iterable[str]) -> Subjects:
    """Read the subject of each name.

    BIDS has letters and digits after ``sub-``, and then an entity (``ses-1``) or the kind of image (``T1w``). Names
    with more, as ``sub-OAS_0001_MR1_T1w``, may be read with fewer or more of their parts for the subject's: they are
    where all readings that find more than one subject tell the same scans apart.

    Raises
    ------
    AmbiguousError
        Two readings differ; the message names two scans that are of one subject by one of them.

    Examples
    --------
    >>> subjects_in(["sub-01_ses-1_T1w", "sub-01_ses-2_T1w"]).of["sub-01_ses-2_T1w"]
    'sub-01'
    >>> subjects_in(["sub-OAS_0001_T1w", "sub-OAS_0002_T1w"]).of["sub-OAS_0002_T1w"]
    'sub-OAS_0002'
    """
    labels = {name: label for name in names if (label := _label(name)) is not None}
    parts = {label: _PARTS.split(label) for label in labels.values()}
    most = max((len(p) for p in parts.values()), default=1)
    readings = [{label: tuple(p[:n]) for label, p in parts.items()} for n in range(1, most + 1)]
    several = [reading for reading in readings if len(set(reading.values())) > 1] or readings[:1]
    fewest, finest = several[0], several[-1]
    if len(set(fewest.values())) < len(set(finest.values())):
        raise AmbiguousError(_show_two(labels, fewest, finest))
    found = {name: f"sub-{_start(label, len(fewest[label]))}" for name, label in labels.items()}
    longer = [name for name, label in labels.items() if len(fewest[label]) > 1]
    return Subjects(of=found, unlike_bids=longer[0] if longer else "")


def _label(name: str) -> str | None:
    """What may be the subject's in a name, without ``sub-``; None where there is nothing."""
    *folders, file = re.split(r"[/\\]", name)
    # A folder is the subject's alone: its whole name counts.
    own = [folder.removeprefix("sub-") for folder in folders if folder.startswith("sub-") and folder != "sub-"]
    if own:
        return own[0]
    _, found, rest = _EXTENSION.sub("", file).partition("sub-")
    first, *others = rest.split("_")
    kept = [first]
    for part in others:
        if _ENTITY.fullmatch(part) or _KIND.fullmatch(part):
            break
        kept.append(part)
    label = "_".join(kept).strip("_-.")
    return label if found and label else None


def _start(label: str, parts: int) -> str:
    """The first parts of a label, with what stands between them."""
    ends = [match.start() for match in _PARTS.finditer(label)]
    return label[: ends[parts - 1]] if parts <= len(ends) else label


def _show_two(
    labels: Mapping[str, str], fewest: Mapping[str, tuple[str, ...]], finest: Mapping[str, tuple[str, ...]]
) -> str:
    """Two scans that are of one subject by one reading, and of two by the other."""
    first: dict[tuple[str, ...], str] = {}
    for name, label in labels.items():
        other = first.setdefault(fewest[label], name)
        if finest[labels[other]] != finest[label]:
            return f"{other} and {name}"
    return ", ".join(list(labels)[:2])
