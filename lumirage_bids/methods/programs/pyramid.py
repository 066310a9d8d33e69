"""Numbers of iterations at levels that are shrunk by powers of two, the last by 1; and values that are allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lumirage_bids.base.errors import UsageError
from lumirage_bids.methods.fireants.deformable import tenth

Rule = tuple[bool, str]
"""Whether a value is fine, and what is allowed."""


def check_values(owner: Any, rules: Mapping[str, Rule]) -> None:
    """Refuse values that are not allowed.

    Raises
    ------
    UsageError
        The message names field, value, and what is allowed.
    """
    for field, (fine, allowed) in rules.items():
        if not fine:
            raise UsageError(f"{field} is {getattr(owner, field)!r}; allowed: {allowed}.")


def rule_for(iterations: Sequence[int]) -> Rule:
    """What numbers of iterations may be."""
    fine = 1 <= len(iterations) <= 9 and min(iterations) >= 0 and any(iterations)
    return fine, "one to nine whole numbers of at least 0, not all 0"


def list_levels(iterations: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Factor and iterations of each level, as `Method.effort` has them.

    Examples
    --------
    >>> list_levels((100, 50, 10))
    ((4, 100), (2, 50), (1, 10))
    """
    return tuple((2 ** (len(iterations) - 1 - i), n) for i, n in enumerate(iterations))


def take_tenth(iterations: tuple[int, ...]) -> tuple[int, ...]:
    """A tenth of the iterations, at least one at each level that has any.

    Examples
    --------
    >>> take_tenth((100, 5, 0))
    (10, 1, 0)
    """
    return tuple(min(n, less) for n, less in zip(iterations, tenth(iterations), strict=True))


def million_voxels(iterations: Sequence[int], voxels: int) -> float:
    """Voxels that all iterations look at together, in millions."""
    return sum(n * voxels / factor**3 for factor, n in list_levels(iterations)) / 1e6
