"""Which of several scans of one subject, session and contrast is taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType

from lumirage_bids.base.errors import InvalidDatasetError, UsageError
from lumirage_bids.bids.filters import selects
from lumirage_bids.bids.names import ENTITIES, long_name, natural_key
from lumirage_bids.bids.scans import Scan

Key = tuple[tuple[str | int, ...], str]
Rank = tuple[tuple[bool, ...], tuple[bool, ...], int, Key, bool, Key]
Entities = Mapping[str, str]

# What no image of a head is by itself; a magnitude goes with or without ``part-mag``.
NOT_MAGNITUDE = frozenset({"phase", "real", "imag"})
# Labels of acquisitions that are there to be spoilt: acq-headmotion1, acq-t2starpmcoff, acq-mocooff, acq-nopmc.
SPOILT = re.compile(
    r"(?<!no)(?<!without)(?<!low)motion(?!corr|free|less)|(pmc|mo?co?|moco?rr?|vnavs?)off|nopmc|nomoco", re.IGNORECASE
)
AT_REST = frozenset({"still", "rest", "none"})
"""Tasks during which a head lies still, lower case."""


def _is_spoilt(entities: Entities) -> bool:
    at_work = entities.get("task", "still").lower() not in AT_REST
    return at_work or any(SPOILT.search(entities.get(key, "")) for key in ("acq", "rec"))


BRAINS = frozenset({"brain", "skullstripped", "stripped", "bet", "brainextracted"})
"""What ``desc-`` calls images of which the skull was taken off, lower case."""

DRAWBACKS: tuple[tuple[str, Callable[[Entities], bool]], ...] = (
    ("in its own space, not resampled to another", lambda e: "space" in e),
    ("whole, not one hemisphere or chunk", lambda e: bool(e.keys() & {"hemi", "chunk"})),
    ("the whole head, not its brain alone", lambda e: e.get("desc", "").lower() in BRAINS),
    ("not a single echo", lambda e: "echo" in e),
    ("no motion or task, no correction of motion turned off", _is_spoilt),
    ("no task", lambda e: "task" in e),
    ("no contrast agent", lambda e: "ce" in e),
)
"""Why an image is rather taken → whether one with these entities (short names) has the drawback, gravest first."""
TELLING = MappingProxyType(
    {"echo": "echoes", "part": "parts", "inv": "inversions", "flip": "flip angles", "mt": "magnetisation transfer",
     "ce": "contrast agents", "rec": "reconstructions", "space": "spaces", "hemi": "hemispheres",
     "desc": "descriptions"}
)  # fmt: skip
"""Entities without which images are not of one kind → what they tell apart."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which of several scans of one subject, session and contrast is taken, and by which rule.

    Attributes
    ----------
    chosen, others : str, tuple of str
        Paths below the dataset; the others in the order in which they would have been taken.
    reason : str
        The rule that decided between `chosen` and the first of `others`.
    """

    subject: str
    session: str | None
    suffix: str
    chosen: str
    others: tuple[str, ...]
    reason: str


def choose(candidates: Iterable[Scan], prefer: Iterable[Mapping[str, str]]) -> tuple[list[Scan], tuple[Choice, ...]]:
    """Take one scan per subject, session and contrast.

    The one that meets the first preference, or the second where that does not decide, and so on; then one without the
    gravest of `DRAWBACKS`, the next, and so on; then the one with fewest entities; then the first in natural order.
    Whether its content is here plays no part, so that a partial clone gives the same scans as a full one: but between
    files of one name, plain and compressed, of which one may be a link to nowhere, or empty.

    Parameters
    ----------
    candidates : iterable of Scan
        In any order.
    prefer : iterable of mapping
        Entities (short or long names) → value, best first.

    Returns
    -------
    scans, choices : list of Scan, tuple of Choice
        The scans taken, and where there were several to take from.

    Raises
    ------
    UsageError
        A preference names an unknown entity.
    InvalidDatasetError
        Two scans cannot be told apart by subject, session and contrast.
    """
    preferences = [_preference(p) for p in prefer]
    scans, choices = [], []
    for _, members in groupby(sorted(candidates, key=_group), key=_group):
        (mine, best), *others = sorted(((_rank(scan, preferences), scan) for scan in members), key=itemgetter(0))
        scans.append(best)
        if others:
            choices.append(
                Choice(
                    subject=best.subject,
                    session=best.session,
                    suffix=best.suffix,
                    chosen=best.relative,
                    others=tuple(scan.relative for _, scan in others),
                    reason=_reason(mine, others[0][0], preferences),
                )
            )
    _check_keys_unique(scans)
    return scans, tuple(choices)


def _preference(preference: Mapping[str, str]) -> dict[str, str]:
    for key in preference:
        if long_name(key) not in ENTITIES.values():
            raise UsageError(f"Preference {dict(preference)!r}: unknown entity {key!r}. Known: {', '.join(ENTITIES)}.")
    return {long_name(key): value for key, value in preference.items()}


def _group(scan: Scan) -> tuple[str, str, str]:
    return scan.subject, scan.session or "", scan.suffix


def _rank(scan: Scan, preferences: Iterable[Mapping[str, str]]) -> Rank:
    entities = {long_name(key): value for key, value in scan.entities.items()}
    unmet = tuple(not selects(preference, entities) for preference in preferences)
    drawbacks = tuple(has(scan.entities) for _, has in DRAWBACKS)
    empty = not scan.present or scan.path.stat().st_size == 0
    return unmet, drawbacks, len(scan.entities), natural_key(scan.name), empty, natural_key(scan.relative)


def _reason(mine: Rank, theirs: Rank, preferences: Sequence[Mapping[str, str]]) -> str:
    """Name the rule that decided."""
    for preference, unmet, its_unmet in zip(preferences, mine[0], theirs[0], strict=True):
        if unmet != its_unmet:
            return "preferred: " + ", ".join(f"{key} {value}" for key, value in preference.items())
    for (reason, _), has, its in zip(DRAWBACKS, mine[1], theirs[1], strict=True):
        if has != its:
            return reason
    if mine[2] != theirs[2]:
        return "fewest entities"
    if mine[3] != theirs[3]:
        return "first in natural order"
    return "the same name, and this one is here" if mine[4] != theirs[4] else "the same name; plain before compressed"


def is_magnitude(entities: Entities) -> bool:
    """Whether an image with these entities (short names) is no phase, real or imaginary part.

    Examples
    --------
    >>> is_magnitude({"sub": "1", "part": "mag"}), is_magnitude({"sub": "1", "part": "imag"})
    (True, False)
    """
    return entities.get("part") not in NOT_MAGNITUDE


def mixtures(scans: Iterable[Scan]) -> Iterator[str]:
    """Say where images of one contrast are not of one kind: of different echoes, parts, spaces and so on."""
    for suffix, group in groupby(sorted(scans, key=lambda s: (s.suffix, s.name)), key=lambda s: s.suffix):
        members = [scan for scan in group if not scan.template]
        for entity, plural in TELLING.items():
            by_value: dict[str, list[Scan]] = {}
            for scan in members:
                value = scan.entities.get(entity, "")
                by_value.setdefault("" if (entity, value) == ("part", "mag") else value, []).append(scan)
            if len(by_value) > 1:
                kinds = ", ".join(
                    f"{f'{entity}-{value}' if value else f'no {entity}-'} in {len(its)} ({its[0].name}"
                    f"{', …' if its[1:] else ''})"
                    for value, its in sorted(by_value.items())
                )
                yield (
                    f"the {suffix} scans are of different {plural}: {kinds}. Choose one kind with --bids-filter-file "
                    f"({long_name(entity)})."
                )


def _check_keys_unique(scans: Iterable[Scan]) -> None:
    """Refuse sub-a+b without a session next to sub-a with ses-b."""
    seen: dict[str, Scan] = {}
    for scan in scans:
        twin = seen.setdefault(scan.key, scan)
        if twin is not scan:
            raise InvalidDatasetError(
                f"{twin.relative} and {scan.relative} would both be called {scan.key!r}. Rename a label with '+'."
            )
