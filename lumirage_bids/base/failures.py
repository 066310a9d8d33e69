"""Why something has no result: a kind, which the program decides by, and words, which people read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

Kind = Literal["bad data", "lost input", "killed", "timed out", "out of memory", "error"]
KINDS: dict[str, str] = {
    "bad data": "what was given cannot be used",
    "lost input": "a file that was there when the run was planned is not any more; the same command tries it again",
    "killed": "the process or job ended before its work was done; the same command tries it again",
    "timed out": "it took longer than --pair-timeout allows",
    "out of memory": "there was not enough memory for it",
    "error": "anything else that went wrong in a method, a labeller or a library",
}
PASSING: frozenset[object] = frozenset({"lost input", "killed"})
"""Kinds that say nothing of the pair or scan itself: the same command tries it again."""


@dataclass(frozen=True)
class Failure:
    """What went wrong.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    reason : str
        The same in words.
    """

    kind: Kind
    reason: str

    def __str__(self) -> str:
        """The words."""
        return self.reason

    @property
    def is_final(self) -> bool:
        """Whether it would be so again: it is not tried again unless something changes."""
        return self.kind not in PASSING

    @classmethod
    def read(cls, kind: Any, reason: object) -> Failure:
        """What was noted down; versions before 0.2.0 noted words alone.

        Examples
        --------
        >>> Failure.read(None, "killed by SIGKILL (out of memory?)").kind
        'killed'
        """
        return cls(kind if kind in get_args(Kind) else kind_by_words(str(reason)), str(reason))


def kind_by_words(reason: str) -> Kind:
    """The kind of a failure that a version before 0.2.0 noted down, in words that began with it.

    Examples
    --------
    >>> kind_by_words("input lost: x is gone"), kind_by_words("timed out after 9 s"), kind_by_words("ValueError: 3")
    ('lost input', 'timed out', 'error')
    """
    if reason.startswith("input lost"):
        return "lost input"
    return next((kind for kind in get_args(Kind) if kind != "error" and reason.startswith(kind)), "error")
