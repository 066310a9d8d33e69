"""What is scored: which column, which direction is better, what a failed pair gets at worst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Score:
    """A column of scores.

    Attributes
    ----------
    column : str
    better : str
        ``higher`` or ``lower``.
    worst : float or None
        What a pair without a score counts in the worst case; None where there is no such number.

    Examples
    --------
    >>> Score().sign, Score(column="hd95_mm", better="lower", worst=None).sign
    (1, -1)
    """

    column: str = "dice_mean"
    better: Literal["higher", "lower"] = "higher"
    worst: float | None = 0.0

    @property
    def sign(self) -> int:
        """What a difference is multiplied by so that positive is better."""
        return 1 if self.better == "higher" else -1


DICE = Score()
