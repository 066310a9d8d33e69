"""What is scored: which column, which direction is better, what a failed pair gets at worst."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from lumirage_bids.measures import columns, structure_column


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
    lies : tuple of float or None
        Between which it lies by definition; None where nothing is known.

    Examples
    --------
    >>> DICE.sign, Score(column="hd95_mm", better="lower", worst=None).sign
    (1, -1)
    """

    column: str = "dice_mean"
    better: Literal["higher", "lower"] = "higher"
    worst: float | None = 0.0
    lies: tuple[float, float] | None = None

    @property
    def difference_lies(self) -> tuple[float, float] | None:
        """Between which a difference lies by definition; None where nothing is known."""
        return None if self.lies is None else (self.lies[0] - self.lies[1], self.lies[1] - self.lies[0])

    @property
    def sign(self) -> int:
        """What a difference is multiplied by so that positive is better."""
        return 1 if self.better == "higher" else -1


DICE_LIES = (0.0, 1.0)
DIFFERENCE_LIES = (-1.0, 1.0)
DICE = Score(lies=DICE_LIES)
_ROUNDING = 1e-12
#: Scores with as many digits, from the first of the largest one on, are not taken for rounded.
_DIGITS = 9


def rounding_of(*scores: npt.ArrayLike) -> float:
    """Differences of these scores that are no larger are what arithmetic leaves of none, whatever the unit.

    Examples
    --------
    >>> abs(0.3 - (0.1 + 0.2)) <= rounding_of([0.3]), 1e-10 <= rounding_of([2e-9, 1.9e-9])
    (True, False)
    """
    return _ROUNDING * max((float(np.nanmax(np.abs(of), initial=0.0)) for of in map(np.asarray, scores)), default=0.0)


def step_of(scores: npt.ArrayLike) -> float:
    """What scores are rounded to, a power of ten.

    Examples
    --------
    >>> step_of([0.5, 0.61]), step_of([3.0, 12.0])
    (0.01, 1.0)
    """
    found = np.asarray(scores, dtype=np.float64)
    found = found[np.isfinite(found)]
    largest = float(np.abs(found).max(initial=0.0))
    most = max(1, _DIGITS - 1 - (math.floor(math.log10(largest)) if largest else 0))
    decimals = (k for k in range(most) if not (np.abs(found - found.round(k)) > rounding_of(found)).any())
    return float(10.0 ** -next(decimals, most))


def known_score(column: str) -> tuple[Score, float | None] | None:
    """What is scored in a column of our own measures, and which difference is of no consequence, if that is known.

    None for columns that are none of ours, or of which neither direction is better.

    Examples
    --------
    >>> known_score("hd95_mm"), known_score("mine")
    ((Score(column='hd95_mm', better='lower', worst=None, lies=(0.0, inf)), 0.1), None)
    """
    found = columns().get(structure_column(column) or column)
    if found is None or found.better == "none":
        return None
    if column == DICE.column:
        return DICE, found.margin
    return Score(column=column, better=found.better, worst=found.worst, lies=found.lies), found.margin
