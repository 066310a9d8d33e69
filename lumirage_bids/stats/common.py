"""Which arms can be ranked with each other, and on which pairs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lumirage_bids.stats.classes import FLOOR, Arm, primary_class
from lumirage_bids.stats.design import Mask
from lumirage_bids.stats.pairing import SideBySide
from lumirage_bids.stats.student import Floats

#: Share of its pairs that an arm may lack and still be ranked with the others, percent.
MAY_LACK_PERCENT = 5
#: Arms that are no competitors: they are measured against, and never narrow what is common.
REFERENCES = (FLOOR,)


@dataclass(frozen=True, kw_only=True)
class Common:
    """What is common to the arms of a table.

    Attributes
    ----------
    reference : array, shape (arms,)
        Which arms are no competitors.
    lacking_percent : array, shape (arms,)
        Share of the pairs, those of any arm, that the arm has no score of; a pair that no arm could score, a
        reference among them, is lacking for nobody.
    set_aside : array, shape (arms,)
        Which competitors lack more than `MAY_LACK_PERCENT`.
    pairs : array, shape (pairs,)
        Pairs that all competitors scored that are not set aside; none where all are.
    """

    reference: Mask
    lacking_percent: Floats
    set_aside: Mask
    pairs: Mask


def common_pairs(table: SideBySide, references: Collection[str] = REFERENCES) -> Common:
    """Set the arms aside that lack pairs, and find the pairs that the others share."""
    scored = np.isfinite(table.dice)
    reference = np.array([arm.method in references for arm in table.arms], dtype=np.bool_)
    # What no arm could score is the data's fault, unless it failed and there is no reference to tell whose fault it is.
    told = (table.ran & reference).any(axis=1) | ~table.failed.any(axis=1)
    counted = scored.any(axis=1) | ~told
    # Counts first: 19 of 20 lack exactly 5 %.
    lacks = (~scored[counted]).sum(axis=0)
    lacking = 100 * lacks / counted.sum() if counted.any() else np.full(len(table.arms), 100.0)
    aside = ~reference & (lacking > MAY_LACK_PERCENT)
    ranked = ~reference & ~aside
    pairs = np.asarray(scored[:, ranked].all(axis=1) & ranked.any())
    return Common(reference=reference, lacking_percent=lacking, set_aside=aside, pairs=pairs)


def arms_aside(summary: pd.DataFrame, labelling: str) -> frozenset[Arm]:
    """Arms of a labelling that are set aside, in the class of pairs that a verdict is about.

    Parameters
    ----------
    summary : DataFrame
        Rows of `lumirage_bids.stats.summaries.summarise`.
    labelling : str
    """
    rows = summary[summary["labelling"] == labelling]
    rows = rows[(rows["split"] == primary_class(rows["split"])) & rows["set_aside"].astype(bool)]
    return frozenset(Arm(*arm) for arm in zip(rows["variant"], rows["method"], strict=True))
