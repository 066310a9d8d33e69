"""Which ordered pairs of scans a protocol asks for: pure, by names and seed alone.

Random choices take what has the smallest digests of seed and names, so that the chance of a subject or pair does not
depend on which others there are, and adding scans changes a sample little.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import groupby, permutations
from pathlib import Path

from lumirage_bids.base.errors import MissingInputError, NothingSelectedError, UsageError
from lumirage_bids.bids.scans import Pair, Scan
from lumirage_bids.experiment.declared import PairRule


def sample_subjects(scans: Sequence[Scan], seed: int, size: int | None) -> tuple[Scan, ...]:
    """Scans of a random sample of subjects, and templates; all where there are not more."""
    subjects = {s.subject for s in scans if not s.template}
    if size is None or size >= len(subjects):
        return tuple(scans)
    chosen = set(sorted(subjects, key=lambda subject: rank(seed, subject))[:size])
    return tuple(s for s in scans if s.template or s.subject in chosen)


def choose_pairs(scans: Sequence[Scan], rule: PairRule, seed: int, limit: int | None = None) -> tuple[Pair, ...]:
    """Choose ordered pairs of scans of one contrast, or those that a file lists.

    Parameters
    ----------
    scans : sequence of Scan
        Eligible scans.
    rule : PairRule
        Of the protocol; its sample of subjects is `sample_subjects`' business.
    seed : int
        Of the random subsets.
    limit : int or None
        Size of the subset, in place of the rule's `max`.

    Raises
    ------
    MissingInputError
        The rule's file does not exist.
    UsageError
        The file is not a table of pairs, or names a scan that there is not; or the rule names a split that no pair
        is of.
    """
    if rule.file is not None:
        pairs = _read_list(rule.file, scans)
    else:
        pairs = [Pair(moving=a, fixed=b) for a, b in permutations(scans, 2) if a.suffix == b.suffix]
    if rule.splits:
        there = sorted({p.split for p in pairs})
        if unknown := set(rule.splits) - set(there):
            raise UsageError(f"[pairs] splits names '{min(unknown)}', but the pairs are of: {', '.join(there)}.")
        pairs = [p for p in pairs if p.split in rule.splits]
    if rule.max_per_contrast is not None:
        contrasts = groupby(sorted(pairs, key=lambda p: p.fixed.suffix), key=lambda p: p.fixed.suffix)
        kept = {p for _, group in contrasts for p in _subset(list(group), seed, rule.max_per_contrast)}
        pairs = [p for p in pairs if p in kept]
    size = rule.max if limit is None else limit
    return tuple(pairs if size is None else _subset(pairs, seed, size))


def _subset(pairs: list[Pair], seed: int, size: int) -> list[Pair]:
    """Random subset of at most so many pairs, in the order in which they came."""
    chosen = set(sorted(pairs, key=lambda p: rank(seed, p.moving.name, p.fixed.name))[:size])
    return [p for p in pairs if p in chosen]


def rank(seed: int, *names: Hashable) -> bytes:
    """Place of something with these names in a random order."""
    return hashlib.sha256("\n".join(map(str, (seed, *names))).encode()).digest()


def _read_list(file: Path, scans: Iterable[Scan]) -> list[Pair]:
    """Pairs of a table with columns ``moving`` and ``fixed``: scan names, or labels of subjects with one scan."""
    if not file.is_file():
        raise MissingInputError(f"There is no file of pairs {file}, which [pairs] file names.")
    try:
        rows = list(csv.DictReader(file.read_text("utf-8-sig").splitlines(), delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"The file of pairs {file} cannot be read as a tab-separated table: {error}.") from None
    if not rows or not {"moving", "fixed"} <= rows[0].keys():
        raise UsageError(
            f"The file of pairs {file} must have rows, and columns 'moving' and 'fixed' separated by tabs."
        )
    by_name = _index_by_name(scans)
    pairs = {}
    for number, row in enumerate(rows, start=2):
        if row.get("status") == "left out":  # a subject's row of a status.tsv
            continue
        where = f"{file}, line {number}"
        moving, fixed = (_look_up((row[side] or "").strip(), by_name, where) for side in ("moving", "fixed"))
        if moving is fixed:
            raise UsageError(f"{where}: {moving.name} is paired with itself.")
        pairs[moving.name, fixed.name] = Pair(moving=moving, fixed=fixed)
    return list(pairs.values())


def _index_by_name(scans: Iterable[Scan]) -> Mapping[str, list[Scan]]:
    found: dict[str, list[Scan]] = {}
    for scan in scans:
        for key in (scan.name, scan.subject, f"sub-{scan.subject}"):
            found.setdefault(key, []).append(scan)
    return found


def _look_up(name: str, by_name: Mapping[str, list[Scan]], where: str) -> Scan:
    scans = by_name.get(name, [])
    if not scans:
        raise NothingSelectedError(f"{where}: no eligible scan or subject is called '{name}'.")
    if len(scans) > 1:
        raise UsageError(f"{where}: '{name}' has several scans; name one: {', '.join(s.name for s in scans)}.")
    return scans[0]
