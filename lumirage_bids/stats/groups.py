"""Groups of subjects that an interval hangs on: those whose scans are of the same sequences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lumirage_bids.bids.splits import SAME_SUBJECT, Splits

#: A group of fewer subjects tells nothing of others like them.
FEWEST_SUBJECTS = 3
_PLUS = " + "


def groups_of(pairs: Iterable[tuple[str, str, str]], splits: Splits) -> dict[str, str]:
    """Group of each subject.

    Parameters
    ----------
    pairs : iterable of (moving subject, fixed subject, split)
        Of a whole labelling, each combination at least once.
    splits : mapping
        As of `lumirage_bids.stats.classes.splits_of`.

    Returns
    -------
    dict
        Subject → name of its group: the sequences that it was scanned with, as the splits name them. Splits without
        ends stand for themselves. A group of fewer than `FEWEST_SUBJECTS` subjects
        joins the largest one that it has a sequence in common with: a subject that lacks one scan is no other
        population.

    Examples
    --------
    >>> pairs = [("s1", "s2", "T1w to T2w"), ("s2", "s1", "T1w to T2w"), ("s1", "s3", "T1w to T1w")]
    >>> groups_of(pairs, {"T1w to T2w": ("T1w", "T2w"), "T1w to T1w": ("T1w", "T1w")})
    {'s1': 'T1w + T2w', 's2': 'T1w + T2w', 's3': 'T1w + T2w'}
    """
    found: dict[str, set[str]] = {}
    for moving, fixed, split in pairs:
        own = splits[split] or (split, split)
        for subject, sequence in zip((moving, fixed), own, strict=True):
            found.setdefault(subject, set()).update(() if split == SAME_SUBJECT else (sequence,))
    profiles = {subject: tuple(sorted(sequences)) for subject, sequences in found.items()}
    sizes = Counter(profiles.values())
    kept = [profile for profile, size in sizes.most_common() if size >= FEWEST_SUBJECTS or size == max(sizes.values())]

    def home(profile: tuple[str, ...]) -> tuple[str, ...]:
        if profile in kept:
            return profile
        return next((other for other in kept if not profile or set(other) & set(profile)), profile)

    def named(profile: tuple[str, ...]) -> str:
        return _PLUS.join(f"“{sequence}”" if _PLUS in sequence else sequence for sequence in profile)

    return {subject: named(home(profile)) for subject, profile in profiles.items()}
