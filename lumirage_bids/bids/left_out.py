"""Subjects of a dataset that take no part, and why."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lumirage_bids.bids.choices import is_magnitude
from lumirage_bids.bids.filters import Filter, selects
from lumirage_bids.bids.foreign import is_foreign
from lumirage_bids.bids.names import natural_key, parse_name
from lumirage_bids.bids.sidecars import read_participants

NAMED = 3
"""Most images that a reason names."""
MOST = 10
"""Most subjects that a sentence names."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A subject no image of whom fits the filters.

    Attributes
    ----------
    subject : str
        Label, without ``sub-``.
    reason : str
        What there is instead.
    """

    subject: str
    reason: str


def find_left_out(root: Path, filters: Filter, here: Container[str], images: Iterable[Path]) -> tuple[LeftOut, ...]:
    """Find the subjects that a dataset has, by its folders and its participants.tsv, but no scan is of.

    Parameters
    ----------
    root : Path
        The dataset.
    filters : mapping
        Checked, with the suffix of each query; where all queries name subjects, the others are left out on purpose
        and not found.
    here : container of str
        Subjects with scans.
    images : iterable of Path
        Images of anat folders, below the root.
    """
    folders = dict(_folders(root))
    by_folder: dict[str, list[Path]] = {}
    for path in images:
        by_folder.setdefault(path.parts[0], []).append(path)
    subjects = {*folders, *_participants(root)}
    found = []
    for subject in sorted(subjects, key=natural_key):
        if subject in here or not any(_means(query, subject) for query in filters.values()):
            continue
        folder = folders.get(subject)
        mine = by_folder.get(folder.name, []) if folder else []
        found.append(LeftOut(subject=subject, reason=_explain(subject, folder, mine, filters)))
    return tuple(found)


def list_names(subjects: Sequence[LeftOut]) -> str:
    """The first ten subjects with their reasons, in one clause."""
    by_reason: dict[str, list[str]] = {}
    for one in subjects[:MOST]:
        by_reason.setdefault(one.reason, []).append(one.subject)
    listed = [f"{' '.join(its)} ({reason})" for reason, its in by_reason.items()]
    more = [f"and {len(subjects) - MOST} more (all in status.tsv)"] if len(subjects) > MOST else []
    return "; ".join([*listed, *more])


def _folders(root: Path) -> Iterator[tuple[str, Path]]:
    """Subjects and their folders, which may be links to nowhere or begin with ``Sub-``."""
    for name in sorted(os.listdir(root), reverse=True):  # noqa: PTH208 (names, not paths); sub- comes after Sub-
        match = re.fullmatch(r"(?i:sub)-([0-9A-Za-z+]+)", name)
        if match and (not (root / name).exists() or (root / name).is_dir()):
            yield match[1], root / name


def _participants(root: Path) -> Iterator[str]:
    """Subjects of participants.tsv; none where it cannot be read, which costs nothing but their names."""
    for row in read_participants(root):
        match = re.fullmatch(r"(?:sub-)?([0-9A-Za-z+]+)", row.get("participant_id", "").strip())
        if match:
            yield match[1]


def _means(query: Mapping[str, object], subject: str) -> bool:
    return selects({k: v for k, v in query.items() if k == "subject"}, {"subject": subject})


def _explain(subject: str, folder: Path | None, images: Sequence[Path], filters: Filter) -> str:
    if folder is None:
        return "in participants.tsv, but without a folder"
    if not folder.exists():
        return "its folder is a link to nowhere"
    if folder.name != f"sub-{subject}":
        return f"its folder is called {folder.name}, not sub-{subject}"
    return _explain_unfit(images, filters) if images else "no image in an anat folder"


def _explain_unfit(images: Sequence[Path], filters: Filter) -> str:
    """Why none of these images is taken."""
    parsed = [parse_name(path.name) for path in images]
    if all(names and not is_magnitude(names[0]) for names in parsed):
        return "phase, real or imaginary parts only"
    if all(is_foreign(path.name) for path in images):
        return f"other formats than NIfTI only: {_list_some(images)}"
    wanted = {str(query["suffix"]).lower(): query["suffix"] for query in filters.values()}
    for suffix in (names[1] for names in parsed if names):
        if wanted.get(suffix.lower(), suffix) != suffix:
            return f"{_list_some(images)}: the suffix is {wanted[suffix.lower()]}, not {suffix}"
    return f"no image that fits: {_list_some(images)}"


def _list_some(images: Sequence[Path]) -> str:
    listed = ", ".join(path.name for path in images[:NAMED])
    return listed + (f" and {len(images) - NAMED} more" if len(images) > NAMED else "")
