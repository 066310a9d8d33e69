"""Which arms can be ranked with each other, and on which pairs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lumirage_bids.stats.classes import FLOOR, Arm, primary_class
from lumirage_bids.stats.layout import Mask
from lumirage_bids.stats.pairing import SideBySide
from lumirage_bids.stats.student import Floats

#: Share of its pairs that an arm may lack and still be ranked with the others, percent.
MAY_LACK_PERCENT = 5
#: Arms that are no competitors: they are measured against, and never narrow what is common.
FLOORS = (FLOOR,)


@dataclass(frozen=True, kw_only=True)
class Common:
    """What is common to the arms of a table.

    Attributes
    ----------
    unranked : array, shape (arms,)
        Which arms are no competitors.
    lacking_percent : array, shape (arms,)
        Share of the pairs, those of any arm, that the arm has no score of; a pair that no arm could score, a
        unranked arms among them, is lacking for nobody.
    set_aside : array, shape (arms,)
        Which competitors lack more than `MAY_LACK_PERCENT` in pairs that another one scored; where all do, those that
        lack the same pairs are not (the fewest that two or more lack alike).
    pairs : array, shape (pairs,)
        Pairs that all competitors scored that are not set aside; none where all are.
    ranked_on : array, shape (pairs,)
        Those of them that comparisons are over: without groups of too few subjects, where there are others.
    """

    unranked: Mask
    lacking_percent: Floats
    set_aside: Mask
    pairs: Mask
    ranked_on: Mask


def common_pairs(table: SideBySide, unranked: Collection[str] = FLOORS) -> Common:
    """Set the arms aside that lack pairs, and find the pairs that the others share."""
    scored = np.isfinite(table.dice)
    out = np.array([arm.method in unranked for arm in table.arms], dtype=np.bool_)
    # What no arm could score is the data's fault, unless it failed and no unranked arm tells whose fault it is.
    told = (table.ran & out).any(axis=1) | ~table.failed.any(axis=1)
    counted = scored.any(axis=1) | ~told
    lacks = (~scored[counted]).sum(axis=0)
    lacking = 100 * lacks / counted.sum() if counted.any() else np.full(len(table.arms), 100.0)
    aside = np.array(~out, dtype=np.bool_)
    aside[~out] = _find_aside(scored[counted][:, ~out])
    ranked = ~out & ~aside
    pairs = np.asarray(scored[:, ranked].all(axis=1) & ranked.any())
    ranked_on = np.zeros(len(pairs), dtype=np.bool_)
    ranked_on[table.crossing.designs.of(pairs).kept] = True
    return Common(unranked=out, lacking_percent=lacking, set_aside=aside, pairs=pairs, ranked_on=ranked_on)


def _find_aside(scored: Mask) -> Mask:
    """Which competitors are set aside, by the pairs that each scored, shape (pairs, competitors).

    What all of them lack favours none. Where every one lacks too much of the rest, those that lack the very same pairs
    can still be ranked with each other.
    """
    by_any = np.asarray(scored.any(axis=1))
    lacks = by_any[:, None] & ~scored
    # Counts first: 19 of 20 lack exactly 5 %.
    aside = np.asarray((100 * lacks.sum(axis=0) / max(1, int(by_any.sum())) > MAY_LACK_PERCENT) | ~scored.any(axis=0))
    if not aside.all() or not scored.any():
        return aside
    _, kind, sizes = np.unique(scored, axis=1, return_inverse=True, return_counts=True)
    alike = (sizes[kind] > 1) & scored.any(axis=0)
    if alike.any():
        fewest = int(np.where(alike, lacks.sum(axis=0), len(scored) + 1).argmin())
        aside = aside & (kind != kind[fewest])
    return aside


def find_aside(summary: pd.DataFrame, labelling: str) -> frozenset[Arm]:
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
