"""Scores that may stand beside each other: of pairs of different subjects that every competitor scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.stats.classes import (
    FLOOR,
    Arm,
    arm_labels,
    arm_names,
    arms_of,
    number_arms,
    primary_class,
    scored_dice,
    select,
)
from lumirage_bids.stats.common import common_pairs
from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.pairing import pivot

if TYPE_CHECKING:
    import pandas as pd

ALPHA = 0.05
PAIR = ["moving", "fixed"]


def different_subjects(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows without rescans, with the name of their arm in ``arm`` and Dice (NaN for failures) in ``dice``."""
    named = rows.assign(arm=arm_names(rows), dice=scored_dice(rows))
    return select(named, named["split"] != SAME_SUBJECT)


def keep_common_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep scores of the pairs in common, as `lumirage_bids.stats.common` has them; of arms set aside none.

    Parameters
    ----------
    rows : DataFrame
        Of `different_subjects`, one labelling.
    """
    if rows.empty:
        return rows
    table, (pair, arm) = pivot(rows)
    common = common_pairs(table)
    return rows[common.pairs[pair] & ~common.set_aside[arm] & rows["dice"].notna().to_numpy()]


def common_means(rows: pd.DataFrame) -> dict[str, float]:
    """Name of each arm → its mean Dice on the common pairs."""
    return {str(arm): float(x) for arm, x in keep_common_pairs(rows).groupby("arm", sort=False)["dice"].mean().items()}


Order = dict[tuple[Arm, Arm], float]
"""Two arms → difference of their means, the second minus the first."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Which orders of two competing arms are certain.

    Attributes
    ----------
    comparisons : DataFrame or None
        Rows of `lumirage_bids.stats.comparisons.compare` on all scores of the run; without them nothing is certain.
    alpha : float
        Corrected p-value below which an order is certain.
    """

    comparisons: pd.DataFrame | None = None
    alpha: float = ALPHA

    def of(self, labelling: str) -> Order:
        """Certain orders by one labelling, over the pairs that a verdict is about."""
        return self._find_certain(self.comparisons, labelling)

    def find_turned(self, labelling: str, changed: pd.DataFrame) -> list[str]:
        """Two arms whose order is certain, and certainly another one after a change of the scores.

        The order before is certain by the comparisons of the whole run, corrected for all of them; so these sentences
        add nothing to its risk of a false one.

        Parameters
        ----------
        changed : DataFrame
            Rows of the labelling with another ``dice_mean``, or some of them, evaluated as before.
        """
        before = self.of(labelling)
        if not before or changed.empty:
            return []
        means = {arm: _mean(changed, arm) for arm in arms_of(changed)}
        gone = {(a, b): d for (a, b), d in before.items() if {a, b} <= set(means) and d * (means[b] - means[a]) < 0}
        if not gone:
            return []

        arms = {arm for couple in gone for arm in couple}
        found, codes = number_arms(changed)
        rows = changed[np.array([arm in arms for arm in found])[codes]]
        after = self._find_certain(compare(rows.assign(labelling=labelling)), labelling)
        return reversals(gone, after, arm_labels(arms_of(changed)))

    def _find_certain(self, comparisons: pd.DataFrame | None, labelling: str) -> Order:
        if comparisons is None or comparisons.empty:
            return {}
        here = comparisons[comparisons["labelling"] == labelling]
        if here.empty:
            return {}
        here = here[(here["split"] == primary_class(here["split"])) & (here["p_holm"] < self.alpha)]
        here = here[(here["method_a"] != FLOOR) & (here["method_b"] != FLOOR)]
        columns = [here[name] for name in ("variant_a", "method_a", "variant_b", "method_b", "mean_difference")]
        return {(Arm(va, ma), Arm(vb, mb)): d for va, ma, vb, mb, d in zip(*columns, strict=True)}


def _mean(rows: pd.DataFrame, arm: Arm) -> float:
    of = rows[(rows["variant"] == arm.variant) & (rows["method"] == arm.method)]
    return float(scored_dice(of).mean())


def reversals(before: Order, after: Order, names: Mapping[Arm, str]) -> list[str]:
    """Two arms that both orders have, the other way round."""
    both = after | {(b, a): -d for (a, b), d in after.items()}
    return [f"{names[a]} and {names[b]}" for (a, b), d in before.items() if d * both.get((a, b), d) < 0]


def tell_couples(couples: list[str]) -> str:
    """A sentence about `turned`, with a space before it; empty where there are none."""
    return f" The order of {'; '.join(couples[:3])} is reversed, both for certain." if couples else ""
