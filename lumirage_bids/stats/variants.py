"""What a change of conditions does to each method: its Dice in every variant, on the same pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.stats.classes import Arm
from lumirage_bids.stats.pairing import side_by_side
from lumirage_bids.stats.score import DICE_LIES, DIFFERENCE_LIES

VARIANT_COLUMNS = [
    *("method", "variant", "base", "n", "n_subjects", "mean", "ci_low", "ci_high"),
    *("difference", "difference_low", "difference_high"),
]

_Conditions = Mapping[str, Mapping[str, Any]]


def changes(conditions: _Conditions, variant: str, base: str) -> dict[str, Any]:
    """Conditions of a variant that are not those of another; what only one of them has, like a method, is no change.

    Examples
    --------
    >>> changes({"a": {"spacing": 1, "crop": "brain"}, "b": {"spacing": 2, "crop": "brain"}}, "b", "a")
    {'spacing': 2}
    """
    mine, other = conditions.get(variant, {}), conditions.get(base, {})
    return {key: value for key, value in mine.items() if key in other and other[key] != value}


def ordered_variants(variants: Sequence[str], conditions: _Conditions) -> list[str]:
    """Order variants for comparison: first the one that the others are compared with.

    That is one whose labels are compared on native grids, linearly if any are; of several the one from which the others
    differ in the fewest conditions; of several the finest. The rest follow by number of changes, spacing and name.

    Examples
    --------
    >>> of = {"2mm": {"spacing": 2.0}, "1mm": {"spacing": 1.0}, "native": {"spacing": None}}
    >>> ordered_variants(["2mm", "1mm", "native"], of)
    ['native', '1mm', '2mm']
    """

    def fineness(variant: str) -> tuple[float, str]:
        return float(conditions.get(variant, {}).get("spacing") or 0), variant

    def distance(variant: str) -> int:
        return sum(len(changes(conditions, other, variant)) for other in variants)

    def evaluation(variant: str) -> str:
        return str(conditions.get(variant, {}).get("evaluation", ""))  # in order, see `evaluations_of`

    base = min(variants, key=lambda v: (evaluation(v), distance(v), *fineness(v)))
    rest = (v for v in variants if v != base)
    return [base, *sorted(rest, key=lambda v: (len(changes(conditions, v, base)), *fineness(v)))]


def variant_effects(pairs: pd.DataFrame, order: Sequence[str], *, criteria: Criteria | None = None) -> pd.DataFrame:
    """Sum up each method's Dice by variant, over the pairs that it scored in all variants in which it scored any.

    Parameters
    ----------
    pairs : DataFrame
        Rows of one labelling and class of pairs, as for `lumirage_bids.stats.pairing.side_by_side`.
    order : sequence of str
        Variants; differences are those from the first in which the method scored.
    criteria : Criteria, optional
        Level of the intervals.

    Returns
    -------
    DataFrame
        A row per method with at least two variants and variant, with `VARIANT_COLUMNS`; methods in the order of
        `lumirage_bids.stats.classes.arms_of`. Ends of intervals are NaN with too few subjects.
    """
    table = side_by_side(pairs)
    found = []
    for method in dict.fromkeys(arm.method for arm in table.arms):
        places = [table.arms.index(Arm(v, method)) for v in order if Arm(v, method) in table.arms]
        places = [place for place in places if np.isfinite(table.dice[:, place]).any()]
        laid = table.crossing.designs.of(np.asarray(np.isfinite(table.dice[:, places]).all(axis=1)))
        if len(places) < 2 or not len(laid.kept):
            continue
        dice = table.dice[:, places]
        values = np.concatenate([dice, dice - dice[:, :1]], axis=1)
        inferred = laid.infer(values)
        level = (criteria or Criteria()).confidence
        means, differences = (inferred.interval(level, within) for within in (DICE_LIES, DIFFERENCE_LIES))
        mean, difference = np.split(inferred.estimate, 2)
        lows, highs = ((np.split(x, 2)[0], np.split(y, 2)[1]) for x, y in zip(means, differences, strict=True))
        found.append(
            pd.DataFrame(
                {
                    **{"method": method, "variant": [table.arms[place].variant for place in places]},
                    **{"base": table.arms[places[0]].variant, "n": len(laid.kept), "n_subjects": laid.n_subjects},
                    **{"mean": mean, "ci_low": lows[0], "ci_high": highs[0]},
                    **{"difference": difference, "difference_low": lows[1], "difference_high": highs[1]},
                }
            )
        )
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=VARIANT_COLUMNS)
