"""Which of several scans of one subject, session and contrast is taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from lumirage_bids.bids_names import ENTITIES, long_name, natural_key
from lumirage_bids.errors import InvalidDatasetError, UsageError
from lumirage_bids.filters import selects
from lumirage_bids.scans import Scan

Rank = tuple[tuple[bool, ...], int, tuple[tuple[str | int, ...], str]]


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

    The one that meets the first preference, or the second where that does not decide, and so on; then the one with
    fewest entities; then the first in natural order. Whether its content is here plays no part, so that a partial
    clone gives the same scans as a full one.

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
    return unmet, len(scan.entities), natural_key(scan.relative)


def _reason(mine: Rank, theirs: Rank, preferences: Sequence[Mapping[str, str]]) -> str:
    """Name the rule that decided."""
    for preference, unmet, its_unmet in zip(preferences, mine[0], theirs[0], strict=True):
        if unmet != its_unmet:
            return "preferred: " + ", ".join(f"{key} {value}" for key, value in preference.items())
    return "fewest entities" if mine[1] != theirs[1] else "first in natural order"


def _check_keys_unique(scans: Iterable[Scan]) -> None:
    """Refuse sub-a+b without a session next to sub-a with ses-b."""
    seen: dict[str, Scan] = {}
    for scan in scans:
        twin = seen.setdefault(scan.key, scan)
        if twin is not scan:
            raise InvalidDatasetError(
                f"{twin.relative} and {scan.relative} would both be called {scan.key!r}. Rename a label with '+'."
            )
